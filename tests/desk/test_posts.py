"""Writing: drafts, preview, publishing, several authors, forms sent twice, and older texts."""

from __future__ import annotations

import re
from html import unescape
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import update

from support.persons import Person, draft, happened, value_of
from webapp import db
from webapp.content import posts
from webapp.models import Tag


def secret_link(person: Person, post_id: int) -> str:
    found = re.search(r'href="[^"]*(/draft/[0-9a-f-]{36})"', person.get(f"/desk/post/{post_id}").text)
    assert found
    return found[1]


# Drafts and publishing


def test_the_desk_lists_ones_own_drafts_and_posts(ada: Person, bob: Person) -> None:
    draft(ada, title="Half a thought")
    ada.write_post(title="A whole one")
    bob.write_post(title="Of somebody else")
    page = ada.get("/desk").text
    drafts, published = page.split('id="list-2"')
    assert "Half a thought" in drafts
    assert "A whole one" in published
    assert "Of somebody else" not in page
    assert "Of somebody else" in bob.get("/desk").text


def test_the_desk_lists_everybodys_posts_for_an_editor(ada: Person, edith: Person) -> None:
    draft(ada, title="Half a thought")
    assert "Half a thought" in edith.get("/desk").text


def test_the_desk_asks_strangers_to_log_in_and_come_back(anonymous: Person) -> None:
    answer = anonymous.get("/desk/new")
    assert answer.status_code == 302
    assert answer.location == "/login?next=/desk/new"


def test_the_desk_refuses_readers(eve: Person) -> None:
    assert eve.get("/desk").status_code == 403
    assert eve.get("/desk/new").status_code == 403


def test_a_draft_is_for_its_authors_only(ada: Person, bob: Person, anonymous: Person) -> None:
    post_id = draft(ada)
    assert "Kick-off at eight." in ada.get(f"/desk/post/{post_id}").text
    assert anonymous.get(f"/post/{post_id}").status_code == 404
    assert "The derby" not in anonymous.get("/").text
    refused = bob.get(f"/desk/post/{post_id}")
    assert refused.status_code == 404
    assert "Kick-off" not in refused.text


def test_who_started_a_post_is_removed_by_editors_alone(ada: Person, bob: Person, edith: Person) -> None:
    post_id = draft(ada, authors="ada, bob")
    path, texts = f"/desk/post/{post_id}", {"title": "The derby", "body": "Text.", "action": "draft"}
    refused = bob.post(path, authors="bob", **texts)
    assert refused.status_code == 400
    assert "Only an editor, or whoever started the post, can remove an author." in refused.text
    assert ada.get(path).status_code == 200
    assert ada.post(path, authors="ada", **texts).status_code == 302
    assert bob.get(path).status_code == 404
    assert ada.post(path, authors="ada, bob", **texts).status_code == 302
    assert edith.post(path, authors="bob", **texts).status_code == 302
    assert ada.get(path).status_code == 404


def test_a_draft_is_published_from_its_form(ada: Person, anonymous: Person) -> None:
    post_id = draft(ada)
    answer = ada.post(f"/desk/post/{post_id}", title="The derby", body="It is *on*.", action="publish")
    assert (answer.status_code, answer.location) == (302, f"/post/{post_id}")
    page = anonymous.get(f"/post/{post_id}").text
    assert "<em>on</em>" in page
    assert "The derby" in anonymous.get("/").text


def test_publish_is_the_main_button_and_enter_in_a_field_saves_a_draft(ada: Person) -> None:
    """A browser takes the first button for Enter."""
    buttons = re.findall(r'<button class="([^"]+)" name="action" value="(\w+)"', ada.get("/desk/new").text)
    assert buttons == [("button", "draft"), ("button", "preview"), ("button button--main", "publish")]


