"""Settings: name, address, password, other sessions, and deleting the account."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import update

from support.persons import NEW_PASSWORD, PASSWORD, Person, id_of, is_signed_in
from webapp import db, models
from webapp.people import passwords, users
from webapp.system.clock import now_ms

WRONG_PASSWORD = "wrong wrong wrong"


def test_settings_are_for_those_who_are_signed_in(ada: Person, anonymous: Person) -> None:
    for path in ("/settings", "/settings/comments"):
        assert ada.get(path).status_code == 200
        answer = anonymous.get(path)
        assert (answer.status_code, answer.location) == (302, f"/login?next={path}")


def test_it_is_called_account_and_tells_admins_where_the_site_is_set(ada: Person, root: Person) -> None:
    for person, told in ((ada, False), (root, True)):
        page = person.get("/settings").text
        assert "<title>Account – " in page
        assert "<h1>Account</h1>" in page
        assert f'>Account <span class="masthead__user" dir="auto">{person.name}</span>' in page
        assert ("see <code>docs/settings.md</code>." in page) is told
    assert ">Account <span" in Person(ada.app).get("/").text


def test_it_changes_name_and_address(ada: Person) -> None:
    answer = ada.post("/settings", username="ada-l", email="ada@example.net", password=PASSWORD)
    assert (answer.status_code, answer.location) == (302, "/settings")
    assert "Saved." in ada.get("/settings").text
    for name in ("ada-l", "ada@example.net"):
        assert Person(ada.app).log_in(name).status_code == 302
    for name in ("ada", "ada@example.org"):
        assert Person(ada.app).log_in(name).status_code == 400


def test_an_address_can_be_taken_away(ada: Person) -> None:
    ada.post("/settings", username="ada", email="", password=PASSWORD)
    assert "ada@example.org" not in ada.get("/settings").text
    assert Person(ada.app).log_in("ada@example.org").status_code == 400


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/settings", {"username": "ada-l", "email": "evil@example.org"}),
        ("/settings/password", {"new_password": NEW_PASSWORD}),
        ("/settings/delete", {}),
    ],
)
def test_whoever_finds_the_browser_open_changes_nothing(ada: Person, path: str, fields: dict[str, str]) -> None:
    for password in (WRONG_PASSWORD, ""):
        answer = ada.post(path, password=password, **fields)
        assert answer.status_code == 400
        assert "Wrong password" in answer.text or "This field is required." in answer.text
    assert ada.get("/me").json["username"] == "ada"
    assert Person(ada.app).log_in("ada").status_code == 302
    assert ada.post(path, password=PASSWORD, **fields).status_code == 302


def test_guessing_in_the_settings_is_counted_like_a_log_in(ada: Person) -> None:
    token = ada.csrf_token()
    for _ in range(10):
        guess = {"csrf_token": token, "password": WRONG_PASSWORD, "new_password": NEW_PASSWORD}
        assert ada.client.post("/settings/password", data=guess).status_code == 400
    answer = ada.post("/settings/password", password=PASSWORD, new_password=NEW_PASSWORD)
    assert answer.status_code == 429


def test_a_taken_name_is_refused_at_the_field(ada: Person) -> None:
    for fields in ({"username": "BOB"}, {"username": "ada", "email": "bob@example.org"}):
        answer = ada.post("/settings", password=PASSWORD, **fields)
        assert answer.status_code == 400
        assert "taken" in answer.text or "Another account" in answer.text
    assert Person(ada.app).log_in("bob").status_code == 302


def test_a_new_password_ends_the_other_sessions(ada: Person) -> None:
    elsewhere = Person(ada.app, "ada")
    assert is_signed_in(elsewhere)
    answer = ada.post("/settings/password", password=PASSWORD, new_password=NEW_PASSWORD)
    assert answer.status_code == 302
    assert "All other sessions were logged out" in ada.get("/settings").text
    assert not is_signed_in(elsewhere)
    assert Person(ada.app).log_in("ada").status_code == 400
    assert Person(ada.app).log_in("ada", NEW_PASSWORD).status_code == 302


def test_other_sessions_are_listed_and_end_at_once(ada: Person) -> None:
    phone = Person(ada.app)
    token = phone.csrf_token("/login")
    fields = {"csrf_token": token, "username": "ada", "password": PASSWORD}
    phone.client.post("/login", data=fields, headers={"User-Agent": "<b>Phone</b>" + "x" * 500})
    page = ada.get("/settings").text
    assert "&lt;b&gt;Phone&lt;/b&gt;" in page
    assert "<b>Phone" not in page
    assert "x" * 200 not in page
    assert page.count(">This browser<") == 1
    assert ada.post("/settings/sessions/end").status_code == 302
    assert is_signed_in(ada)
    assert not is_signed_in(phone)
    assert "Phone" not in ada.get("/settings").text


def test_a_session_that_has_ended_is_listed_no_more(app: Flask, ada: Person) -> None:
    phone = Person(app)
    fields = {"csrf_token": phone.csrf_token("/login"), "username": "ada", "password": PASSWORD}
    phone.client.post("/login", data=fields, headers={"User-Agent": "Phone"})
    assert "Phone" in ada.get("/settings").text
    assert is_signed_in(phone)
    with app.app_context(), db.writing() as session:
        ended = update(models.LoginSession).where(models.LoginSession.agent == "Phone")
        session.execute(ended.values(expires_at=now_ms() - 1))
    assert "Phone" not in ada.get("/settings").text
    assert not is_signed_in(phone)


def by_an_admin(owner: Person, do: Callable[..., object], value: object) -> None:
    with owner.app.app_context(), db.writing() as session:
        do(session, users.by_name(session, "ada").id, value)


OWNERS_WAYS: dict[str, Callable[[Person], object]] = {
    "a reset": lambda owner: by_an_admin(owner, users.set_password, passwords.make_hash(NEW_PASSWORD)),
    "a change elsewhere": lambda owner: owner.post("/settings/password", password=PASSWORD, new_password=NEW_PASSWORD),
    "all other sessions ended": lambda owner: owner.post("/settings/sessions/end"),
    "the account disabled": lambda owner: by_an_admin(owner, users.disable, True),
}
THIEFS_WAYS = {
    "/settings": {"username": "mallory", "email": "mallory@example.org"},
    "/settings/password": {"new_password": "the thief's own choice"},
    "/settings/delete": {},
}


@pytest.mark.parametrize("meanwhile", OWNERS_WAYS)
@pytest.mark.parametrize("path", THIEFS_WAYS)
def test_nothing_under_way_wins_over_the_owner(
    ada: Person, path: str, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has the old password and a session; their request began before the owner's, and writes after it."""
    thief, owner = Person(ada.app, "ada"), ada
    token, verify = thief.csrf_token(), passwords.verify

    def slow(password_hash: str | None, password: str) -> bool:
        right = verify(password_hash, password)
        monkeypatch.setattr(passwords, "verify", verify)
        OWNERS_WAYS[meanwhile](owner)
        return right

    owner.csrf_token()
    monkeypatch.setattr(passwords, "verify", slow)
    answer = thief.client.post(path, data=THIEFS_WAYS[path] | {"csrf_token": token, "password": PASSWORD})
    assert passwords.verify is verify, "nothing came in between"
    assert answer.status_code == 401
    by_an_admin(ada, users.disable, False)
    known = PASSWORD if meanwhile in ("all other sessions ended", "the account disabled") else NEW_PASSWORD
    assert Person(ada.app).log_in("ada", known).status_code == 302


