"""Live updates where they are read: a real browser, the real server, and an author who writes meanwhile."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import select

from support.apps import close, settings_for
from support.browsing import (
    PHONE,
    PICTURES,
    Site,
    heard,
    hide,
    holds,
    is_live,
    live_post,
    next_frame,
    settled,
    stop_clock,
    top_of,
    update,
    with_clock,
)
from support.content import add_many
from support.persons import Person
from support.uwsgi_server import UwsgiServer
from tools.processes import WaitFailed, until
from webapp import create_app, db
from webapp.models import Post

# A page that is told to load anew waits no longer than it must.
AT_ONCE = "Math.random = () => 0"
# What a reader sees of a post or of the front page, with all white space alike.
SEEN = """
() => {
  const html = selector => [...document.querySelectorAll(selector)].map(e => {
    const copy = e.cloneNode(true);
    copy.removeAttribute("style");
    copy.querySelector(".update__light")?.remove();
    return copy.outerHTML.replace(/\\s+/g, " ").replace(/> </g, "><");
  });
  return {
    title: document.title,
    head: html(".head"), pinned: html("[data-pinned] > *"), updates: html("[data-updates] > *"),
    keys: html("[data-keys] > *"), hasKeys: html(".keys:not([hidden])").length,
    comments: html("[data-comments] > *"), cards: html("[data-cards] > *"),
    hasRoomForKeys: document.querySelector("main").matches(".story--keys"),
    notes: html("[data-no-updates]:not([hidden]), [data-no-comments]:not([hidden])"),
  };
}
"""
LATE = f"{PICTURES}late.png"


def like_a_fresh_load(page: Page) -> None:
    """What the page shows by now is what a new visitor gets."""
    other = page.context.new_page()
    other.goto(page.url.partition("#")[0])
    fresh = other.evaluate(SEEN)
    other.close()
    with suppress(WaitFailed):
        until(lambda: page.evaluate(SEEN) == fresh, "both are the same")
    assert page.evaluate(SEEN) == fresh


def hurried(visit: Callable[..., Page], path: str, person: Person | None = None) -> Page:
    """A page with a stream, AT_ONCE, as all of its tabs."""
    page = visit("/about/nothing", person)
    page.context.add_init_script(AT_ONCE)
    page.goto(path)
    is_live(page)
    return page


def comment_box(page: Page) -> Locator:
    """Of the form, which somebody who is signed in has opened in place."""
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.get_by_role("link", name="Write a comment").click()
    return page.get_by_label("Your comment")


def scroll_to(page: Page, selector: str) -> None:
    """Put it at the top, and wait until the page keeps it there."""
    page.evaluate("selector => document.querySelector(selector).scrollIntoView({ behavior: 'instant' })", selector)
    settled(page)


# What comes in


def test_a_reader_follows_an_author_all_the_way(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    ada = site.ada()
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    expect(reader.get_by_text("As of")).to_be_hidden()
    expect(reader.get_by_text("No updates yet")).to_be_visible()
    earlier = reader.get_by_role("link", name="View an earlier version")
    expect(earlier).to_be_hidden()
    author = visit(f"/desk/post/{post_id}/live", ada)
    author.get_by_label("Title").fill("The key turns")
    author.get_by_label("Update", exact=True).fill("It is **dark** now.")
    author.get_by_role("button", name="Publish update").click()
    first = reader.locator("[data-updates] > .update")
    expect(first).to_contain_text("It is dark now.")
    expect(reader.get_by_text("No updates yet")).to_be_hidden()
    n = int((first.get_attribute("id") or "").removeprefix("update-"))
    second = ada.add_update(post_id, "A key moment.", key="y")
    expect(reader.locator("[data-keys] li")).to_have_text(re.compile("A key moment."))
    expect(earlier).to_be_visible()
    light = "e => [e.offsetWidth, e.parentElement.clientWidth]"
    wide, whole = reader.locator(".update__light").first.evaluate(light)
    assert wide == whole, "the light is on all of an update"
    beside = "() => document.querySelector('.keys').offsetLeft > document.querySelector('.updates').offsetLeft"
    assert reader.evaluate(beside), "where a fresh page has them"
    ada.post(
        f"/desk/post/{post_id}/update/{n}/correct", title="The key turns", body="It is dim now.", note="Too early."
    )
    expect(update(reader, n)).to_contain_text("Too early.")
    ada.post(f"/desk/post/{post_id}/update/{n}/pin")
    expect(reader.locator("[data-pinned] > .update")).to_contain_text("It is dim now.")
    third = ada.add_update(post_id, "A third.", title="Three")
    ada.post(f"/desk/post/{post_id}/update/{third}/key")
    comment = ada.comment(post_id, "Seen from the *ferry*.")
    expect(reader.locator(f"#comment-{comment}")).to_contain_text("ferry")
    like_a_fresh_load(reader)
    ada.post(f"/desk/post/{post_id}/update/{n}/unpin")
    ada.post(f"/desk/post/{post_id}/update/{second}/withdraw")
    ada.post(f"/desk/post/{post_id}/update/{third}/not-key")
    ada.post(f"/post/{post_id}/comments/{comment}/delete", title="")
    ada.post(f"/desk/post/{post_id}/comment/{comment}/withdraw")
    expect(reader.locator(f"#comment-{comment}")).to_have_count(0)
    expect(reader.get_by_text("No comments yet")).to_be_visible()
    expect(reader.locator(".keys")).to_be_hidden()
    assert [item.get_attribute("id") for item in reader.locator("[data-updates] > *").all()] == [
        f"update-{third}",
        f"update-{n}",
    ]
    ada.post(f"/desk/post/{post_id}/update/{second}/restore")
    expect(reader.locator("[data-keys] li")).to_have_count(1)
    like_a_fresh_load(reader)


def test_a_new_head_replaces_the_old_one_and_the_title(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    site.ada().post(
        f"/desk/post/{post_id}", title="The first dark", body="Text.", live="y", version="1", action="publish"
    )
    expect(reader.get_by_role("heading", level=1)).to_have_text("The first dark")
    like_a_fresh_load(reader)
    site.ada().post(f"/desk/post/{post_id}/end")
    expect(reader.get_by_text("Live coverage ended on")).to_be_visible()
    expect(reader.locator("[data-state=ended]")).to_be_visible()
    expect(reader.locator("[data-as-of]")).to_be_hidden()
    like_a_fresh_load(reader)
    n = reader.locator("[data-updates] > .update").get_attribute("id").removeprefix("update-")  # type: ignore[union-attr]
    for verb, count in (("key", 1), ("not-key", 0)):
        site.ada().post(f"/desk/post/{post_id}/update/{n}/{verb}")
        expect(reader.locator("[data-keys] li")).to_have_count(count)
        like_a_fresh_load(reader)


def test_an_older_update_does_not_come_in_at_the_wrong_place(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    ada = site.ada()
    numbers = add_many(site.app, post_id, 52)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    ada.post(f"/desk/post/{post_id}/update/{numbers[0]}/correct", title="", body="An old one.", note="Old.")
    ada.post(f"/desk/post/{post_id}/update/{numbers[0]}/key")
    ada.post(f"/desk/post/{post_id}/update/{numbers[30]}/correct", title="", body="A middle one.", note="Middle.")
    expect(update(reader, numbers[30])).to_contain_text("A middle one.")
    expect(update(reader, numbers[0])).to_have_count(0)
    expect(reader.locator("[data-keys] a")).to_have_attribute("href", f"/post/{post_id}/update/{numbers[0]}")
    like_a_fresh_load(reader)


def end_all_coverage(site: Site) -> None:
    """Live posts come first on the front page, and other tests leave more than it shows."""
    with site.app.app_context():
        ids = list(db.reading().scalars(select(Post.id).where(Post.live)))
    for post_id in ids:
        site.ada().post(f"/desk/post/{post_id}/end")


def test_the_front_page_follows(visit: Callable[..., Page], site: Site) -> None:
    end_all_coverage(site)
    older = site.post(title="An older story")
    reader = visit("/")
    is_live(reader)
    newer = site.post(title="A newer story")
    expect(reader.locator(f"#post-{newer}")).to_be_visible()
    like_a_fresh_load(reader)
    live = site.post(title="A live story", live="y")
    site.ada().post(
        f"/desk/post/{older}", title="An older story", body="Now live.", live="y", version="1", action="publish"
    )
    expect(reader.locator(f"#post-{older} .live-mark")).to_be_visible()
    like_a_fresh_load(reader)
    site.ada().post(f"/desk/post/{live}/unpublish")
    expect(reader.locator(f"#post-{live}")).to_have_count(0)
    site.ada().post(f"/desk/post/{older}/end")
    expect(reader.locator(f"#post-{older} .live-mark")).to_have_count(0)
    shown = [card.get_attribute("id") for card in reader.locator("[data-cards] > *").all()]
    assert shown.index(f"post-{newer}") < shown.index(f"post-{older}")


# Reading on


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x99" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE])
def test_nothing_moves_under_a_readers_eyes(visit: Callable[..., Page], site: Site, viewport: dict[str, int]) -> None:
    """Updates, one with an image that loads late, corrections, pins, key moments and withdrawals above."""
    post_id = live_post(site, 8, body="Short.")
    ada = site.ada()
    reader = visit(f"/post/{post_id}", viewport=viewport)
    is_live(reader)
    late: list[Route] = []
    reader.route(LATE, lambda route: late.append(route))  # noqa: PLW0108 (Playwright marks the function that it gets)
    ids = [item.get_attribute("id") or "" for item in reader.locator("[data-updates] > *").all()]
    read = f"#{ids[1]}"
    scroll_to(reader, read)
    before = top_of(reader, read)
    reader.evaluate(MOVES, read)
    with reader.expect_request(LATE):
        n = ada.add_update(post_id, f"![The lamp]({LATE})\n\nA picture.")
    expect(update(reader, n)).to_have_count(1)
    holds(reader, lambda: late, "the image was asked for")
    late[0].fulfill(body=png(600, 400), content_type="image/png")
    expect(update(reader, n).locator("img")).to_have_js_property("naturalHeight", 400)
    for number in range(3):
        newer = ada.add_update(post_id, f"News {number}. " * 40, title="News", key="y")
        expect(update(reader, newer)).to_have_count(1)
        next_frame(reader)
        assert abs(top_of(reader, read) - before) < 1
    first = ids[0].removeprefix("update-")
    ada.post(f"/desk/post/{post_id}/update/{first}/correct", title="", body="Longer. " * 90, note="It was longer.")
    expect(update(reader, int(first))).to_contain_text("It was longer.")
    ada.post(f"/desk/post/{post_id}/update/{n}/pin")
    expect(reader.locator("[data-pinned] > *")).to_have_count(1)
    ada.post(f"/desk/post/{post_id}/update/{newer}/withdraw")
    expect(update(reader, newer)).to_have_count(0)
    ada.comment(post_id, "Below.")
    expect(reader.locator(".comment")).to_have_count(1)
    next_frame(reader)
    assert abs(top_of(reader, read) - before) < 1
    assert reader.evaluate("window.moved") < 1


# The farthest that the element ever stood from its place in what was painted. An observer that is given its target in
# a frame is called in that frame, after the layout, after the page's own (which is older), and before the paint.
MOVES = """
selector => {
  window.moved = 0;
  const start = document.querySelector(selector).getBoundingClientRect().top;
  const observer = new ResizeObserver(() => {
    const top = document.querySelector(selector).getBoundingClientRect().top;
    window.moved = Math.max(window.moved, Math.abs(top - start));
  });
  const look = () => {
    observer.disconnect();
    observer.observe(document.querySelector("main"));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("together", [True, False], ids=["together", "one after the other"])
def test_any_sequence_leads_to_a_fresh_page_and_moves_nothing(
    visit: Callable[..., Page], site: Site, together: bool
) -> None:
    post_id = live_post(site, 10)
    ada, chance = site.ada(), random.Random(7)  # noqa: S311
    reader = visit(f"/post/{post_id}", viewport=PHONE)
    is_live(reader)
    ids = [item.get_attribute("id") or "" for item in reader.locator("[data-updates] > *").all()]
    above = [int(item.removeprefix("update-")) for item in ids[:2]]
    scroll_to(reader, f"#{ids[2]}")
    reader.evaluate(MOVES, f"#{ids[2]}")
    for _ in range(30):
        change = chance.choice(["add", "add", "pin", "unpin", "key", "not-key", "withdraw", "restore", "comment"])
        if change == "add":
            above.append(
                ada.add_update(post_id, "News. " * chance.randint(1, 90), title=chance.choice(["", "A title"]))
            )
        elif change == "comment":
            ada.comment(post_id, "Words. " * chance.randint(1, 30))
        else:
            ada.post(f"/desk/post/{post_id}/update/{chance.choice(above)}/{change}")
        if not together:
            settled(reader)
            settled(reader)
    like_a_fresh_load(reader)
    next_frame(reader)
    assert reader.evaluate("window.moved") < 1


def test_a_comment_that_is_typed_is_left_in_peace(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = hurried(visit, f"/post/{post_id}", site.person("eve"))
    box = comment_box(reader)
    box.fill("I was ")
    settled(reader)
    before = top_of(reader, "#body")
    for number in range(2):
        comment = site.ada().comment(post_id, f"Comment {number}. " * 20)
        expect(reader.locator(f"#comment-{comment}")).to_have_count(1)
    n = site.ada().add_update(post_id, "Above. " * 50)
    expect(update(reader, n)).to_have_count(1)
    next_frame(reader)
    assert abs(top_of(reader, "#body") - before) < 1
    expect(box).to_be_focused()
    site.ada().post(
        f"/desk/post/{post_id}",
        title="Renamed",
        body="B",
        live="y",
        comments="open",
        language="de",
        version="1",
        action="publish",
    )
    expect(reader.locator("[data-outdated]")).to_be_visible()
    reader.keyboard.type("on it.")
    expect(box).to_have_value("I was on it.")
    site.ada().post(f"/desk/post/{post_id}/comments", comments="closed")
    expect(reader.locator("#comment-state")).to_contain_text("Comments are closed.")
    reader.get_by_role("link", name="Reload the page").click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("Renamed")
    expect(box).to_have_count(0)
    site.ada().post(f"/desk/post/{post_id}/comments", comments="open")
    expect(reader.get_by_role("link", name="Write a comment")).to_be_visible()
    reader.reload()
    expect(box).to_have_value("I was on it.")
    reader.get_by_role("button", name="Publish comment").click()
    expect(reader.locator("[data-comments]")).to_contain_text("I was on it.")
    expect(box).to_have_count(0)


def test_a_page_that_waits_for_a_comment_loads_anew_once_it_is_gone(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = hurried(visit, f"/post/{post_id}", site.person("eve"))
    comment_box(reader).fill("Never mind.")
    site.ada().post(f"/desk/post/{post_id}", title="In German", live="y", language="de", action="publish")
    expect(reader.locator("[data-outdated]")).to_be_visible()
    reader.get_by_label("Your comment").fill("")
    expect(reader.get_by_role("heading", level=1)).to_have_text("In German")


def test_a_switch_of_the_comments_moves_nobody_and_takes_nothing(visit: Callable[..., Page], site: Site) -> None:
    post_id, ada = live_post(site, 8), site.ada()
    reader, writer = visit(f"/post/{post_id}"), visit(f"/post/{post_id}", site.person("eve"))
    for page in (reader, writer):
        is_live(page)
        page.evaluate("window.isOld = true")
    box = comment_box(writer)
    box.fill("I was there.")
    fifth = "[data-updates] > :nth-child(5)"
    scroll_to(reader, fifth)
    before = top_of(reader, fifth)
    for state, words in (("slow", "Slow mode: one comment"), ("closed", "Comments are closed."), ("open", "")):
        ada.post(f"/desk/post/{post_id}/comments", comments=state)
        for page in (reader, writer):
            expect(page.locator("#comment-state")).to_contain_text(words)
            for other in ("Slow mode", "Comments are closed"):
                expect(page.locator("#comment-state")).not_to_contain_text(other if other not in words else "nothing")
        expect(reader.get_by_role("link", name="Write a comment")).to_have_count(0 if state == "closed" else 1)
        expect(box).to_have_value("I was there.")
        expect(box).to_be_focused()
        like_a_fresh_load(reader)
    expect(reader.get_by_text("No comments yet.")).to_be_visible()
    assert top_of(reader, fifth) == before
    assert reader.evaluate("window.isOld")
    writer.get_by_role("button", name="Publish comment").click()
    expect(reader.locator("[data-comments]")).to_contain_text("I was there.")
    expect(reader.get_by_text("No comments yet.")).to_be_hidden()


def test_coverage_that_ends_and_goes_on_is_told_in_place(visit: Callable[..., Page], site: Site) -> None:
    post_id, ada = live_post(site, 1), site.ada()
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    reader.evaluate("window.isOld = true")
    line = reader.locator("[data-live-line]")
    for live, words in (("", "Ended"), ("y", "Live")):
        ada.post(f"/desk/post/{post_id}", title="The last light", live=live, action="publish")
        expect(line.get_by_text(words, exact=True)).to_be_visible()
        like_a_fresh_load(reader)
    late = visit(f"/post/{post_id}")
    ada.post(f"/desk/post/{post_id}/end")
    expect(line.get_by_text("Ended", exact=True)).to_be_visible()
    late.reload()
    expect(late.locator("[data-live-line]").get_by_text("Updates automatically", exact=True)).to_be_visible()
    ada.post(f"/desk/post/{post_id}", title="The last light", live="y", action="publish")
    expect(late.locator("[data-live-line]").get_by_text("Live", exact=True)).to_be_visible()
    assert reader.evaluate("window.isOld")


def test_the_focus_stays_on_a_link_of_what_is_corrected(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    item = reader.locator("[data-updates] > .update")
    n = int((item.get_attribute("id") or "").removeprefix("update-"))
    item.locator(".update__time a").focus()
    site.ada().post(f"/desk/post/{post_id}/update/{n}/correct", title="", body="Mended.", note="A slip.", version="1")
    expect(item).to_contain_text("Mended.")
    expect(item.locator(".update__time a")).to_be_focused()


def test_a_page_that_is_outdated_loads_anew_where_it_was(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 8)
    reader = hurried(visit, f"/post/{post_id}")
    reader.evaluate("window.isOld = true")
    scroll_to(reader, "[data-updates] > :nth-child(5)")
    before = top_of(reader, "[data-updates] > :nth-child(5)")
    site.ada().post(
        f"/desk/post/{post_id}", title="In German", body="Text.", live="y", language="de", version="1", action="publish"
    )
    expect(reader.get_by_role("heading", level=1)).to_have_text("In German")
    assert not reader.evaluate("window.isOld")
    until(lambda: abs(top_of(reader, "[data-updates] > :nth-child(5)") - before) < 2, "it is where it was")


@pytest.mark.slow
def test_back_leads_to_the_update_that_was_read(visit: Callable[..., Page], site: Site) -> None:
    """However much came in, before and after."""
    post_id, ada = live_post(site, 20), site.ada()
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    read = reader.locator("[data-updates] > :nth-child(12)").get_attribute("id")
    scroll_to(reader, f"#{read}")
    for _time in range(2):
        for number in range(8):
            n = ada.add_update(post_id, f"Above {number}. " * 40)
        expect(update(reader, n)).to_be_attached()
        settled(reader)
        kept = f"history.state?.place?.tops[0][0] === '{read}'"
        until(lambda kept=kept: reader.evaluate(kept), "its place was kept")
        before = top_of(reader, f"#{read}")
        reader.goto("/")
        n = ada.add_update(post_id, "While the reader was away. " * 40)
        reader.go_back()
        expect(update(reader, n)).to_be_attached()
        settled(reader)
        until(lambda top=before: abs(top_of(reader, f"#{read}") - top) < 2, "it is where it was")
    reader.evaluate(f"location.hash = '#update-{n}'")
    expect(update(reader, n)).to_be_in_viewport()
    reader.go_back()
    until(lambda: abs(top_of(reader, f"#{read}") - before) < 2, "it is where it was")
    reader.go_forward()
    expect(update(reader, n)).to_be_in_viewport()


@pytest.mark.slow
def test_who_missed_too_much_comes_back_to_the_update_that_was_read(visit: Callable[..., Page], site: Site) -> None:
    """More than a replay holds; then more than a page holds, when it is on a page of its own by then."""
    post_id, ada = live_post(site, 30), site.ada()
    reader = hurried(visit, f"/post/{post_id}")
    read = reader.locator("[data-updates] > :nth-child(20)").get_attribute("id")
    scroll_to(reader, f"#{read}")
    before = top_of(reader, f"#{read}")
    for count in (6, 40):
        reader.evaluate("document.querySelector('[data-pause]').click()")
        for number in range(count):
            n = ada.add_update(post_id, f"Missed {number}. " + "A long one. " * 550)
        with reader.expect_event("load"):
            reader.evaluate("document.querySelector('[data-pause]').click()")
        expect(reader.locator(f"#{read}")).to_be_visible()
        if count == 6:
            expect(update(reader, n)).to_be_attached()
            until(lambda: abs(top_of(reader, f"#{read}") - before) < 2, "it is where it was")
            is_live(reader)
    expect(reader).to_have_url(re.compile(rf"/post/{post_id}/updates/1#{read}$"))
    assert reader.locator(f"#{read}").evaluate("e => e.getBoundingClientRect().top < innerHeight - 100")


def test_a_bar_counts_what_is_new_and_takes_there(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 8)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    ada = site.ada()
    ada.add_update(post_id, "Seen at once.")
    expect(reader.get_by_text("Seen at once.")).to_be_visible()
    next_frame(reader)
    bar = reader.locator("[data-news]")
    expect(bar).to_be_hidden()
    scroll_to(reader, "[data-updates] > :nth-child(6)")
    ada.add_update(post_id, "First.")
    expect(bar).to_have_text("One new update")
    withdrawn = ada.add_update(post_id, "Second.")
    expect(bar).to_have_text("2 new updates")
    newest = ada.add_update(post_id, "Third.")
    expect(bar).to_have_text("3 new updates")
    ada.post(f"/desk/post/{post_id}/update/{withdrawn}/withdraw")
    expect(bar).to_have_text("2 new updates")
    bar.click()
    expect(bar).to_be_hidden()
    expect(update(reader, newest)).to_be_in_viewport()
    expect(update(reader, newest).locator(".update__time a")).to_be_focused()
    scroll_to(reader, "[data-updates] > :nth-child(6)")
    ada.add_update(post_id, "Fourth.")
    expect(bar).to_have_text("One new update")
    scroll_to(reader, "[data-updates] > :first-child")
    expect(bar).to_be_hidden()


# Of the bar of new updates and of the mark beside "Live": what is left when a browser takes our colours away.
OUTLINES = """
() => [["[data-news]", null], [".live__state", "::before"]].map(([selector, part]) => {
  const style = getComputedStyle(document.querySelector(selector), part);
  return [style.borderTopStyle, style.borderTopWidth !== "0px"];
})
"""


def test_live_states_read_from_the_right_and_without_our_colours(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 8, title="المنارة تنطفئ الليلة", body="ينطفئ الضوء الليلة.", language="ar")
    reader = visit(f"/post/{post_id}", viewport=PHONE, forced_colors="active")
    is_live(reader)
    scroll_to(reader, "[data-updates] > :nth-child(6)")
    before = top_of(reader, "[data-updates] > :nth-child(6)")
    site.ada().add_update(post_id, "انطفأ الضوء.", title="الليلة", key="y")
    bar = reader.locator("[data-news]")
    expect(bar).to_be_in_viewport(ratio=1)
    next_frame(reader)
    assert abs(top_of(reader, "[data-updates] > :nth-child(7)") - before) < 1
    assert reader.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert reader.evaluate(OUTLINES) == [["solid", True]] * 2
    like_a_fresh_load(reader)


def test_what_is_unfolded_stays_under_the_finger(visit: Callable[..., Page], site: Site) -> None:
    """The page is kept still above what is read, but not against the reader's own doing."""
    headings = "".join(f"## Part {number}\n\n{'Words. ' * 40}\n\n" for number in range(6))
    reader = visit(f"/post/{live_post(site, 2, body=headings)}")
    is_live(reader)
    with heard(reader, "scrollend"):
        reader.mouse.wheel(0, 60)
    settled(reader)
    before = top_of(reader, ".toc summary")
    reader.locator(".toc summary").click()
    expect(reader.locator(".toc li").first).to_be_visible()
    next_frame(reader)
    assert abs(top_of(reader, ".toc summary") - before) < 1


def test_a_screen_reader_hears_of_news_now_and_then(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader = with_clock(visit, f"/post/{post_id}")
    is_live(reader)
    ada = site.ada()
    said = reader.locator("main > [role=status]")
    n = ada.add_update(post_id, "The text.", title="Goal for the guests")
    expect(update(reader, n)).to_be_visible()
    reader.clock.run_for(1_000)
    expect(said).to_have_text("New update: Goal for the guests")
    for _ in range(4):
        n = ada.add_update(post_id, "More.")
    expect(update(reader, n)).to_be_visible()
    reader.clock.run_for(9_999)
    expect(said).to_have_text("New update: Goal for the guests")
    reader.clock.run_for(1)
    expect(said).to_have_text("4 new updates")
    assert reader.evaluate("document.activeElement === document.body")


# The stream, lost and found


def streams_of(page: Page) -> list[str]:
    """The addresses of the streams that it asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/live?after=" in request.url else None)
    return asked


def test_a_cut_network_is_caught_up_with(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = visit(f"/post/{post_id}", alone=True)
    is_live(reader)
    reader.context.set_offline(True)
    expect(reader.locator("[data-state=offline]")).to_be_visible()
    expect(reader.get_by_text("As of")).to_be_visible()
    for number in range(3):
        n = site.ada().add_update(post_id, f"Meanwhile {number}.")
    reader.context.set_offline(False)
    expect(update(reader, n)).to_be_visible()
    is_live(reader)
    like_a_fresh_load(reader)


def test_a_refused_stream_is_tried_again(visit: Callable[..., Page], site: Site) -> None:
    """A 502 of a proxy makes EventSource give up for good."""
    post_id = live_post(site)
    reader = visit("about:blank", alone=True)
    stop_clock(reader)
    reader.route("**/live?after=*", lambda route: route.fulfill(status=502))
    reader.goto(f"/post/{post_id}")
    expect(reader.locator("[data-state=reconnecting]")).to_have_text(re.compile(r"Reconnecting in \d+ s"))
    reader.unroute("**/live?after=*")
    n = site.ada().add_update(post_id, "Meanwhile.")
    reader.clock.run_for(10_000)
    expect(update(reader, n)).to_be_visible()
    is_live(reader)


def test_a_server_that_holds_no_streams_is_polled(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader = visit("about:blank", alone=True)
    stop_clock(reader)
    wait = 'retry: 5000\nevent: wait\ndata: {"ms": 5000, "polling": true}\n\n'
    reader.route("**/live?after=*", lambda route: route.fulfill(body=wait, content_type="text/event-stream"))
    reader.goto(f"/post/{post_id}")
    expect(reader.locator("[data-state=polling]")).to_be_visible()
    reader.unroute("**/live?after=*")
    n = site.ada().add_update(post_id, "Meanwhile.")
    asked = streams_of(reader)
    reader.clock.run_for(4_999)
    assert asked == []
    assert update(reader, n).count() == 0
    reader.clock.run_for(1)
    expect(update(reader, n)).to_be_visible()
    is_live(reader)


@pytest.mark.slow
def test_a_server_that_starts_anew_is_found_again(
    visit: Callable[..., Page], copied_instance: Callable[[str], Any]
) -> None:
    folder = copied_instance("restarted")
    with UwsgiServer(folder, environ={"PRESSROOM_LIMITS": "off"}) as server:
        app: Flask = create_app(settings_for(folder, LIMITS="off"))
        ada = Person(app, "ada")
        post_id = ada.write_post(live="y")
        reader = with_clock(visit, f"{server.url}/post/{post_id}", alone=True)
        is_live(reader)
        server.stop()
        expect(reader.locator("[data-state=reconnecting]")).to_be_visible()
        n = ada.add_update(post_id, "While it was away.")
        server.start()
        reader.clock.run_for(10_000)
        expect(update(reader, n)).to_be_visible()
        is_live(reader)
        like_a_fresh_load(reader)
        close(app)


def test_pausing_holds_the_page_still(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = visit(f"/post/{post_id}", alone=True)
    is_live(reader)
    reader.get_by_role("button", name="Pause automatic updates").click()
    expect(reader.locator("[data-state=paused]")).to_be_visible()
    asked = streams_of(reader)
    n = site.ada().add_update(post_id, "Meanwhile.")
    with heard(reader, "online"):
        reader.context.set_offline(True)
        reader.context.set_offline(False)
    hide(reader, True)
    hide(reader, False)
    next_frame(reader)
    assert asked == []
    assert update(reader, n).count() == 0
    reader.get_by_role("button", name="Resume automatic updates").click()
    expect(update(reader, n)).to_be_visible()
    expect(reader.get_by_role("button", name="Pause automatic updates")).to_be_visible()


def test_a_hidden_tab_counts_and_gives_its_stream_back(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader, other = with_clock(visit, f"/post/{post_id}", alone=True), visit(f"/post/{post_id}", alone=True)
    is_live(reader)
    is_live(other)
    ada = site.ada()
    hide(reader, True)
    for number in range(2):
        ada.add_update(post_id, f"Unseen {number}.")
        reader.clock.run_for(200)  # so long it may wait for others
    expect(reader).to_have_title(re.compile(r"^\(2\) Live: The last light"))
    reader.clock.run_for(30_000)
    third = ada.add_update(post_id, "Nobody is told.")
    expect(update(other, third)).to_be_visible()
    assert update(reader, third).count() == 0
    with reader.expect_request("**/live?after=*"):
        reader.clock.run_for(30_000)
    expect(reader).to_have_title(re.compile(r"^\(3\) Live"))
    reader.clock.run_for(2_000)
    fourth = ada.add_update(post_id, "Nobody is told again.")
    expect(update(other, fourth)).to_be_visible()
    assert update(reader, fourth).count() == 0
    hide(reader, False)
    expect(reader).to_have_title(re.compile("^Live: The last light"))
    expect(update(reader, fourth)).to_be_visible()
    is_live(reader)
    like_a_fresh_load(reader)


def test_a_post_that_is_gone_says_so(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    site.ada().post(f"/desk/post/{post_id}/unpublish")
    expect(reader.get_by_text("This post is no longer public.").first).to_be_visible()
    expect(reader.locator("[data-state=ended]")).to_be_visible()
    expect(reader.locator(".update")).to_have_count(1)
    expect(reader.locator("[data-pause]")).to_be_hidden()


def test_a_page_out_of_the_browsers_memory_catches_up(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    reader.goto("/login")
    n = site.ada().add_update(post_id, "Meanwhile.")
    reader.go_back()
    expect(update(reader, n)).to_be_visible()
    is_live(reader)


# Numbers


@pytest.mark.slow
def test_authors_see_how_many_read_and_how_many_an_update_reached(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader = visit(f"/post/{post_id}")
    is_held(site, post_id)
    n = site.ada().add_update(post_id, "Hello?")
    has_reached(site, post_id, n, 1)
    author = with_clock(visit, f"/post/{post_id}#update-{n}", site.ada())
    expect(author.locator("[data-desk]")).to_be_visible()
    author.clock.run_for(300)
    expect(author.locator(".reached")).to_have_text(re.compile(r"^Reached one reader in \d+ ms$"))
    expect(author.get_by_text("1 reading")).to_be_visible()
    expect(reader.locator("[data-number]")).to_have_text("2")
    expect(reader.locator("[data-readers]")).to_be_hidden()
    expect(reader.locator(".reached")).to_have_count(0)
    n = site.ada().add_update(post_id, "From somewhere else.")
    expect(update(author, n)).to_be_visible()
    has_reached(site, post_id, n, 2)
    author.clock.run_for(300)
    expect(update(author, n).locator(".reached")).to_have_text(re.compile(r"^Reached one reader in \d+ ms$"))
    site.ada().post(f"/desk/post/{post_id}/update/{n}/key")
    expect(author.locator(f".update--key#update-{n} .reached")).to_be_visible()


def is_held(site: Site, post_id: int) -> None:
    """Updates are sent to somebody. Of a post that nobody reads the site tells that any number reached nobody."""
    told = f"/desk/post/{post_id}/reached/1000000"
    until(lambda: site.ada().get(told).json["readers"] is None, "the stream was held")  # type: ignore[index]


def has_reached(site: Site, post_id: int, n: int, readers: int) -> None:
    """The page asks four times only."""
    told = f"/desk/post/{post_id}/reached/{n}"
    until(lambda: site.ada().get(told).json["readers"] == readers, f"update {n} had {readers} readers")  # type: ignore[index]


def test_readers_are_told_of_a_crowd_only(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    say = "n => document.dispatchEvent(new CustomEvent('stream:event', { detail: { kind: 'readers', n } }))"
    reader.evaluate(say, 24)
    expect(reader.locator("[data-readers]")).to_be_hidden()
    reader.evaluate(say, 1204)
    expect(reader.locator("[data-readers]")).to_have_text("1,204 reading")
    expect(reader.locator("[data-readers]")).to_be_visible()
