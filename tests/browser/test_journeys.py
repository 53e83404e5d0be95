"""The ways people take, in a real browser against the real server."""

from __future__ import annotations

import re
from collections.abc import Callable
from unittest.mock import patch

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from support.browsing import PHONE, Site, log_in, publish, tab_to
from support.live_post import Clock


@pytest.fixture
def page(visit: Callable[..., Page]) -> Page:
    """A new visitor's, with nothing on it yet."""
    return visit("about:blank")


def test_an_empty_site_says_what_comes_next(
    visit: Callable[..., Page], site: Site, make_app: Callable[..., Flask]
) -> None:
    empty = make_app().test_client().get("/").text
    others = ["Import Markdown files", "See how it works"]
    for name, steps in {
        "": ["Log in and write the first one."],
        "eve": [],
        "ada": ["Write the first post", *others],
    }.items():
        page = visit("about:blank", site.person(name) if name else None)
        page.route(re.compile(r":\d+/$"), lambda route: route.fulfill(body=empty, content_type="text/html"))
        page.goto("/")
        expect(page.get_by_role("link", name="Log in").first).to_be_visible(visible=not name)
        # The page is another site's, so it may reload itself once meanwhile.
        seen = page.locator(".empty li").filter(visible=True)
        expect(seen).to_have_text([re.compile(f"^\\s*{re.escape(step)}") for step in steps])


def test_times_are_the_reader_s_and_the_zone_is_named_once(visit: Callable[..., Page], site: Site) -> None:
    path = f"/post/{site.post(title='The ferry is late')}"
    tokyo, without_scripts = visit(path, timezone_id="Asia/Tokyo"), visit(path, java_script_enabled=False)
    expect(tokyo.get_by_text("Times in your time zone", exact=True)).to_have_count(1)
    expect(without_scripts.get_by_text("Times in UTC", exact=True)).to_have_count(1)
    there, here = (page.locator("time").first for page in (tokyo, without_scripts))
    assert there.get_attribute("title") == f"{here.inner_text()} (UTC)"
    assert there.inner_text() != here.inner_text()
    assert not re.search("UTC|GMT", there.inner_text() + here.inner_text())


def test_the_day_of_an_update_is_named_from_the_next_day_on(visit: Callable[..., Page], site: Site) -> None:
    post_id = site.post(title="The ferry is late", live="y")
    clock = Clock()
    clock.tick(-24 * 3_600)
    with patch("webapp.system.clock.time", clock):
        yesterday = site.ada().add_update(post_id, "It is late.")
    today = site.ada().add_update(post_id, "It is still late.")
    page, without_scripts = visit(f"/post/{post_id}"), visit(f"/post/{post_id}", java_script_enabled=False)
    for n, is_named in ((yesterday, True), (today, False)):
        expect(page.locator(f"#update-{n} .update__day")).to_be_visible(visible=is_named)
        expect(without_scripts.locator(f"#update-{n} .update__day")).to_be_visible()


def test_an_admin_copies_an_invitation_and_disables_in_two_steps(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/people", site.person("root"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Create link").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    link = page.get_by_label("Invitation (Author)").input_value()
    assert page.evaluate("navigator.clipboard.readText()") == link
    row = page.locator(".person").filter(has=page.get_by_role("link", name="edith", exact=True))
    expect(row.get_by_role("button", name="Disable it now")).to_be_hidden()
    row.get_by_text("Disable account").click()
    expect(row.get_by_role("button", name="Disable it now")).to_be_visible()


def test_a_newcomer_registers_comments_and_deletes_the_comment(page: Page, site: Site) -> None:
    post_id = site.post(title="The ferry is late")
    page.goto(f"/post/{post_id}")
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="Create one").click()
    page.get_by_label("Username", exact=True).fill("Newcomer-1")
    page.get_by_label("Password", exact=True).fill("a password of my own")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.goto(f"/post/{post_id}")
    page.get_by_role("link", name="Write a comment").click()
    box = page.get_by_label("Your comment")
    expect(box).to_be_focused()
    box.fill("I was *on* it.")
    page.get_by_role("button", name="Publish comment").click()
    comment = page.locator(".comment", has_text="I was on it.")
    expect(comment).to_have_count(1)
    comment.get_by_text("Delete", exact=True).click()
    comment.get_by_role("button", name="Delete this comment").click()
    expect(page.locator(".comment", has_text="I was on it.")).to_have_count(0)


