"""Leaving a page of the desk with text that isn't saved, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, expect

from support.browsing import Site, holds


def asked_on_closing(page: Page) -> bool:
    """Whether the browser asks before it closes the tab; the answer is no, and the tab stays."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.close(run_before_unload=True)
    holds(page, lambda: asked, "the browser asked")
    page.remove_listener("dialog", stay)
    return asked == ["beforeunload"]


def closes_at_once(page: Page) -> bool:
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    return asked == []


def type_into(page: Page, label: str, text: str) -> None:
    """By the keyboard: a browser doesn't ask for somebody who has touched nothing."""
    page.get_by_label(label, exact=True).press_sequentially(text)


def paths(site: Site) -> dict[str, str]:
    post_id = site.post(title="The ferry is late", live="y")
    n = site.ada().add_update(post_id, "It is late.")
    root = site.person("root")
    root.post("/desk/about/new", form_at="/desk/about/new", name="unsaved", title="Imprint", body="We are here.")
    return {
        "a new post": "/desk/new",
        "a post": f"/desk/post/{post_id}",
        "an update": f"/desk/post/{post_id}/update/{n}/edit",
        "the live desk": f"/desk/post/{post_id}/live",
        "a new site page": "/desk/about/new",
        "a site page": "/desk/about/edit/unsaved",
    }


PAGES = ["a new post", "a post", "an update", "the live desk", "a new site page", "a site page"]


@pytest.mark.parametrize("what", PAGES)
def test_typed_text_is_asked_about_and_nothing_typed_is_not(visit: Callable[..., Page], site: Site, what: str) -> None:
    path = paths(site)[what]
    page = visit(path, site.person("root"))
    type_into(page, "Title", "Late")
    assert asked_on_closing(page)
    untouched = visit(path, site.person("root"))
    untouched.get_by_label("Title", exact=True).click()
    assert closes_at_once(untouched)


def test_text_put_back_as_it_was_is_not_asked_about(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/new", site.ada())
    type_into(page, "Title", "L")
    page.keyboard.press("Backspace")
    page.get_by_label("Live").click()
    page.get_by_label("Live").click()
    assert closes_at_once(page)


def test_saving_is_not_asked_about_and_neither_is_what_was_saved(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/new", site.ada())
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    type_into(page, "Title", "The ferry is late")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Saved as a draft.")).to_be_visible()
    page.get_by_label("Title", exact=True).click()
    assert closes_at_once(page)
    assert asked == []


def test_a_preview_is_not_saved_yet(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/new", site.ada())
    type_into(page, "Title", "The ferry is late")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Not saved yet.")).to_be_visible()
    page.get_by_label("Title", exact=True).click()
    assert asked_on_closing(page)
