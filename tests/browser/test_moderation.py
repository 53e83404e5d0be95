"""The desk's comments in a real browser: one thumb, the keyboard, and comments that come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from support.browsing import PHONE, Site, hide, holds, next_frame, tab_to, with_clock
from support.content import add_many
from support.persons import PASSWORD, Person
from tools.processes import until
from webapp import db
from webapp.people import passwords, users


@pytest.fixture
def open_night(visit: Callable[..., Page], site: Site) -> Callable[..., Page]:
    """The screen in Ada's hands; its clock stands still until the test puts it forward."""

    def open_night(**options: Any) -> Page:
        page = with_clock(visit, "/desk/comments", site.ada(), **options)
        page.evaluate("window.isTheSame = true")
        return page

    return open_night


@pytest.fixture
def eve(site: Site) -> Person:
    return site.person("eve")


def item(page: Page, post_id: int, n: int) -> Any:
    return page.locator(f"#post-{post_id}-comment-{n}")


def switch(page: Page, post_id: int, name: str) -> Any:
    return page.locator(f"#switch-{post_id}").get_by_role("button", name=name)


def is_the_same(page: Page) -> bool:
    """It was not loaded anew."""
    return bool(page.evaluate("window.isTheSame === true"))


def test_one_tap_withdraws_on_a_phone_and_another_restores(
    open_night: Callable[..., Page], site: Site, eve: Person
) -> None:
    post_id = site.post(title="The night of the count", live="y")
    n = eve.comment(post_id, "Rude words.")
    page = open_night(viewport=PHONE, has_touch=True, is_mobile=True)
    comment = item(page, post_id, n)
    comment.get_by_role("button", name="Withdraw").tap()
    expect(comment).to_contain_text("Hidden from readers.")
    expect(page.get_by_role("status")).to_have_text("Comment withdrawn.")
    assert "Rude words." not in eve.get(f"/post/{post_id}").text
    comment.get_by_role("button", name="Restore").tap()
    expect(comment.get_by_role("button", name="Withdraw")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Comment restored.")
    assert "Rude words." in eve.get(f"/post/{post_id}").text
    assert is_the_same(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_one_tap_switches_and_another_switches_back(open_night: Callable[..., Page], site: Site, eve: Person) -> None:
    post_id = site.post(title="The night of the count", live="y")
    page = open_night(viewport=PHONE, has_touch=True)
    for name, says in (("Closed", "Comments are closed."), ("Slow mode", "Slow mode: one comment"), ("Open", "")):
        switch(page, post_id, name).tap()
        expect(switch(page, post_id, name)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(f"#switch-{post_id} [aria-pressed=true]")).to_have_count(1)
        assert says in eve.get(f"/post/{post_id}").text
    expect(page.get_by_role("status")).to_have_text("Comments on The night of the count are open.")
    assert is_the_same(page)


def test_new_comments_come_in_by_themselves_and_nothing_moves(
    open_night: Callable[..., Page], site: Site, eve: Person
) -> None:
    post_id = site.post(title="The night of the count", live="y")
    old = [eve.comment(post_id, f"Number {i} of those that were there. " * 9) for i in range(8)]
    page = open_night(viewport=PHONE)
    read = item(page, post_id, old[2])
    read.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    next_frame(page)
    assert page.evaluate("scrollY") > 0
    page.clock.run_for(500)
    read.get_by_role("button").first.focus()
    page.clock.run_for(500)
    top = read.evaluate("e => e.getBoundingClientRect().top")
    new = [eve.comment(post_id, f"New number {i}.") for i in range(2)]
    page.clock.run_for(6_000)
    expect(item(page, post_id, new[1])).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text("2 new comments")
    ids = page.locator("[data-list=comments] > .item").evaluate_all("all => all.map(e => e.id)")
    assert ids[:3] == [f"post-{post_id}-comment-{n}" for n in (new[1], new[0], old[-1])]
    next_frame(page)
    assert abs(read.evaluate("e => e.getBoundingClientRect().top") - top) < 1
    expect(read.get_by_role("button").first).to_be_focused()
    site.ada().post(f"/desk/post/{post_id}/comment/{new[1]}/withdraw")
    page.clock.run_for(6_000)
    expect(item(page, post_id, new[1])).to_contain_text("Hidden from readers.")
    assert is_the_same(page)


def test_a_crowd_of_new_comments_leaves_none_out(open_night: Callable[..., Page], site: Site) -> None:
    post_id = site.post(title="The night of the count", live="y")
    page = open_night()
    new = add_many(site.app, post_id, 25, "comments")
    page.clock.run_for(6_000)
    expect(item(page, post_id, new[0])).to_have_count(1)
    expect(page.locator(f"[id^=post-{post_id}-comment]")).to_have_count(25)


def test_a_hidden_tab_asks_for_nothing_and_looks_when_it_is_back(
    open_night: Callable[..., Page], site: Site, eve: Person
) -> None:
    post_id = site.post(title="The night of the count", live="y")
    page = open_night()
    hide(page, True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    n = eve.comment(post_id)
    page.clock.run_for(60_000)
    assert asked == []
    hide(page, False)
    expect(item(page, post_id, n)).to_be_visible()


def test_a_lost_network_is_said_and_waited_for(open_night: Callable[..., Page], site: Site, eve: Person) -> None:
    post_id = site.post(title="The night of the count", live="y")
    n = eve.comment(post_id)
    page = open_night()
    page.context.set_offline(True)
    item(page, post_id, n).get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_have_text("No connection. Try again in a moment.")
    assert is_the_same(page)
    with page.expect_event("requestfailed"):
        page.clock.run_for(6_000)
    page.context.set_offline(False)
    page.clock.run_for(11_000)
    expect(page.get_by_role("status")).to_be_empty()
    item(page, post_id, n).get_by_role("button", name="Withdraw").click()
    expect(item(page, post_id, n).get_by_role("button", name="Restore")).to_be_visible()


def test_what_the_server_refuses_says_why_on_its_page(open_night: Callable[..., Page], site: Site, eve: Person) -> None:
    post_id = site.post(title="The night of the count", live="y")
    n = eve.comment(post_id, "I take it back.")
    site.ada().post(f"/desk/post/{post_id}/comment/{n}/withdraw")
    page = open_night()
    eve.post(f"/post/{post_id}/comment/{n}/delete")
    item(page, post_id, n).get_by_role("button", name="Restore").click()
    expect(page.get_by_text("The author deleted this comment. It can’t be restored.")).to_be_visible()


def test_an_older_answer_does_not_undo_what_was_pressed(
    open_night: Callable[..., Page], site: Site, eve: Person
) -> None:
    """The list was asked for before the tap, and comes after it."""
    post_id = site.post(title="The night of the count", live="y")
    n = eve.comment(post_id)
    page = open_night()
    held: list[tuple[Route, Any]] = []

    def hold(route: Route) -> None:
        held.append((route, route.fetch()))

    page.route("**/desk/comments?limit=*", hold, times=1)
    page.clock.run_for(6_000)
    holds(page, lambda: held, "the list was asked for")
    comment = item(page, post_id, n)
    comment.get_by_role("button", name="Withdraw").click()
    expect(comment.get_by_role("button", name="Restore")).to_be_visible()
    page.evaluate(
        "id => { window.undone = false; new MutationObserver(() => {"
        " if (!document.getElementById(id).textContent.includes('Restore')) window.undone = true;"
        " }).observe(document.querySelector('[data-list=comments]'), { childList: true }) }",
        f"post-{post_id}-comment-{n}",
    )
    route, answer = held[0]
    page.evaluate(AWAIT_HELD)
    route.fulfill(response=answer, headers=answer.headers | {"x-held": "yes"})
    until(lambda: page.evaluate("window.isRead === true"), "the answer was read")
    assert page.evaluate("window.undone") is False
    expect(comment.get_by_role("button", name="Restore")).to_be_visible()


# The script goes on as soon as the answer has been read.
AWAIT_HELD = """
() => {
  const { text } = Response.prototype;
  Response.prototype.text = async function () {
    const read = await text.call(this);
    window.isRead ||= this.headers.has("x-held");
    return read;
  };
}
"""


def test_the_night_goes_by_keyboard_alone(open_night: Callable[..., Page], site: Site, eve: Person) -> None:
    post_id = site.post(title="The night of the count", live="y")
    n = eve.comment(post_id, "Rude words.")
    page = open_night()
    switch(page, post_id, "Slow mode").focus()
    page.keyboard.press("Enter")
    expect(switch(page, post_id, "Slow mode")).to_have_attribute("aria-pressed", "true")
    expect(switch(page, post_id, "Slow mode")).to_be_focused()
    item(page, post_id, n).get_by_role("link").first.focus()  # past the switches of every other test's post
    tab_to(page, f"Withdraw comment {n}")
    page.keyboard.press("Space")
    restore = item(page, post_id, n).get_by_role("button", name="Restore")
    expect(restore).to_be_focused()
    page.keyboard.press("Enter")
    expect(item(page, post_id, n).get_by_role("button", name="Withdraw")).to_be_focused()
    assert is_the_same(page)


def test_disabling_an_account_takes_a_second_step(visit: Callable[..., Page], site: Site) -> None:
    with site.app.app_context(), db.writing() as session:
        users.create(session, "Rowdy", None, passwords.make_hash(PASSWORD))
    post_id = site.post(title="The night of the count", live="y")
    n = Person(site.app, "Rowdy").comment(post_id, "Rude words.")
    page = visit("/desk/comments", site.person("root"))
    comment = item(page, post_id, n)
    comment.get_by_text("Disable account").click()
    expect(comment.get_by_text("Disabled", exact=True)).to_have_count(0)
    comment.get_by_role("button", name="Disable it now Rowdy").click()
    expect(page.get_by_role("status")).to_have_text("Account of Rowdy disabled.")
    expect(comment.get_by_text("Disabled", exact=True)).to_be_visible()
    expect(comment.get_by_role("button", name="Enable account Rowdy")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Account of Rowdy enabled.")
    expect(comment.get_by_text("Disable account")).to_be_focused()


def test_it_goes_without_a_script(visit: Callable[..., Page], site: Site, eve: Person) -> None:
    post_id = site.post(title="The night of the count", live="y")
    n = eve.comment(post_id, "Rude words.")
    page = visit("/desk/comments", site.ada(), java_script_enabled=False, viewport=PHONE)
    item(page, post_id, n).get_by_role("button", name="Withdraw").click()
    expect(page).to_have_url(f"{site.url}/desk/comments#post-{post_id}-comment-{n}")
    item(page, post_id, n).get_by_role("button", name="Restore").click()
    expect(item(page, post_id, n).get_by_role("button", name="Withdraw")).to_be_visible()
    switch(page, post_id, "Closed").click()
    expect(page).to_have_url(f"{site.url}/desk/comments#switch-{post_id}")
    expect(switch(page, post_id, "Closed")).to_have_attribute("aria-pressed", "true")
