"""Looking back in a real browser: the slider by keyboard and by finger, and the ways without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from unittest.mock import patch

import pytest
from playwright.sync_api import Locator, Page, expect

from support.browsing import PHONE, Site, with_clock
from support.live_post import Clock, LivePost

HOUR = 3_600


@pytest.fixture
def live_post(site: Site) -> LivePost:
    """Five updates, an hour apart; the second was corrected before the fourth came."""
    clock = Clock()
    clock.tick(-24 * HOUR)
    with patch("webapp.system.clock.time", clock):
        live_post = LivePost(site.ada())
        numbers = []
        for number in range(1, 6):
            clock.tick(HOUR)
            numbers.append(live_post.add(f"Update number {number}."))
            if number == 3:
                clock.tick(HOUR)
                live_post.correct(numbers[1], "Update number two.", note="In words.")
    return live_post


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Earlier versions")


def newest(page: Page) -> Locator:
    return page.locator(".update__body").first


@pytest.mark.slow
def test_the_slider_goes_from_moment_to_moment_by_keyboard(visit: Callable[..., Page], live_post: LivePost) -> None:
    page = visit(live_post.path)
    page.get_by_role("link", name="View an earlier version").click()
    expect(newest(page)).to_have_text("Update number 3.")
    expect(page.locator(".update__body").nth(1)).to_have_text("Update number 2.")
    range_ = slider(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        if range_.evaluate("e => e === document.activeElement"):
            break
    expect(range_).to_be_focused()
    first_time = range_.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    told = page.locator("output").inner_text()
    assert re.search(r"\d\d:\d\d", told)
    assert range_.get_attribute("aria-valuetext") == told != first_time
    expect(newest(page)).to_have_text("Update number 4.")
    expect(page.locator(".correction")).to_contain_text("In words.")
    expect(range_).to_be_focused()
    page.keyboard.press("Home")
    expect(newest(page)).to_have_text("Update number 1.")
    expect(page.locator(".update")).to_have_count(1)
    expect(range_).to_be_focused()
    assert range_.bounding_box()["y"] >= 0, "it is in view"  # type: ignore[index]
    page.keyboard.press("End")
    expect(newest(page)).to_have_text("Update number 5.")
    page.go_back()
    expect(page).to_have_url(re.compile(rf"{live_post.path}$"))


def test_whoever_hurries_through_the_moments_loads_only_the_last(
    visit: Callable[..., Page], live_post: LivePost
) -> None:
    page = with_clock(visit, f"{live_post.path}/at")
    loaded: list[str] = []
    page.on("framenavigated", lambda frame: loaded.append(frame.url))
    slider(page).focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.clock.fast_forward(400)
    expect(newest(page)).to_have_text("Update number 5.")
    expect(slider(page)).to_be_focused()
    assert len(loaded) == 1
    for key in ("ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    page.clock.run_for(1_000)
    assert len(loaded) == 1, "it is where it was"


def test_a_finger_moves_it_and_a_page_from_memory_has_it_in_its_place(
    visit: Callable[..., Page], live_post: LivePost
) -> None:
    page = visit(f"{live_post.path}/at", viewport=PHONE, has_touch=True, is_mobile=True)
    box = slider(page).bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    expect(newest(page)).to_have_text("Update number 5.")
    expect(slider(page)).to_be_focused()
    expect(page.locator("#history-when")).to_be_in_viewport(ratio=1)
    page.get_by_role("link", name="Earlier", exact=True).tap()
    expect(newest(page)).to_have_text("Update number 4.")
    slider(page).evaluate("e => { e.value = 0 }")
    page.reload()
    expect(slider(page)).to_have_value("3")


def test_times_are_the_readers_own(visit: Callable[..., Page], live_post: LivePost) -> None:
    pages = [visit(f"{live_post.path}/at", timezone_id=zone) for zone in ("Asia/Tokyo", "America/New_York")]
    told = []
    for page in pages:
        slider(page).focus()
        page.keyboard.press("ArrowLeft")
        told.append((page.locator("output").inner_text(), page.locator("#history-when").inner_text()))
    assert told[0][0] != told[1][0]
    assert told[0][1] != told[1][1]


@pytest.mark.slow
def test_without_a_script_links_lead_everywhere(visit: Callable[..., Page], live_post: LivePost) -> None:
    page = visit(live_post.path, java_script_enabled=False)
    page.get_by_role("link", name="View an earlier version").click()
    expect(slider(page)).to_be_hidden()
    page.get_by_role("link", name="Later", exact=True).click()
    expect(newest(page)).to_have_text("Update number 4.")
    page.locator(".earlier summary").click()
    expect(page.locator(".earlier__text")).to_have_text(re.compile(r"\s*Update number 2\.\s*"))
    page.get_by_role("link", name="First update").click()
    expect(newest(page)).to_have_text("Update number 1.")
    page.get_by_text("All earlier versions").click()
    page.locator("[data-stops] a").nth(1).click()
    expect(newest(page)).to_have_text("Update number 2.")
    page.get_by_role("link", name="Back to current version").click()
    expect(page).to_have_url(re.compile(rf"{live_post.path}$"))


def test_a_correction_that_comes_in_brings_what_it_said_before(
    visit: Callable[..., Page], site: Site, live_post: LivePost
) -> None:
    n = live_post.add("Here it is.")
    page = visit(live_post.path)
    expect(page.locator("[data-state=live]")).to_be_visible()
    live_post.correct(n, "There it is.", note="Not here.")
    article = page.locator(f"#update-{n}")
    expect(article).to_contain_text("There it is.")
    expect(article.get_by_text("Here it is.", exact=True)).to_be_hidden()
    article.get_by_text("Before the correction").click()
    expect(article.get_by_text("Here it is.", exact=True)).to_be_visible()
    live_post.correct(n, "It is nowhere.", note="Not there either.")
    expect(article).to_contain_text("It is nowhere.")
    expect(article.get_by_text("Here it is.", exact=True)).to_be_visible()
    expect(article.get_by_text("There it is.", exact=True)).to_be_visible()
