"""A reader whose connection brings nothing more, without having ended, isn't left behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from support.browsing import Site, is_live, live_post, silent_streams, update
from support.relay import relay

SHORTER = {"SILENT_MS = 40_000": "SILENT_MS = 6_000", "FRESH_MS = 10_000": "FRESH_MS = 5_000",
           "\nconst POLL_MS = [10_000, 20_000]": "\nconst POLL_MS = [1_000, 2_000]"}  # fmt: skip


def shortened(script: str) -> str:
    """connection.js, less patient."""
    for interval, shorter in SHORTER.items():
        assert interval in script
        script = script.replace(interval, shorter)
    return script


def hurry(page: Page) -> None:
    def answer(route: Route) -> None:
        bundle = route.fetch()
        route.fulfill(response=bundle, body=shortened(bundle.text()))

    page.context.route(re.compile(r"/assets/reader-\w+\.js"), answer)


@pytest.fixture
def impatient(visit: Callable[..., Page]) -> Callable[..., Page]:
    def impatient(path: str, url: str) -> Page:
        page = visit("/about/nothing", base_url=url, alone=True)
        hurry(page)
        page.goto(path)
        return page

    return impatient


@pytest.mark.slow
def test_a_connection_that_fell_silent_is_replaced(site: Site, impatient: Callable[..., Page]) -> None:
    post_id, ada, before = live_post(site), site.ada(), silent_streams(site)
    with relay(urlsplit(site.url).port or 0) as between:
        page = impatient(f"/post/{post_id}", between.url)
        is_live(page)
        between.mute()
        n = ada.add_update(post_id, "Nobody is left behind.")
        expect(update(page, n)).to_be_visible()
        is_live(page)
    assert silent_streams(site) == before + 1


@pytest.mark.slow
def test_where_bodies_are_held_back_the_page_polls_and_says_so(site: Site, impatient: Callable[..., Page]) -> None:
    post_id, ada = live_post(site), site.ada()
    with relay(urlsplit(site.url).port or 0, holding=True) as between:
        page = impatient(f"/post/{post_id}", between.url)
        expect(page.locator("[data-state=polling]")).to_be_visible()
        for text in ("The first.", "The second."):
            n = ada.add_update(post_id, text)
            expect(update(page, n)).to_be_visible()
        assert not page.locator("[data-state=live]").is_visible()


def test_a_browser_that_only_thinks_that_it_is_offline_goes_on(site: Site, visit: Callable[..., Page]) -> None:
    post_id, ada = live_post(site), site.ada()
    page = visit(f"/post/{post_id}", alone=True)
    is_live(page)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("[data-state=offline]")).to_be_visible()
    n = ada.add_update(post_id, "It is still there.")
    expect(update(page, n)).to_be_visible()
    is_live(page)