def test_preview_shows_the_page_and_keeps_nothing(ada: Person) -> None:
    answer = ada.post("/desk/new", title="The derby", body="It is *on*.", tags="football", action="preview")
    assert answer.status_code == 200
    assert "<em>on</em>" in answer.text
    assert value_of(answer.text, "body") == "It is *on*."
    assert value_of(answer.text, "tags") == "football"
    assert "The derby" not in ada.get("/desk").text


def test_preview_of_a_published_post_changes_nothing_for_readers(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post()
    before = anonymous.get(f"/post/{post_id}").data
    answer = ada.post(f"/desk/post/{post_id}", title="Other", body="Wholly other", action="preview")
    assert ">Wholly other</p>" in answer.text
    assert anonymous.get(f"/post/{post_id}").data == before


def test_unpublishing_takes_the_post_off_the_site_and_publishing_brings_all_of_it_back(
    ada: Person, anonymous: Person
) -> None:
    post_id = ada.write_post(live="y", tags="football")
    n = ada.add_update(post_id, "Goal!")
    ada.comment(post_id, "Well said.")
    public = [f"/post/{post_id}", f"/post/{post_id}/updates/1", f"/post/{post_id}/comments/1"]
    public += [f"/post/{post_id}/update/{n}", "/tag/football"]
    assert [anonymous.get(url).status_code for url in public] == [200] * 5
    assert ada.post(f"/desk/post/{post_id}/unpublish").status_code == 302
    assert [anonymous.get(url).status_code for url in public] == [404] * 5
    assert "The derby" not in anonymous.get("/").text
    assert "The derby" not in anonymous.get("/user/ada").text
    ada.post(f"/desk/post/{post_id}", title="The derby", live="y", action="publish")
    page = anonymous.get(f"/post/{post_id}").text
    assert "Goal!" in page
    assert "Well said." in page


def test_a_published_post_cant_become_a_draft_by_its_form(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post()
    answer = ada.post(f"/desk/post/{post_id}", title="Other", body="Other", action="draft")
    assert answer.status_code == 400
    assert value_of(answer.text, "body") == "Other"
    assert "Kick-off at eight." in anonymous.get(f"/post/{post_id}").text


def test_a_form_without_its_version_is_saved_all_the_same(ada: Person) -> None:
    post_id = ada.write_post()
    assert ada.post(f"/desk/post/{post_id}", title="A new title", action="publish").status_code == 302
    page = ada.get(f"/post/{post_id}").text
    assert "A new title" in page
    assert "Kick-off at eight." in page


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("title", "   ", "field is required"),
        ("title", "x" * 201, "Use 200 characters or fewer"),
        ("summary", "x" * 501, "Use 500 characters or fewer"),
        ("language", "not a language", "Use a language code"),
        ("language", "deutsch", "Use a language code"),
        ("tags", ",".join(map(str, range(11))), "Use 10 tags or fewer"),
        ("tags", "!!!", "can’t be used as a tag"),
        ("authors", "nobody", "No user named “nobody”"),
        ("authors", "ada, eve", "“eve” isn’t an author yet"),
        ("authors", "bob", "can’t remove yourself"),
        ("body", "x" * 200_001, "longer than 200 kB"),
        ("action", "explode", "can’t be saved as a draft"),
        ("comments", "perhaps", "Comments"),
        ("submission", "not-a-uuid", "damaged"),
    ],
)
def test_what_doesnt_fit_is_said_and_nothing_typed_is_lost(ada: Person, field: str, value: str, why: str) -> None:
    fits = {"title": "The derby", "body": "Long text of mine.", "action": "preview", "summary": "Short"}
    assert ada.post("/desk/new", **fits).status_code == 200
    answer = ada.post("/desk/new", **(fits | {"action": "publish", field: value}))
    assert answer.status_code == 400
    assert why in unescape(answer.text)
    kept = "summary" if field == "body" else "body"
    assert value_of(answer.text, kept) == fits[kept]
    assert "The derby" not in ada.get("/desk").text


