"""The desk's people: roles, disabled and deleted accounts, the last admin."""

from __future__ import annotations

import pytest
from flask import Flask

from support.persons import PASSWORD, Person, id_of
from webapp import changes, db
from webapp.errors import Refused
from webapp.people import users


def change(person: Person, name: str, what: str, **fields: str) -> int:
    """Send the form of the desk that changes this account; the answer's status."""
    return person.post(f"/desk/people/{id_of(person.app, name)}/{what}", **fields).status_code


# The desk


def test_admins_see_everybody_and_their_roles(root: Person) -> None:
    page = root.get("/desk/people").text
    for name in ("ada", "bob", "eve", "edith", "root", "admin"):
        assert f"/user/{name}" in page
    assert "eve@example.org" in page


def test_the_desk_of_people_is_for_admins(root: Person, anonymous: Person, app: Flask) -> None:
    """Every write is tried by everybody who may not, and then by an admin."""
    eve_id = id_of(app, "eve")
    writes = {
        "/desk/people/invite": {"role": "admin"},
        f"/desk/people/{eve_id}/role": {"role": "admin"},
        f"/desk/people/{eve_id}/password-link": {},
        f"/desk/people/{eve_id}/disable": {},
        f"/desk/people/{eve_id}/enable": {},
    }
    for name in ("eve", "ada", "edith"):
        person = Person(app, name)
        assert person.get("/desk/people").status_code == 403
        for path, fields in writes.items():
            answer = person.post(path, **fields)
            assert answer.status_code == 403, (name, path)
            assert "/invite/" not in answer.text
            assert "/password/" not in answer.text
    assert anonymous.get("/desk/people").location == "/login?next=/desk/people"
    for path, fields in writes.items():
        assert anonymous.post(path, form_at="/login", **fields).status_code == 401, path
    assert Person(app, "eve").get("/me").json["role"] == "reader"
    for path, fields in writes.items():
        assert root.post(path, **fields).status_code in (200, 302), path


def test_a_new_role_counts_at_once(root: Person, eve: Person) -> None:
    assert eve.get("/desk/new").status_code == 403
    assert change(root, "eve", "role", role="author") == 302
    assert "The role of eve is now: Author" in root.get("/desk/people").text
    assert eve.get("/desk/new").status_code == 200
    assert change(root, "eve", "role", role="reader") == 302
    assert eve.post("/desk/new", title="Late", body="Too late.", action="publish").status_code == 403


def test_a_form_that_was_open_when_the_role_was_taken_writes_nothing(root: Person, ada: Person) -> None:
    token = ada.csrf_token("/desk/new")
    change(root, "ada", "role", role="reader")
    fields = {"csrf_token": token, "title": "Late", "body": "Too late.", "action": "publish"}
    assert ada.client.post("/desk/new", data=fields).status_code == 403
    assert "Late" not in ada.get("/").text
    change(root, "ada", "role", role="author")
    assert ada.client.post("/desk/new", data=fields).status_code == 302


@pytest.mark.parametrize("role", ["owner", "", "ADMIN", "reader,admin"])
def test_there_are_four_roles(root: Person, role: str) -> None:
    assert change(root, "eve", "role", role=role) == 400
    assert root.post("/desk/people/invite", role=role).status_code == 400
    assert Person(root.app, "eve").get("/me").json["role"] == "reader"


def test_nobody_there_is_not_found(root: Person) -> None:
    for user_id in (0, 4711, 2**31 - 1, 2**63, 10**40):
        for what in ("role", "disable", "enable", "password-link"):
            assert root.post(f"/desk/people/{user_id}/{what}", role="reader").status_code == 404


def test_disabling_ends_the_sessions_and_keeps_the_texts(root: Person, ada: Person) -> None:
    post_id = ada.write_post()
    assert change(root, "ada", "disable") == 302
    assert "Disabled" in root.get("/desk/people").text
    assert not ada.get("/me").json["signed_in"]
    assert ada.get("/settings").status_code == 302
    assert Person(root.app).log_in("ada").status_code == 400
    page = root.get(f"/post/{post_id}")
    assert page.status_code == 200
    assert "/user/ada" in page.text
    assert change(root, "ada", "enable") == 302
    assert not ada.get("/me").json["signed_in"], "the sessions of before stay ended"
    assert Person(root.app).log_in("ada").status_code == 302


