"""What an update said before it was corrected, on every page that shows it."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from support.live_post import Clock, LivePost
from support.persons import Person, happened
from webapp import db
from webapp.content import corrections
from webapp.models import Revision, Update
from webapp.text.render import render_update

ARTICLE = re.compile(r'<article class="update.*?</article>', re.DOTALL)
EARLIER = re.compile(r'<details class="earlier">.*?</details>', re.DOTALL)
TEXT = re.compile(r'<blockquote class="earlier__text".*?</blockquote>', re.DOTALL)


@pytest.fixture
def live_post(ada: Person) -> LivePost:
    return LivePost(ada)


def earlier(page: str) -> list[str]:
    """The words of what the page's one update said before, from the top."""
    (details,) = EARLIER.findall(page) or [""]
    return [" ".join(re.sub("<[^>]+>", " ", text).split()) for text in TEXT.findall(details)]


def test_a_corrected_update_shows_what_it_said_before_newest_first(anonymous: Person, live_post: LivePost) -> None:
    n = live_post.add("Goal by **Nine**.", title="1:0")
    assert earlier(anonymous.get(live_post.path).text) == []
    live_post.correct(n, "Goal by Ten.", title="1:0")
    assert earlier(anonymous.get(live_post.path).text) == ["1:0 Goal by Nine ."]
    live_post.correct(n, "An own goal.")
    for place in live_post.places(n)[:3]:
        page = anonymous.get(place).text
        assert earlier(page) == ["1:0 Goal by Ten.", "1:0 Goal by Nine ."]
        assert len(re.findall(r'<p class="earlier__until">Until <time', page)) == 2
        assert "<strong>Nine</strong>" in page


def test_feeds_say_that_it_was_corrected_and_what_it_said(anonymous: Person, live_post: LivePost) -> None:
    n = live_post.add("Goal by Nine.")
    live_post.add("A corner.")
    live_post.correct(n, "Goal by Ten.", note="It was Ten & not Nine.")
    corner, goal = anonymous.get(f"{live_post.path}/feed.json").json["items"]  # type: ignore[index]
    assert earlier(goal["content_html"]) == ["Goal by Nine."]
    assert "It was Ten &amp; not Nine." in goal["content_html"]
    assert corner["content_html"].strip() == '<p dir="auto">A corner.</p>'


def test_the_event_of_a_correction_brings_the_pages_own_markup(
    app: Flask, anonymous: Person, live_post: LivePost
) -> None:
    n = live_post.add("Goal by Nine.")
    for act in (
        lambda: live_post.correct(n, "Goal by Ten."),
        lambda: live_post.change(n, "key"),
        lambda: live_post.change(n, "pin"),
    ):
        act()
        (article,) = ARTICLE.findall(anonymous.get(live_post.path).text)
        last = happened(app, live_post.id)[-1]
        assert last.kind == "update"
        assert "Goal by Nine." in last.payload
        assert article.replace('"', '\\"').replace("\n", "\\n") in last.payload


def test_a_slip_is_nobodys_business_but_a_correction_shows_the_text_right_before_it(
    anonymous: Person, live_post: LivePost
) -> None:
    n = live_post.add("Gaol by Nine.")
    live_post.change(n, "edit", body="Goal by Nine.")
    assert "before" not in anonymous.get(live_post.path).text
    live_post.correct(n, "Gaol by Ten.")
    live_post.change(n, "edit", body="Goal by Ten.")
    assert earlier(anonymous.get(live_post.path).text) == ["Goal by Nine."]
    live_post.correct(n, "An own goal.")
    assert earlier(anonymous.get(live_post.path).text) == ["Goal by Ten.", "Goal by Nine."]
    assert "Gaol" not in "".join(anonymous.get(place).text for place in live_post.places(n))


def test_another_note_alone_is_no_other_text(anonymous: Person, live_post: LivePost) -> None:
    n = live_post.add("Goal by Nine.")
    live_post.correct(n, "Goal by Ten.", note="A slip.")
    live_post.correct(n, "Goal by Ten.", note="It was Ten.")
    assert earlier(anonymous.get(live_post.path).text) == ["Goal by Nine."]
    live_post.correct(n, "An own goal.", note="It was Ten.")
    assert earlier(anonymous.get(live_post.path).text) == ["Goal by Ten.", "Goal by Nine."]


def test_another_note_or_title_keeps_html_that_the_renderer_would_make_otherwise_today(
    app: Flask, anonymous: Person, live_post: LivePost
) -> None:
    n = live_post.add("Rovers 2\nCity 1")
    with app.app_context(), db.writing() as session:
        session.execute(update(Update).values(html="<p>As of last year</p>"))
    live_post.correct(n, "Rovers 2\nCity 1", note="It was the second goal.")
    page = anonymous.get(live_post.path).text
    assert "As of last year" in page
    assert earlier(page) == []
    live_post.change(n, "edit", body="Rovers 2\nCity 1", title="Full time")
    with app.app_context():
        assert db.reading().scalars(select(Update.html)).one() == "<p>As of last year</p>"