def test_a_title_of_markup_is_shown_as_typed(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="<script>alert(1)</script> & co", summary="<b>bold</b>", tags="R&D <x>")
    for url in (f"/post/{post_id}", "/", "/user/ada", "/tag/r-d-x"):
        page = anonymous.get(url).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in page, url
        assert "<script>alert" not in page
        assert "<b>bold" not in page


# Tags, language, authors, comments


def test_tags_lead_to_the_posts_that_have_them(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="The derby", tags="Football, 足球，Local Elections")
    ada.write_post(title="Something else", tags="football")
    links = re.findall(r'href="(/tag/[^"]+)" rel="tag"[^>]*>([^<]+)<', anonymous.get(f"/post/{post_id}").text)
    assert [name for _url, name in links] == ["Football", "Local Elections", "足球"]
    for url, name in links:
        page = anonymous.get(url).text
        assert "The derby" in page
        assert name in page
        assert ("Something else" in page) == (name == "Football")


def test_a_tag_that_is_taken_off_is_gone(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(tags="football")
    assert anonymous.get("/tag/football").status_code == 200
    ada.post(f"/desk/post/{post_id}", title="The derby", tags="", action="publish")
    assert anonymous.get("/tag/football").status_code == 404


DIFFERENT = [("C", "C++", "C#"), ("ข่าว", "ข้าว"), ("काल", "कुल"), ("Google", "Google+"), ("שלום", "שָׁלוֹם")]
SAME = [
    ("#news", "News"),
    ("Café", "Cafe\u0301"),
    ("İzmir", "i\u0307zmir"),
    ("R&D", "r d"),
    ("issue#12", "Issue 12"),
    ("C++ ", "c++"),
]


@pytest.mark.parametrize("names", DIFFERENT)
def test_marks_and_signs_tell_tags_apart(ada: Person, anonymous: Person, names: tuple[str, ...]) -> None:
    for post_id in [ada.write_post(title=f"On {name}", tags=name) for name in names]:
        link = re.search(r'href="(/tag/[^"]+)" rel="tag"', anonymous.get(f"/post/{post_id}").text)
        assert link
        assert re.findall(r'card__title"><a href="/post/(\d+)"', anonymous.get(link[1]).text) == [str(post_id)]
        assert f"/post/{post_id}" in anonymous.get(f"{link[1]}/feed.atom").text


@pytest.mark.parametrize("names", SAME)
def test_the_rest_does_not(app: Flask, names: tuple[str, str]) -> None:
    one, other = map(posts.tag_key, names)
    assert one == other != ""


def test_a_tag_of_before_keeps_its_address_and_its_posts(app: Flask, ada: Person, anonymous: Person) -> None:
    old = ada.write_post(title="Old", tags="c")
    with app.app_context(), db.writing() as session:
        session.execute(update(Tag).where(Tag.key == "c").values(name="C++"))
    new, plain = ada.write_post(title="New", tags="c++"), ada.write_post(title="Plain", tags="C")
    assert anonymous.get("/tag/C++").location == "/tag/c"
    page = anonymous.get("/tag/c").text
    assert all(f'href="/post/{post_id}"' in page for post_id in (old, new, plain)), "what was one tag isn't split"


@pytest.mark.parametrize(("name", "former"), [("ǰoy", "j-oy"), ("ẖ", "h"), ("a\u115fb", "a\u115fb"), ("C++", "c")])
def test_a_former_key_is_as_it_was(name: str, former: str) -> None:
    assert posts.former_tag_key(name) == former


def test_the_same_tag_twice_is_one(ada: Person) -> None:
    post_id = ada.write_post(tags="Football, football, FOOTBALL")
    assert ada.get(f"/post/{post_id}").text.count('rel="tag"') == 1


@pytest.mark.parametrize(
    ("data", "language"),
    [
        ({"language": "pt-BR"}, "pt-BR"),
        ({"language": "zh_hans"}, "zh-Hans"),
        ({"language": "de-1996"}, "de-1996"),
        ({"language": "ar-latn"}, "ar-Latn"),
        ({"title": "今晚的比赛", "body": "八点开球，双方首发已经公布。"}, "zh"),
        ({"title": "Дерби", "body": "Матч начинается в восемь часов вечера."}, "ru"),
    ],
)
def test_a_post_says_its_language(ada: Person, data: dict[str, str], language: str) -> None:
    post_id = ada.write_post(**data)
    page = ada.get(f"/post/{post_id}").text
    assert re.search(rf'<h1 class="head__title" lang="{language}" dir="auto">', page)
    assert f'<div class="prose" lang="{language}" dir="auto">' in page


def test_several_authors_write_one_post(ada: Person, bob: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    assert bob.get(f"/desk/post/{post_id}").status_code == 403
    ada.post(f"/desk/post/{post_id}", title="The derby", authors="ada, BOB", live="y", action="publish")
    bob.add_update(post_id, "Bob was here.")
    page = anonymous.get(f"/post/{post_id}").text
    assert 'href="/user/ada"' in page
    assert "Bob was here." in page
    assert "The derby" in bob.get("/desk").text
    assert "The derby" in anonymous.get("/user/bob").text


def test_an_editor_may_take_an_author_off(ada: Person, edith: Person) -> None:
    post_id = ada.write_post()
    assert ada.get(f"/desk/post/{post_id}").status_code == 200
    answer = edith.post(f"/desk/post/{post_id}", title="The derby", authors="bob", action="publish")
    assert answer.status_code == 302
    assert ada.get(f"/desk/post/{post_id}").status_code == 403


def test_comments_are_closed_and_opened_by_the_form(ada: Person, eve: Person) -> None:
    post_id = ada.write_post(comments="closed")
    assert "Comments are closed." in eve.get(f"/post/{post_id}").text
    answer = eve.post(f"/post/{post_id}/comments", body="But I must say this.")
    assert answer.status_code == 409
    assert "But I must say this." in answer.text
    ada.post(f"/desk/post/{post_id}", title="The derby", comments="open", action="publish")
    eve.comment(post_id, "At last.")
    assert "At last." in eve.get(f"/post/{post_id}").text


# Live and ended


def test_a_live_post_stands_first_and_says_so(ada: Person, anonymous: Person) -> None:
    live = ada.write_post(title="Happening now", live="y")
    ada.write_post(title="Written later")
    front = anonymous.get("/").text
    assert front.index("Happening now") < front.index("Written later")
    assert '<p class="live-mark">Live</p>' in anonymous.get(f"/post/{live}").text


def test_ending_a_live_post_says_so_and_lets_it_stand_in_order(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="Happening now", live="y")
    ada.write_post(title="Written later")
    assert ada.post(f"/desk/post/{post_id}/end").location == f"/post/{post_id}"
    page = anonymous.get(f"/post/{post_id}").text
    assert "Live coverage ended on" in page
    assert 'class="live-mark"' not in page
    front = anonymous.get("/").text
    assert front.index("Written later") < front.index("Happening now")
    assert front.count("As it happened") == 1
    assert ada.get("/desk").text.count('<span class="ended-mark">Ended</span>') == 1


def test_ending_twice_keeps_the_first_time(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    ada.post(f"/desk/post/{post_id}/end")
    page = anonymous.get(f"/post/{post_id}").data
    assert ada.post(f"/desk/post/{post_id}/end").status_code == 302
    assert anonymous.get(f"/post/{post_id}").data == page


def test_an_ended_post_can_go_live_again(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    ada.post(f"/desk/post/{post_id}/end")
    ada.post(f"/desk/post/{post_id}", title="The derby", live="y", action="publish")
    page = anonymous.get(f"/post/{post_id}").text
    assert "Live coverage ended on" not in page
    ada.add_update(post_id, "Extra time.")
    assert "Extra time." in anonymous.get(f"/post/{post_id}").text


def test_a_draft_that_was_never_public_has_no_end(ada: Person) -> None:
    post_id = draft(ada, live="y")
    ada.post(f"/desk/post/{post_id}", title="The derby", action="publish")
    assert "Live coverage ended on" not in ada.get(f"/post/{post_id}").text


# The secret link


def test_whoever_has_the_secret_link_reads_the_draft(ada: Person, anonymous: Person) -> None:
    link = secret_link(ada, draft(ada))
    answer = anonymous.get(link)
    assert "Kick-off at eight." in answer.text
    assert '<meta name="robots" content="noindex">' in answer.text
    assert '<meta name="referrer" content="no-referrer">' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_guessed_link_shows_nothing(ada: Person, anonymous: Person) -> None:
    assert anonymous.get(secret_link(ada, draft(ada))).status_code == 200
    assert anonymous.get(f"/draft/{uuid4()}").status_code == 404
    assert anonymous.get("/draft/1").status_code == 404


def test_a_new_secret_link_kills_the_old_one(ada: Person, anonymous: Person) -> None:
    post_id = draft(ada)
    old = secret_link(ada, post_id)
    assert anonymous.get(old).status_code == 200
    ada.post(f"/desk/post/{post_id}/draft-link")
    assert anonymous.get(old).status_code == 404
    assert anonymous.get(secret_link(ada, post_id)).status_code == 200


def test_publishing_kills_the_secret_link_for_good(ada: Person, anonymous: Person) -> None:
    post_id = draft(ada)
    link = secret_link(ada, post_id)
    assert anonymous.get(link).status_code == 200
    ada.post(f"/desk/post/{post_id}", title="The derby", action="publish")
    assert anonymous.get(link).status_code == 404
    assert ada.post(f"/desk/post/{post_id}/draft-link").status_code == 409
    ada.post(f"/desk/post/{post_id}/unpublish")
    assert anonymous.get(link).status_code == 404
    assert anonymous.get(secret_link(ada, post_id)).status_code == 200


# Twice and at the same time


def test_the_same_submission_twice_makes_one_post(ada: Person) -> None:
    once = {"title": "Only once", "submission": str(uuid4())}
    post_id = ada.write_post(**once)
    assert ada.write_post(**once) == post_id
    assert ada.get("/").text.count('class="card"') == 1
    assert ada.write_post(title="Only once", submission=str(uuid4())) != post_id


def test_the_same_submission_of_somebody_else_is_another_post(ada: Person, bob: Person) -> None:
    once = {"title": "Only once", "submission": str(uuid4())}
    assert ada.write_post(**once) != bob.write_post(**once)


def test_a_new_form_brings_its_own_submission(ada: Person) -> None:
    first, second = (value_of(ada.get("/desk/new").text, "submission") for _ in range(2))
    assert first != second


def test_every_text_that_is_changed_keeps_the_older_ones(ada: Person) -> None:
    post_id = ada.write_post(title="First title", body="First body.", summary="First summary.")
    nothing = ada.get(f"/desk/post/{post_id}/revisions").text
    assert "No changes yet." in nothing
    assert nothing.partition("<main")[2].count("arlier version") == 1
    for word in ("Second", "Third"):
        ada.post(
            f"/desk/post/{post_id}",
            title=f"{word} title",
            body=f"{word} body.",
            summary=f"{word} summary.",
            action="publish",
        )
    older = ada.get(f"/desk/post/{post_id}/revisions").text
    for word in ("First", "Second"):
        for part in ("title", "body.", "summary."):
            assert f"{word} {part}" in older
    assert "Third body." not in older
    assert older.index("Second body.") < older.index("First body.")
    assert "Replaced by" in older


def test_older_texts_are_not_for_strangers(ada: Person, bob: Person) -> None:
    post_id = ada.write_post()
    assert ada.get(f"/desk/post/{post_id}/revisions").status_code == 200
    assert bob.get(f"/desk/post/{post_id}/revisions").status_code == 403


def test_carriage_returns_of_browsers_make_no_new_version(ada: Person) -> None:
    post_id = ada.write_post(body="One.\r\n\r\nTwo.")
    ada.post(f"/desk/post/{post_id}", title="The derby", body="One.\n\nTwo.", action="publish")
    assert "No changes yet." in ada.get(f"/desk/post/{post_id}/revisions").text


# What else a form may not do


def test_nothing_but_a_post_is_edited_as_one(edith: Person, app: Flask) -> None:
    assert edith.get("/desk/post/1").status_code == 404
    assert edith.get("/desk/post/0").status_code == 404, "the row that numbers the front page's events"
    for verb in ("unpublish", "end", "draft-link"):
        assert edith.post(f"/desk/post/0/{verb}").status_code == 404


def test_an_outdated_form_does_not_make_an_ended_post_live_again(ada: Person, edith: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    opened = {"title": "The derby", "body": "Kick-off at eight.", "live": "y", "action": "publish", "version": "1"}
    assert edith.post(f"/desk/post/{post_id}", **opened).status_code == 302
    ada.post(f"/desk/post/{post_id}/end")
    answer = edith.post(f"/desk/post/{post_id}", **opened)
    assert answer.status_code == 409
    assert ada.post(f"/post/{post_id}/updates", body="Still here?").status_code == 409
    assert "Live coverage ended" in anonymous.get(f"/post/{post_id}").text


def test_opening_the_comments_again_tells_open_pages(ada: Person, app: Flask) -> None:
    post_id = ada.write_post(comments="closed")
    ada.post(f"/desk/post/{post_id}", title="The derby", body="Kick-off at eight.", comments="open", action="publish")
    assert [event.kind for event in happened(app, post_id)] == ["post", "post", "comments"]


def test_a_draft_can_be_deleted_but_not_what_was_public(ada: Person) -> None:
    post_id = draft(ada, tags="Football", title="A slip")
    ada.post(f"/desk/post/{post_id}", title="A slip, mended", body="Text.", action="draft")
    assert ada.post(f"/desk/post/{post_id}/delete").status_code == 302
    assert ada.get(f"/desk/post/{post_id}").status_code == 404
    assert "A slip" not in ada.get("/desk").text
    public = ada.write_post()
    ada.post(f"/desk/post/{public}/unpublish")
    assert ada.post(f"/desk/post/{public}/delete").status_code == 403, "readers know it: tests/content/test_erasure.py"
    assert ada.get(f"/desk/post/{public}").status_code == 200


def test_a_form_sent_again_publishes_nothing_that_one_has_lost(ada: Person, edith: Person, anonymous: Person) -> None:
    submission = str(uuid4())
    post_id = draft(ada, submission=submission)
    taken = {"title": "The derby", "body": "Kick-off at eight.", "summary": "Secret.", "authors": "bob"}
    assert edith.post(f"/desk/post/{post_id}", action="draft", **taken).status_code == 302
    again = {"title": "The derby", "body": "Kick-off at eight.", "submission": submission, "action": "publish"}
    assert ada.post("/desk/new", **again).status_code == 404
    assert anonymous.get(f"/post/{post_id}").status_code == 404


def test_a_form_sent_again_does_not_bring_back_what_was_unpublished(ada: Person, anonymous: Person) -> None:
    sent = {"title": "The derby", "body": "Kick-off at eight.", "submission": str(uuid4()), "action": "publish"}
    post_id = ada.write_post(**sent)
    ada.post(f"/desk/post/{post_id}/unpublish")
    assert ada.post("/desk/new", **sent).status_code == 302
    assert anonymous.get(f"/post/{post_id}").status_code == 404
