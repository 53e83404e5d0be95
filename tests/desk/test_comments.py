"""The desk's comments: the newest comments over all posts, and the switches of their posts."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from support.moderation import SCREEN, items
from support.persons import Person, happened
from webapp import db
from webapp.people import users


@pytest.fixture
def post_id(ada: Person) -> int:
    """A live post of Ada's."""
    return ada.write_post(live="y")


def switches(page: str) -> dict[int, str]:
    """What each post on the screen is switched to."""
    found = re.findall(r'id="switch-(\d+)".*?</li>', page, re.DOTALL)
    rows = dict(zip(found, re.findall(r'id="switch-\d+".*?</li>', page, re.DOTALL), strict=True))
    pressed = r'value="(\w+)" aria-pressed="true"'
    return {int(post_id): "".join(re.findall(pressed, row)) for post_id, row in rows.items()}


def switch(person: Person, post_id: int, to: str, **data: str) -> int:
    return person.post(f"/desk/post/{post_id}/comments", comments=to, **data).status_code


# The newest comments


def test_the_newest_comments_of_all_ones_posts_stand_on_one_screen(
    ada: Person, bob: Person, eve: Person, edith: Person, post_id: int
) -> None:
    other, bobs = ada.write_post(title="The weather"), bob.write_post(title="Of Bob")
    first = eve.comment(post_id, "First of all.")
    second = eve.comment(other, "Then **rain**.")
    third = eve.comment(bobs, "Under Bob’s.")
    found = items(ada.get(SCREEN).text)
    assert list(found) == [f"post-{other}-comment-{second}", f"post-{post_id}-comment-{first}"]
    newest = found[f"post-{other}-comment-{second}"]
    assert "Then <strong>rain</strong>." in newest
    assert "The weather" in newest
    assert 'href="/user/eve"' in newest
    assert "<time" in newest
    assert list(items(bob.get(SCREEN).text)) == [f"post-{bobs}-comment-{third}"]
    assert len(items(edith.get(SCREEN).text)) == 3


def test_ids_are_there_once_though_every_post_counts_from_one(ada: Person, eve: Person, post_id: int) -> None:
    assert eve.comment(post_id) == eve.comment(ada.write_post(live="y"))
    ids = re.findall(r' id="([^"]+)"', ada.get(SCREEN).text)
    assert sorted(set(ids)) == sorted(ids)


def test_it_is_for_those_who_write(eve: Person, anonymous: Person, ada: Person, post_id: int) -> None:
    n = eve.comment(post_id, "Hear, hear.")
    for path in (SCREEN, f"/desk/post/{post_id}/comment/{n}", f"/desk/post/{post_id}/comments"):
        assert ada.get(path).status_code == 200
        assert eve.get(path).status_code == 403
        assert anonymous.get(path).location == f"/login?next={path}"
    assert f'href="{SCREEN}"' in ada.get("/desk").text


def test_a_colleague_gets_no_part_of_anothers_post(bob: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "Hear, hear.")
    assert bob.get(f"/desk/post/{post_id}/comment/{n}").status_code == 403
    assert bob.get(f"/desk/post/{post_id}/comments").status_code == 403
    assert "Hear, hear." not in bob.get(SCREEN).text


def test_a_draft_takes_no_comments_so_it_has_none_here(ada: Person, eve: Person, post_id: int) -> None:
    eve.comment(post_id)
    assert len(items(ada.get(SCREEN).text)) == 1
    ada.post(f"/desk/post/{post_id}/unpublish")
    page = ada.get(SCREEN).text
    assert items(page) == {}
    assert switches(page) == {}


def test_what_is_known_of_a_person_stands_by_the_comment(
    app: Flask, ada: Person, eve: Person, root: Person, post_id: int
) -> None:
    with app.app_context(), db.writing() as session:
        users.by_name(session, "eve").created_at = 1_767_225_600_000  # 1 January 2026
    ns = [eve.comment(post_id, f"Number {i}.") for i in range(3)]
    ada.post(f"/desk/post/{post_id}/comment/{ns[0]}/withdraw")
    eve.post(f"/post/{post_id}/comment/{ns[1]}/delete")
    item = items(root.get(SCREEN).text)[f"post-{post_id}-comment-{ns[2]}"]
    assert "3 comments" in item
    assert "One withdrawn" in item, "one's own deletions don't count"
    assert re.search(r"Joined <time[^>]*>1 January 2026", item)


def test_what_somebody_deleted_is_not_shown_and_cant_be_restored(ada: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "I take it back.")
    assert "I take it back." in ada.get(SCREEN).text
    eve.post(f"/post/{post_id}/comment/{n}/delete")
    page = ada.get(SCREEN).text
    assert "I take it back." not in page
    assert "Deleted by its author" in page
    assert f"/comment/{n}/restore" not in page


def test_only_admins_disable_people_from_here_and_come_back(
    ada: Person, edith: Person, root: Person, eve: Person, post_id: int
) -> None:
    n = eve.comment(post_id)
    root.comment(post_id, "Behave.")
    there = f"{SCREEN}#post-{post_id}-comment-{n}"
    for person in (ada, edith):
        assert "/disable" not in person.get(SCREEN).text
    page = root.get(SCREEN).text
    assert page.count("/disable") == 1, "not oneself"
    assert re.search(r"<summary[^>]*>Disable account .*?</summary>\s*<form[^>]*/disable", page), "in a second step"
    path = unescape(re.findall(r'action="(/desk/people/\d+/disable)"', page)[0])
    assert ada.post(path, next=there).status_code == 403
    assert root.post(path, next=there).location == there
    assert eve.get("/me").json["signed_in"] is False  # type: ignore[index]
    page = root.get(SCREEN).text
    assert path.replace("disable", "enable") in page
    assert '<strong class="mark">Disabled</strong>' in page


