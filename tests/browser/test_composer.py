"""The composer: an author on the post's own page, in a real browser, with what a bad night does to it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, Route, expect

from support.apps import close, settings_for
from support.browsing import PHONE, Site, has_desk, holds, is_live, live_post, log_in, update, with_clock
from support.persons import Person
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import create_app
from webapp.system.clock import now_ms


def at_work(visit: Callable[..., Page], path: str, person: Person, **options: Any) -> Page:
    """The page with the composer on it, for somebody who may write."""
    page = visit(path, person, **options)
    has_desk(page)
    return page


def at_work_with_clock(visit: Callable[..., Page], path: str, person: Person, **options: Any) -> Page:
    """The same, but its time stands still: nothing is sent again until the test puts it forward."""
    page = with_clock(visit, path, person, **options)
    has_desk(page)
    return page


def field(page: Page) -> Locator:
    return page.locator("[data-composer]").get_by_label("Update", exact=True)


def shows(page: Page, *texts: str) -> None:
    """These are the texts of all updates, the newest first."""
    expect(page.locator("[data-updates] > .update .update__body")).to_have_text(list(texts))


def tools(page: Page, n: int) -> Locator:
    return update(page, n).get_by_role("group", name="This update")


def number(item: Locator) -> int:
    return int((item.get_attribute("id") or "").removeprefix("update-"))


# Writing


@pytest.mark.slow
def test_whoever_logs_out_takes_unpublished_text_along(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", Person(site.app, "ada"))
    field(page).fill("Not for the next one at this machine.")
    answers = iter(["dismiss", "accept"])
    page.on("dialog", lambda dialog: getattr(dialog, next(answers))())
    kept = "Object.keys(localStorage).filter(name => name.startsWith('pressroom ')).length"
    until(lambda: page.evaluate(kept) == 1, "it was kept")
    page.get_by_role("button", name="Log out").click()
    expect(field(page)).to_have_value("Not for the next one at this machine.")
    assert page.evaluate(kept) == 1
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    assert page.evaluate(kept) == 0


def test_the_composer_is_seen_once_it_works(visit: Callable[..., Page], site: Site) -> None:
    page, scripts = visit("about:blank", site.ada()), list[Route]()
    page.route("**/assets/desk-*.js", lambda route: scripts.append(route))  # noqa: PLW0108 (Playwright marks it)
    page.goto(f"/post/{live_post(site)}")
    holds(page, lambda: scripts, "its script was asked for")
    expect(field(page)).to_be_hidden()
    scripts[0].continue_()
    expect(field(page)).to_be_visible()
    has_desk(page)


def test_an_update_is_published_from_the_posts_page(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    field(page).fill("It is **dark** now.")
    page.get_by_role("button", name="Publish update").click()
    newest = page.locator("[data-updates] > .update").first
    expect(newest).to_contain_text("It is dark now.")
    expect(field(page)).to_be_focused()
    expect(field(page)).to_have_value("")
    for name in ("Edit", "Correct", "Withdraw", "Pin", "Key moment"):
        expect(newest.get_by_role("button", name=name, exact=True)).to_be_visible()
    expect(reader.locator("[data-updates] > .update").first).to_contain_text("It is dark now.")
    assert reader.locator("[data-composer], .update-tools, [data-act]").count() == 0
    site.ada().post(f"/desk/post/{post_id}", **writing("ada, bob", "1"))
    n = site.person("bob").add_update(post_id, "From the harbour.")
    expect(update(page, n)).to_contain_text("bob")
    expect(tools(page, n)).to_be_visible()


def writing(authors: str, version: str) -> dict[str, str]:
    return {
        "title": "The last light",
        "body": "Kick-off at eight.",
        "live": "y",
        "authors": authors,
        "comments": "open",
        "version": version,
        "action": "publish",
    }


def test_strangers_and_readers_get_no_composer(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 1)
    for name in ("eve", "bob"):
        page = visit(f"/post/{post_id}", site.person(name))
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        is_live(page)
        assert page.locator("[data-composer]").count() == 0
    edith = at_work(visit, f"/post/{post_id}", site.person("edith"))
    expect(field(edith)).to_be_visible()


def test_everything_can_be_done_by_keyboard_alone(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    is_live(page)
    page.locator("#composer-title").focus()
    page.keyboard.type("She is here")
    page.keyboard.press("Tab")
    page.keyboard.type("The keeper has come.")
    page.keyboard.press("Control+Enter")
    first = page.locator("[data-updates] > .update").first
    expect(first).to_contain_text("The keeper has come.")
    expect(field(page)).to_be_focused()
    n = number(first)
    press(page, tools(page, n), "Key moment")
    expect(page.locator("[data-keys] li")).to_contain_text("She is here")
    expect(tools(page, n).get_by_role("button", name="Unmark key moment")).to_be_visible()
    press(page, tools(page, n), "Pin")
    expect(page.locator("[data-pinned] > .update")).to_have_count(1)
    press(page, tools(page, n), "Unpin")
    expect(page.locator("[data-pinned] > .update")).to_have_count(0)
    press(page, tools(page, n), "Edit")
    edit = page.get_by_role("form", name="Edit an update")
    expect(edit.get_by_label("Update", exact=True)).to_be_focused()
    expect(edit.get_by_label("Update", exact=True)).to_have_value("The keeper has come.")
    page.keyboard.press("Control+End")
    page.keyboard.type(" At last.")
    page.keyboard.press("Control+Enter")
    expect(update(page, n)).to_contain_text("The keeper has come. At last.")
    expect(edit).to_have_count(0)
    expect(tools(page, n).get_by_role("button", name="Edit")).to_be_focused()
    press(page, tools(page, n), "Correct")
    correct = page.get_by_role("form", name="Correct an update")
    expect(correct.get_by_label("Update", exact=True)).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("The keeper’s daughter has come.")
    page.keyboard.press("Tab")
    expect(correct.get_by_label("Add pictures")).to_be_focused()
    page.keyboard.press("Tab")
    expect(correct.get_by_text("Choose from the library")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("It is her daughter.")
    page.keyboard.press("Enter")
    expect(update(page, n)).to_contain_text("It is her daughter.")
    press(page, tools(page, n), "Withdraw")
    expect(update(page, n)).to_have_count(0)
    expect(page.locator(".withdrawn")).to_contain_text("She is here")
    expect(page.get_by_role("button", name="Restore")).to_be_focused()
    page.keyboard.press("Enter")
    expect(update(page, n)).to_contain_text("daughter has come.")
    expect(page.locator(".withdrawn")).to_have_count(0)


def test_what_must_go_goes_out_of_the_history_too(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    ada = site.ada()
    n = ada.add_update(post_id, "A slander.")
    ada.add_update(post_id, "The weather is fine.")
    moment = f"/post/{post_id}/at/{now_ms() / 1000}"
    page = at_work(visit, f"/post/{post_id}", site.ada())
    press(page, tools(page, n), "Withdraw")
    expect(page.get_by_role("button", name="Restore")).to_be_focused()
    until(lambda: ada.get(moment).status_code == 200, "that moment has passed")
    assert "slander" in ada.get(moment).text
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Delete permanently")).to_be_visible()
    assert "slander" in ada.get(moment).text
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    gone = "Withdrawn for legal reasons. The text is deleted."
    left = re.compile(rf"^\s*{gone}\s*$")
    expect(page.locator(".withdrawn")).to_have_text(left)
    expect(page.locator("[data-desk-says]")).to_have_text(gone)
    expect(page.get_by_text("Withdraw for legal reasons")).to_have_count(0)
    expect(page.locator(".withdrawn")).to_be_focused()
    assert "fine" in ada.get(moment).text
    assert "slander" not in ada.get(moment).text


def press(page: Page, group: Locator, name: str) -> None:
    """By the keyboard."""
    group.get_by_role("button", name=name, exact=True).focus()
    page.keyboard.press("Enter")


def test_spaces_are_refused_as_an_empty_field_is(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    field(page).evaluate("e => e.addEventListener('invalid', () => { window.refused = e.validationMessage })")
    for text in ("", " \n "):
        page.evaluate("window.refused = ''")
        field(page).fill(text)
        page.get_by_role("button", name="Publish update").click()
        holds(page, lambda: page.evaluate("window.refused"), "the browser said why")
        expect(field(page)).to_be_focused()
    expect(page.locator("[data-outbox] > *")).to_have_count(0)


def test_three_taps_on_a_phone(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site, 2)
    page = at_work(visit, f"/post/{post_id}", site.ada(), viewport=PHONE, has_touch=True, is_mobile=True)
    field(page).tap()
    page.keyboard.type("One thumb.")
    page.get_by_role("button", name="Publish update").tap()
    expect(page.locator("[data-updates] > .update").first).to_contain_text("One thumb.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_preview_is_made_by_the_server_once_a_second_at_most(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work_with_clock(visit, f"/post/{post_id}", site.ada())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/preview/" in request.url else None)
    preview = page.get_by_role("region", name="Preview")
    field(page).press_sequentially("It is **dark**")
    page.clock.run_for(249)
    assert asked == []
    page.clock.run_for(1)
    expect(preview.locator("strong")).to_have_text("dark")
    field(page).press_sequentially(" in the *tower*")
    page.clock.run_for(999)
    assert len(asked) == 1
    page.clock.run_for(1)
    expect(preview.locator("em")).to_have_text("tower")
    field(page).fill("![")
    field(page).fill("# " + "x" * 10_001)
    page.clock.run_for(1_000)
    expect(preview).to_contain_text("10")
    assert len(asked) == 3
    field(page).fill("")
    page.clock.run_for(1_000)
    expect(preview).to_be_hidden()
    assert len(asked) == 3
    page.clock.set_system_time(time.time() - 86_400)
    field(page).fill("It is **light**")
    page.clock.run_for(1_000)
    expect(preview.locator("strong")).to_have_text("light")


def test_a_post_is_previewed_while_it_is_written(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/new", site.ada())
    page.get_by_label("Text", exact=True).fill("## A heading\n\nAnd **more**.")
    expect(page.get_by_role("region", name="Preview").locator("strong")).to_have_text("more")


# Nothing is lost, nothing comes twice


def test_a_cut_network_in_the_middle_of_a_sentence(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    field(page).press_sequentially("The lamp is ")
    page.context.set_offline(True)
    field(page).press_sequentially("out.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("list", name="Not published yet")).to_contain_text("The lamp is out.")
    expect(page.get_by_role("list", name="Not published yet")).to_contain_text("No connection.")
    expect(field(page)).to_be_focused()
    page.keyboard.type("And another.")
    page.keyboard.press("Control+Enter")
    page.keyboard.type("Half a thou")
    page.context.set_offline(False)
    expect(page.locator("[data-updates] > .update")).to_have_count(2)
    shows(page, "And another.", "The lamp is out.")
    expect(page.locator("[data-outbox] > *")).to_have_count(0)
    expect(field(page)).to_have_value("Half a thou")
    page.reload()
    expect(field(page)).to_have_value("Half a thou")
    shows(page, "And another.", "The lamp is out.")


def test_an_answer_that_is_lost_makes_no_second_update(visit: Callable[..., Page], site: Site) -> None:
    """The site has it, but the browser never hears so."""
    post_id = live_post(site)
    page = at_work_with_clock(visit, f"/post/{post_id}", site.ada())
    lost: list[int] = []

    def lose(route: Route) -> None:
        lost.append(route.fetch().status)
        route.abort()
        page.unroute("**/updates")

    page.route("**/updates", lose)
    field(page).fill("Once and only once.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-outbox] > *")).to_contain_text("No connection.")
    page.clock.run_for(1_000)
    expect(page.locator("[data-outbox] > *")).to_have_count(0)
    assert lost == [200]
    page.reload()
    expect(page.locator("[data-updates] > .update")).to_have_count(1)


def test_a_busy_site_is_asked_again_when_it_says(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work_with_clock(visit, f"/post/{post_id}", site.ada())
    page.route("**/updates", lambda route: route.fulfill(status=503, headers={"Retry-After": "5"}, body="busy"))
    field(page).fill("In the rush.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-outbox] > *")).to_contain_text("No connection.")
    page.unroute("**/updates")
    page.route(
        "**/updates",
        lambda route: route.fulfill(
            status=503, headers={"Retry-After": "5"}, body='{"message": "Busy"}', content_type="application/json"
        ),
    )
    page.clock.run_for(1_000)
    expect(page.locator("[data-outbox] > *")).to_contain_text("The site is busy. Retrying in 5 s.")
    page.unroute("**/updates")
    page.clock.run_for(5_000)
    expect(page.locator("[data-updates] > .update")).to_contain_text("In the rush.")


@pytest.mark.slow
def test_a_restart_in_the_middle_of_a_sentence(
    visit: Callable[..., Page], copied_instance: Callable[[str], Any]
) -> None:
    folder = copied_instance("composer")
    with UwsgiServer(folder, environ={"PRESSROOM_LIMITS": "off"}) as server:
        app: Flask = create_app(settings_for(folder, LIMITS="off"))
        ada = Person(app, "ada")
        post_id = ada.write_post(live="y")
        page = at_work_with_clock(visit, f"/post/{post_id}", ada, base_url=server.url)
        field(page).press_sequentially("Before the ")
        server.stop()
        field(page).press_sequentially("restart.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("[data-outbox] > *")).to_contain_text("No connection.")
        page.keyboard.type("Half a thou")
        server.start()
        page.clock.run_for(1_000)
        expect(page.locator("[data-updates] > .update")).to_have_count(1)
        expect(field(page)).to_have_value("Half a thou")
        page.keyboard.type("ght.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("[data-updates] > .update")).to_have_count(2)
        page.reload()
        shows(page, "Half a thought.", "Before the restart.")
        close(app)


def test_a_closed_tab_sends_what_was_waiting_when_it_is_opened_again(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    page.route("**/updates", lambda route: route.abort())
    field(page).fill("On the train.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-outbox] > *")).to_contain_text("No connection.")
    other = page.context.new_page()
    page.close()
    other.goto(f"/post/{post_id}")
    expect(other.locator("[data-updates] > .update")).to_contain_text("On the train.")
    other.reload()
    expect(other.locator("[data-updates] > .update")).to_have_count(1)


def test_whoever_was_logged_out_logs_in_elsewhere_and_it_is_sent(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", Person(site.app, "ada"))
    other = page.context.new_page()
    other.goto("/desk")
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_role("link", name="Log in").first).to_be_visible()
    field(page).fill("Still here.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-outbox] > *")).to_contain_text("You are logged out. Log in as ada in another tab")
    log_in(other, "ada")
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator("[data-updates] > .update")).to_contain_text("Still here.")


def test_what_the_site_refuses_comes_back_into_the_field(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    long = "word " * 2_100
    field(page).fill(long)
    page.keyboard.press("Control+Enter")
    waiting = page.locator("[data-outbox] > *")
    expect(waiting).to_contain_text("Not sent: ")
    page.keyboard.type("Begun anew.")
    waiting.get_by_role("button", name="Edit again").click()
    expect(field(page)).to_have_value(f"{long}\n\nBegun anew.")
    expect(waiting).to_have_count(0)
    page.reload()
    expect(field(page)).to_have_value(f"{long}\n\nBegun anew.")
    field(page).fill("Short.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-updates] > .update")).to_have_count(1)


def test_all_that_is_unsent_is_there_after_a_reload(visit: Callable[..., Page], site: Site) -> None:
    """The newest in the box, what was refused with its reason, and an older draft of another tab."""
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    for text in ("<!-- a -->", "\u3164"):
        field(page).fill(text)
        page.get_by_role("button", name="Publish update").click()
        expect(page.locator("[data-outbox]")).to_contain_text("Not sent: This shows nothing.")
    expect(page.locator("[data-outbox] > *")).to_have_count(2)
    for text in ("An older one.", "Half a sent"):
        field(page).fill(text)
        expect_kept(page, text)
        page.evaluate("document.querySelector('[data-composer] form').elements.submission.value = crypto.randomUUID()")
    page.reload()
    expect(field(page)).to_have_value("Half a sent")
    cards = page.locator("[data-outbox] > *")
    expect(cards).to_have_count(3)
    expect(cards.filter(has_text="Not sent: This shows nothing.")).to_have_count(2)
    card = cards.filter(has_text="An older one.")
    expect(card).to_contain_text("Not published yet.")
    card.get_by_role("button", name="Edit again").click()
    expect(field(page)).to_have_value("An older one.\n\nHalf a sent")


def expect_kept(page: Page, text: str) -> None:
    holds(page, lambda: text in page.evaluate("JSON.stringify({...localStorage})"), "it is kept")


def test_an_ended_post_keeps_the_text(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    is_live(page)
    field(page).fill("Too late?")
    site.ada().post(f"/desk/post/{post_id}/end")
    expect(page.get_by_text("Live coverage has ended, so updates are closed.")).to_be_visible()
    expect(field(page)).to_have_value("Too late?")
    page.keyboard.press("Control+Enter")
    expect(field(page)).to_have_value("Too late?")


# Two editors


def test_a_second_editor_sees_who_is_at_it_and_nobody_is_overwritten(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    n = site.ada().add_update(post_id, "Two boats.")
    ada = at_work(visit, f"/post/{post_id}", site.ada())
    tools(ada, n).get_by_role("button", name="Edit", exact=True).click()
    edited = ada.get_by_role("form", name="Edit an update").get_by_label("Update", exact=True)
    expect(edited).to_have_value("Two boats.")
    edith = at_work(visit, f"/post/{post_id}", site.person("edith"))
    tools(edith, n).get_by_role("button", name="Edit", exact=True).click()
    form = edith.get_by_role("form", name="Edit an update")
    expect(form.get_by_text("ada has this update open too.")).to_be_visible()
    form.get_by_label("Update", exact=True).fill("Three boats.")
    form.get_by_role("button", name="Save").click()
    expect(update(ada, n)).to_contain_text("Three boats.")
    edited.fill("Four boats.")
    ada.get_by_role("form", name="Edit an update").get_by_role("button", name="Save").click()
    expect(ada.get_by_role("alert")).to_contain_text("Someone saved another version")
    expect(ada.get_by_label("Their version")).to_have_value("Three boats.")
    expect(edited).to_have_value("Four boats.")
    ada.get_by_role("form", name="Edit an update").get_by_role("button", name="Save").click()
    expect(update(ada, n)).to_contain_text("Four boats.")


def test_an_edit_survives_a_cut_network_and_a_reload(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    n = site.ada().add_update(post_id, "Two boats.")
    page = at_work(visit, f"/post/{post_id}", site.ada())
    tools(page, n).get_by_role("button", name="Correct", exact=True).click()
    form = page.get_by_role("form", name="Correct an update")
    expect(form.get_by_label("Update", exact=True)).to_have_value("Two boats.")
    form.get_by_label("Update", exact=True).fill("Three boats.")
    page.reload()
    expect(form.get_by_label("Update", exact=True)).to_have_value("Three boats.")
    expect(form).to_contain_text("Your unsaved text was restored.")
    form.get_by_label("Correction note").fill("One was behind the pier.")
    page.context.set_offline(True)
    form.get_by_role("button", name="Publish correction").click()
    expect(form).to_contain_text("No connection.")
    page.context.set_offline(False)
    expect(update(page, n)).to_contain_text("One was behind the pier.")
    expect(form).to_have_count(0)
    assert [kept for kept in page.evaluate("Object.keys(localStorage)") if kept.startswith("pressroom")] == []


def test_a_screen_reader_finds_its_way(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    n = site.ada().add_update(post_id, "Two boats.", title="The regatta")
    page = at_work(visit, f"/post/{post_id}", site.ada())
    page.route("**/updates", lambda route: route.fulfill(status=409, json={"message": "It is over."}))
    field(page).fill("Never.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-outbox] > *")).to_contain_text("It is over.")
    expect(page.get_by_role("region", name="Preview")).to_be_hidden()
    page.keyboard.type("A *storm*.")
    expect(page.get_by_role("region", name="Preview")).to_contain_text("A storm.")
    assert page.locator("[data-desk]").aria_snapshot().strip() == COMPOSER.strip()
    tools(page, n).get_by_role("button", name="Correct", exact=True).click()
    form = page.get_by_role("form", name="Correct an update")
    expect(form.get_by_label("Update", exact=True)).to_have_value("Two boats.")
    assert tools(page, n).aria_snapshot().splitlines()[1:] == TOOLS.strip("\n").splitlines()
    assert form.aria_snapshot().strip() == FORM.strip()


COMPOSER = """
- region "New update":
  - heading "New update" [level=3]
  - text: Title
  - paragraph: Optional.
  - textbox "Title"
  - text: Update
  - textbox "Update": A *storm*.
  - button "Add pictures"
  - text: Add pictures Or paste or drop them into the text.
  - group: Choose from the library
  - status
  - checkbox "Key moment"
  - text: Key moment
  - paragraph:
    - button "Publish update"
  - paragraph: Or press Ctrl+Enter.
  - region "Preview":
    - paragraph:
      - text: A
      - emphasis: storm
      - text: .
  - list "Not published yet":
    - listitem:
      - paragraph: Never.
      - paragraph: "Not sent: It is over."
      - paragraph:
        - button "Edit again"
        - button "Discard"
- status: "Not sent: It is over."
"""
TOOLS = """
  - button "Edit"
  - button "Correct"
  - button "Key moment"
  - button "Pin"
  - button "Withdraw"
"""
FORM = """
- form "Correct an update":
  - paragraph: For factual errors. Readers see a correction notice with the time and your note. The \
old text stays in the history, where readers can find it. To remove it from there, withdraw it for legal \
reasons under Earlier versions.
  - text: Title
  - paragraph: Optional.
  - textbox "Title": The regatta
  - text: Update
  - textbox "Update": Two boats.
  - button "Add pictures"
  - text: Add pictures Or paste or drop them into the text.
  - group: Choose from the library
  - status
  - text: Correction note
  - paragraph: A short note, shown to readers next to the update.
  - textbox "Correction note"
  - paragraph:
    - button "Publish correction"
    - button "Cancel"
"""