def test_a_disabled_account_answers_like_a_wrong_password(root: Person, anonymous: Person) -> None:
    change(root, "eve", "disable")
    assert "Wrong username or password." in anonymous.log_in("eve").text
    assert "Wrong username or password." in anonymous.log_in("eve@example.org").text


def test_a_session_that_began_while_the_account_was_disabled_is_worth_nothing(root: Person, eve: Person) -> None:
    with root.app.app_context(), changes.changing() as session:
        users.by_name(session, "eve").disabled_at = 1
    assert not eve.get("/me").json["signed_in"]


def test_one_admin_always_stays(root: Person, app: Flask) -> None:
    assert change(root, "admin", "disable") == 302, "there are two, so one may go"
    for what, fields in (("role", {"role": "editor"}), ("disable", {})):
        answer = root.post(f"/desk/people/{id_of(app, 'root')}/{what}", **fields)
        assert answer.status_code == 409
        assert "only admin" in answer.text
    assert root.get("/me").json["role"] == "admin"
    assert change(root, "root", "role", role="admin") == 302, "the role that it has already"
    assert change(root, "edith", "role", role="admin") == 302
    assert change(root, "root", "role", role="editor") == 302, "now there is another one"


def test_two_admins_can_not_dismiss_each_other_at_once(root: Person, app: Flask) -> None:
    """Both were let in as admins; the transactions come one after the other."""
    with app.app_context(), changes.changing() as session:
        users.set_role(session, id_of(app, "admin"), "reader")
    with app.app_context(), pytest.raises(Refused, match="only admin"), changes.changing() as session:
        users.set_role(session, id_of(app, "root"), "reader")
    assert root.get("/me").json["role"] == "admin"


# Deleted accounts


def delete(person: Person) -> int:
    return person.post("/settings/delete", password=PASSWORD).status_code


def test_a_deleted_account_is_gone_from_the_desk(root: Person, eve: Person, app: Flask) -> None:
    eve_id = id_of(app, "eve")
    assert f"/desk/people/{eve_id}/" in root.get("/desk/people").text
    delete(eve)
    assert f"/desk/people/{eve_id}/" not in root.get("/desk/people").text
    for what in ("role", "enable", "password-link"):
        assert root.post(f"/desk/people/{eve_id}/{what}", role="admin").status_code == 404
    assert root.get(f"/user/deleted-{eve_id}").status_code == 404


@pytest.mark.parametrize("how", ["deleted", "demoted"])
def test_posts_of_somebody_who_is_gone_can_still_be_edited(ada: Person, edith: Person, root: Person, how: str) -> None:
    """The form names its authors as they are; sending it back must not stumble over them."""
    post_id = ada.write_post(title="Before")
    assert (delete(ada) if how == "deleted" else change(root, "ada", "role", role="reader")) == 302
    with edith.app.app_context():
        fields = users.posts.texts_of(users.posts.written(db.reading(), post_id))
    sent = {name: value for name, value in fields.items() if name != "live"} | {"title": "After", "action": "publish"}
    answer = edith.post(f"/desk/post/{post_id}", **sent)
    assert answer.status_code == 302, answer.text
    page = edith.get(f"/post/{post_id}").text
    assert "After" in page
    assert ("Deleted account" if how == "deleted" else "/user/ada") in page


def test_a_deleted_account_can_not_be_named_as_an_author(ada: Person, bob: Person, app: Flask) -> None:
    ada_id = id_of(app, "ada")
    delete(ada)
    for name in ("ada", f"deleted-{ada_id}"):
        answer = bob.post("/desk/new", title="Ours", body="Text.", action="publish", authors=f"bob, {name}")
        assert answer.status_code == 400
        assert "No user named" in answer.text
    assert bob.post("/desk/new", title="Ours", body="Text.", action="publish", authors="bob").status_code == 302