def test_a_deleted_account_has_no_name_and_no_button(app: Flask, root: Person, eve: Person, post_id: int) -> None:
    eve.comment(post_id, "So long.")
    assert "/disable" in root.get(SCREEN).text
    with app.app_context(), db.writing() as session:
        users.remove(session, users.by_name(session, "eve").id)
    page = root.get(SCREEN).text
    assert "So long." in page
    assert "Deleted account" in page
    assert "/disable" not in page


# One tap


def test_withdrawing_leads_back_to_the_same_place_where_restoring_is(
    ada: Person, eve: Person, anonymous: Person, post_id: int
) -> None:
    n = eve.comment(post_id, "Rude words.")
    item = f"post-{post_id}-comment-{n}"
    for verb, then in (("withdraw", "restore"), ("restore", "withdraw")):
        html = items(ada.get(SCREEN).text)[item]
        assert f'action="/desk/post/{post_id}/comment/{n}/{verb}"' in html
        there = unescape(re.findall(r'name="next" value="([^"]+)"', html)[0])
        answer = ada.post(f"/desk/post/{post_id}/comment/{n}/{verb}", next=there)
        assert answer.location == f"{SCREEN}#{item}"
        assert f"/comment/{n}/{then}" in items(ada.get(SCREEN).text)[item]
        assert ("Rude words." in anonymous.get(f"/post/{post_id}").text) == (verb == "restore")


def test_it_leads_to_no_other_site(ada: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id)
    for path in (f"/desk/post/{post_id}/comment/{n}/withdraw", f"/desk/post/{post_id}/comments"):
        answer = ada.post(path, comments="slow", next="https://evil.example/")
        assert answer.status_code == 302
        assert answer.location.startswith("/desk/")


def test_without_a_live_post_nobody_has_to_look_for_the_others(ada: Person, eve: Person) -> None:
    eve.comment(ada.write_post())
    assert re.findall("<details class=.switches__others. open>\n<summary>(.*?)<", ada.get(SCREEN).text) == [
        "Posts with new comments"
    ]
    ada.write_post(live="y")
    assert re.findall("<details class=.switches__others.>\n<summary>(.*?)<", ada.get(SCREEN).text) == [
        "Other posts with new comments"
    ]


@pytest.mark.parametrize("to", ["slow", "closed"])
def test_a_switch_holds_comments_up_and_lets_them_go_again(
    app: Flask, ada: Person, anonymous: Person, post_id: int, to: str
) -> None:
    assert switches(ada.get(SCREEN).text) == {post_id: "open"}
    before = len(happened(app, post_id))
    answer = ada.post(f"/desk/post/{post_id}/comments", comments=to)
    assert answer.location == f"{SCREEN}#switch-{post_id}"
    assert switches(ada.get(SCREEN).text) == {post_id: to}
    words = {"slow": "Slow mode: one comment", "closed": "Comments are closed."}
    assert words[to] in anonymous.get(f"/post/{post_id}").text
    assert [happening.kind for happening in happened(app, post_id)[before:]] == ["comments"]
    assert switch(ada, post_id, "open") == 302
    assert words[to] not in anonymous.get(f"/post/{post_id}").text
    assert switches(ada.get(SCREEN).text) == {post_id: "open"}


def test_switching_to_what_it_is_changes_nothing(app: Flask, ada: Person, post_id: int) -> None:
    before = happened(app, post_id)
    assert switch(ada, post_id, "open") == 302
    assert happened(app, post_id) == before
    assert switch(ada, post_id, "slow") == 302
    assert happened(app, post_id) != before


@pytest.mark.parametrize("to", ["", "perhaps", "OPEN"])
def test_there_are_no_other_positions(ada: Person, post_id: int, to: str) -> None:
    assert switch(ada, post_id, to) == 400
    assert switches(ada.get(SCREEN).text) == {post_id: "open"}


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("eve", 403), (None, 401), ("ada", 302), ("edith", 302)])
def test_only_those_who_moderate_a_post_switch_its_comments(
    ada: Person, post_id: int, name: str | None, status: int
) -> None:
    person = Person(ada.app, name)
    answer = person.post(f"/desk/post/{post_id}/comments", None if name else "/login", comments="closed")
    assert answer.status_code == status
    assert switches(ada.get(SCREEN).text) == {post_id: "closed" if status == 302 else "open"}


def test_a_form_opened_before_does_not_switch_them_back(ada: Person, post_id: int) -> None:
    version = re.findall(r'name="version"[^>]*value="(\d+)"', ada.get(f"/desk/post/{post_id}").text)[0]
    assert switch(ada, post_id, "closed") == 302
    fields = {"title": "The derby!", "live": "y", "comments": "open", "action": "publish"}
    assert ada.post(f"/desk/post/{post_id}", version=version, **fields).status_code == 409
    assert switches(ada.get(SCREEN).text) == {post_id: "closed"}


def test_live_posts_and_those_lately_commented_on_have_a_switch(ada: Person, bob: Person, eve: Person) -> None:
    live, commented = ada.write_post(live="y"), ada.write_post()
    ada.write_post(title="Neither")
    bob.write_post(live="y")
    eve.comment(commented)
    page = ada.get(SCREEN).text
    assert set(switches(page)) == {live, commented}
    assert set(switches(page.split('data-list="others"')[1])) == {commented}