def test_what_was_withdrawn_shows_nothing_and_what_was_never_seen_stays_unseen(
    anonymous: Person, live_post: LivePost, clock: Clock
) -> None:
    n = live_post.add("Said to all.")
    clock.tick()
    live_post.change(n, "withdraw")
    for body in ("Tried out.", "Tried again.", "The truth."):
        clock.tick()
        live_post.correct(n, body)
    assert all("Said to all." not in anonymous.get(place).text for place in live_post.places(n))
    live_post.change(n, "restore")
    assert earlier(anonymous.get(live_post.path).text) == ["Said to all."]
    clock.tick()
    live_post.correct(n, "The whole truth.")
    assert earlier(anonymous.get(live_post.path).text) == ["The truth.", "Said to all."]


@pytest.mark.parametrize("how", ["unpublished", "unpublished, withdrawn, restored", "withdrawn, unpublished, restored"])
def test_what_was_written_while_nobody_could_read_it_is_never_told(
    ada: Person, anonymous: Person, live_post: LivePost, clock: Clock, how: str
) -> None:
    n = live_post.add("Said to all.")
    seen = anonymous.get(live_post.path)
    position = re.search(r'data-seq="(\d+)"', seen.text)
    for step in how.split(", "):
        clock.tick()
        if step == "unpublished":
            assert ada.post(f"/desk{live_post.path}/unpublish").status_code == 302
        else:
            live_post.change(n, {"withdrawn": "withdraw", "restored": "restore"}[step])
            live_post.correct(n, f"A slander, tried out while {step}.")
    for body in ("A slander.", "Another slander.", "The truth."):
        clock.tick()
        live_post.correct(n, body)
    clock.tick()
    ada.post(f"/desk{live_post.path}", title="The derby", body="Kick-off.", live="y", action="publish")
    clock.tick()
    replay = f"{live_post.path}/live?after={position[1] if position else 0}"
    for place in (*live_post.places(n), f"{live_post.path}/feed.json", live_post.at(clock.ms), replay):
        page = anonymous.get(place).text
        assert "slander" not in page, place
        assert "The truth." in page, place
        assert "Said to all." in page, place
    live_post.correct(n, "The whole truth.")
    assert earlier(anonymous.get(live_post.path).text) == ["The truth.", "Said to all."]


def test_texts_of_before_html_was_kept_are_told_too(app: Flask, anonymous: Person, live_post: LivePost) -> None:
    n = live_post.add("Gaol by **Nine**.")
    live_post.change(n, "edit", body="Goal by **Nine**.")
    live_post.correct(n, "Goal by Ten.")
    with app.app_context(), db.writing() as session:
        for revision in session.scalars(select(Revision).where(Revision.kind == "update")):
            revision.texts = {name: revision.texts[name] for name in ("title", "body", "correction")}
    live_post.change(n, "key")
    page = anonymous.get(live_post.path).text
    assert earlier(page) == ["Goal by Nine ."]
    assert "<strong>Nine</strong>" in page


def test_a_text_that_would_be_refused_by_now_is_shown_as_it_was_written() -> None:
    assert corrections._rendered("Fine.") == render_update("Fine.")
    assert corrections._rendered("<b>" + "x" * 10_001) == f"<p>&lt;b&gt;{'x' * 10_001}</p>"


# Bounds


def test_a_long_history_stays_small_on_the_page_and_is_whole_on_its_own(
    app: Flask, anonymous: Person, live_post: LivePost
) -> None:
    n = live_post.add("Text 0.")
    for number in range(1, 8):
        live_post.correct(n, f"Text {number}.")
    newest_first = [f"Text {number}." for number in range(6, -1, -1)]
    page, own = (anonymous.get(place).text for place in live_post.places(n)[:2])
    assert earlier(page) == newest_first[: corrections.EARLIER_SHOWN]
    assert earlier(own) == newest_first
    link = f'<a href="{live_post.path}/update/{n}">All earlier versions</a>'
    assert (link in page, link in own) == (True, False)
    assert happened(app, live_post.id)[-1].kind == "update"


@pytest.mark.parametrize("letters", ["a longer story, “quoted” and <*marked*>. ", "更长的故事，带着*标记*。"])
def test_no_history_makes_an_event_too_large_that_fits_without(
    app: Flask, anonymous: Person, live_post: LivePost, letters: str
) -> None:
    text = letters * (3_300 // len(letters.encode()))
    n = live_post.add(f"First {text}")
    for word in ("Second", "Third"):
        live_post.correct(n, f"{word} {text}")
        assert happened(app, live_post.id)[-1].kind == "update"
        page = anonymous.get(live_post.path).text
        assert earlier(page) == []
        assert "All earlier versions" in page
    live_post.correct(n, "Short.")
    assert happened(app, live_post.id)[-1].kind == "update"
    assert len(earlier(anonymous.get(live_post.path).text)) == 1
    assert len(earlier(anonymous.get(f"{live_post.path}/update/{n}").text)) == 3


def test_all_corrected_updates_of_a_page_take_one_query(app: Flask, live_post: LivePost) -> None:
    def asked() -> int:
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            statements.append(statement)

        engine = app.extensions["engine"]
        event.listen(engine, "before_cursor_execute", note)
        app.extensions["pages"].fresh(live_post.path)
        event.remove(engine, "before_cursor_execute", note)
        return len(statements)

    numbers = [live_post.add(f"Number {number}.", key="y") for number in range(4)]
    without = asked()
    live_post.correct(numbers[0], "Corrected.")
    assert asked() == without + 1
    for n in numbers[1:]:
        live_post.correct(n, "Corrected.")
    live_post.change(numbers[0], "pin")
    assert asked() == without + 1