def test_an_author_writes_previews_publishes_updates_and_logs_out(page: Page, site: Site) -> None:
    log_in(page, "ada")
    page.get_by_role("link", name="New post").click()
    page.get_by_label("Title").fill("Election night in Gullhaven")
    page.get_by_label("Text").fill("Polls close at **eight**.")
    page.get_by_label("Live").check()
    page.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview.locator("strong")).to_have_text("eight")
    expect(page.get_by_label("Text")).to_have_value("Polls close at **eight**.")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Election night in Gullhaven")
    page.get_by_role("link", name="Live desk").click()
    page.get_by_label("Update", exact=True).fill("First results from the harbour.")
    page.get_by_role("button", name="Publish update").click()
    expect(page.locator(".update")).to_contain_text("First results from the harbour.")
    page.get_by_role("button", name="Key moment").click()
    page.get_by_role("link", name="Correct").click()
    page.get_by_label("Update", exact=True).fill("First results from the hill.")
    page.get_by_label("Correction note").fill("It was the hill, not the harbour.")
    page.get_by_role("main").get_by_role("button").last.click()
    page.get_by_role("link", name="View", exact=True).click()
    update = page.locator("article.update")
    expect(update).to_contain_text("First results from the hill.")
    expect(update).to_contain_text("It was the hill, not the harbour.")
    expect(update).to_contain_text("Key moment")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    page.goto("/desk")
    expect(page).to_have_url(re.compile(r"/login\?next="))


def test_a_reader_finds_a_post_by_searching(page: Page, site: Site) -> None:
    site.post(title="A guide to tide tables", body="Neap and spring tides.")
    page.goto("/")
    page.get_by_role("searchbox").fill("neap tides")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name="A guide to tide tables").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A guide to tide tables")


def test_an_anonymous_reader_asks_for_nothing_personal(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/post/{site.post()}")
    assert f"{site.url}/me" not in asked
    assert page.context.cookies() == []
    with page.expect_request(f"{site.url}/me"):
        log_in(page, "eve")


def test_one_comments_by_keyboard_alone(visit: Callable[..., Page], site: Site) -> None:
    page = visit(f"/post/{site.post(title='By keyboard')}", site.person("eve"))
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    tab_to(page, "Skip to content")
    page.keyboard.press("Enter")
    tab_to(page, "Write a comment")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your comment")).to_be_focused()
    page.keyboard.type("Typed, never clicked.")
    tab_to(page, "Publish comment")
    page.keyboard.press("Enter")
    expect(page.locator(".comment")).to_contain_text("Typed, never clicked.")


def test_everything_works_without_javascript(visit: Callable[..., Page]) -> None:
    page = visit("/login", java_script_enabled=False)
    log_in(page, "ada")
    page.goto("/desk/new")
    post_id = publish(page, "Without a script", live=True)
    page.goto(f"/desk/post/{post_id}/live")
    page.get_by_label("Update", exact=True).fill("Still here.")
    page.get_by_role("button", name="Publish update").click()
    page.goto(f"/post/{post_id}")
    expect(page.get_by_text("As of")).to_be_visible()
    page.get_by_role("link", name="Load newer updates").click()
    page.get_by_role("link", name="Write a comment").click()
    page.get_by_label("Your comment").fill("No script was harmed.")
    page.get_by_role("main").get_by_role("button").last.click()
    expect(page.locator(".comment")).to_contain_text("No script was harmed.")
    page.goto("/settings/comments")
    expect(page.get_by_role("main")).to_contain_text("No script was harmed.")
    page.goto("/desk")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_a_phone_is_enough_to_report_live(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/new", site.ada(), viewport=PHONE, has_touch=True, is_mobile=True)
    post_id = publish(page, "From the stands", live=True)
    page.goto(f"/post/{post_id}")
    page.get_by_role("link", name="Live desk").tap()
    page.get_by_label("Update", exact=True).fill("One nil!")
    page.get_by_role("button", name="Publish update").tap()
    expect(page.locator(".update")).to_contain_text("One nil!")


def test_two_editors_of_one_text_both_keep_theirs(visit: Callable[..., Page], site: Site) -> None:
    post_id = site.post(title="Two at once", body="The first text.")
    ada, edith = (visit(f"/desk/post/{post_id}", site.person(name)) for name in ("ada", "edith"))
    ada.get_by_label("Text").fill("What Ada wrote.")
    ada.get_by_role("button", name="Save").click()
    expect(ada.get_by_role("main")).to_contain_text("What Ada wrote.")
    edith.get_by_label("Text").fill("What Edith wrote.")
    edith.get_by_role("button", name="Save").click()
    expect(edith).not_to_have_title(re.compile("Edit post"))
    shown = edith.get_by_role("main").inner_text() + "".join(
        box.input_value() for box in edith.get_by_role("main").locator("textarea").all()
    )
    assert "What Ada wrote." in shown
    assert "What Edith wrote." in shown