def test_ending_other_sessions_leaves_other_people_alone(ada: Person, bob: Person) -> None:
    ada.post("/settings/sessions/end")
    assert is_signed_in(bob)


def test_deleting_the_account_keeps_the_texts_without_the_name(ada: Person, eve: Person, anonymous: Person) -> None:
    post_id = ada.write_post()
    eve.comment(post_id, "Well said, Ada.")
    elsewhere = Person(ada.app, "eve")
    answer = eve.post("/settings/delete", password=PASSWORD)
    assert (answer.status_code, answer.location) == (302, "/login")
    assert not is_signed_in(eve)
    assert not is_signed_in(elsewhere)
    page = anonymous.get(f"/post/{post_id}").text
    assert "Well said, Ada." in page
    assert "Deleted account" in page
    assert "/user/eve" not in page
    assert anonymous.get("/user/eve").status_code == 404
    for name in ("eve", "eve@example.org", f"deleted-{id_of_deleted(ada.app)}"):
        assert Person(ada.app).log_in(name).status_code == 400


def id_of_deleted(app: Flask) -> int:
    with app.app_context():
        gone = db.reading().query(models.User).filter(models.User.deleted_at.is_not(None)).one()
        assert (gone.email, gone.email_key, gone.password_hash) == (None, None, None)
        return gone.id


def test_deleting_the_account_takes_the_comments_along_when_wanted(ada: Person, eve: Person) -> None:
    post_id = ada.write_post()
    eve.comment(post_id, "Well said, Ada.")
    ada.comment(post_id, "Thank you.")
    assert "Well said, Ada." in ada.get(f"/post/{post_id}").text
    eve.post("/settings/delete", password=PASSWORD, with_comments="y")
    page = ada.get(f"/post/{post_id}").text
    assert "Well said, Ada." not in page
    assert "Thank you." in page


def test_the_last_admin_can_not_delete_the_account(root: Person, app: Flask) -> None:
    """`init` made one admin more; without it root is the last."""
    root.post(f"/desk/people/{id_of(app, 'admin')}/disable")
    post_id = root.write_post()
    root.comment(post_id, "Still here.")
    answer = root.post("/settings/delete", password=PASSWORD, with_comments="y")
    assert answer.status_code == 409
    assert "Still here." in root.get(f"/post/{post_id}").text
    assert "only admin" in answer.text
    assert is_signed_in(root)
