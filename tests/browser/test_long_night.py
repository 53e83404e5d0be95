"""A tab that stays open all night: its lists have a bound, and an update costs the same at the end."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.browsing import Site, is_live, live_post, settled, update
from support.content import add_many

pytestmark = pytest.mark.slow

ITEMS = 200  # twin of LIST_ITEMS in static/js/live/apply_events.js


def test_the_oldest_updates_leave_and_their_links_lead_to_them(visit: Callable[..., Page], site: Site) -> None:
    post_id, ada = live_post(site), site.ada()
    first = ada.add_update(post_id, "The first of the night.", key="y")
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    expect(reader.get_by_role("link", name="Older updates")).to_be_hidden()
    for _ in range(5):  # as many as one replay may have
        numbers = add_many(site.app, post_id, 50)
        expect(update(reader, numbers[-1])).to_be_visible()
    items = reader.locator("[data-updates] > .update")
    expect(items).to_have_count(ITEMS)
    expect(update(reader, first)).to_have_count(0)
    resting = '[style*="content-visibility: auto"]'
    assert reader.locator(resting).count() > 100
    heights = "document.documentElement.scrollHeight"
    awake = f"document.querySelectorAll('{resting}').forEach(item => (item.style.contentVisibility = 'visible'))"
    before = reader.evaluate(heights)
    reader.evaluate(awake)
    assert abs(reader.evaluate(heights) - before) <= 1, "what isn't laid out is as tall as it is"
    older = reader.get_by_role("link", name="Older updates")
    older.click()
    expect(reader).to_have_url(re.compile(f"/post/{post_id}/updates/2$"))
    expect(update(reader, numbers[-1] - 200)).to_be_visible()
    reader.go_back()
    key = reader.locator(f'[data-keys] [data-n="{first}"] a')
    expect(key).to_have_attribute("href", f"/post/{post_id}/update/{first}")


def test_the_oldest_comments_leave_but_for_what_is_read(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    first = add_many(site.app, post_id, 50, "comments")[0]
    expect(reader.locator(f"#comment-{first}")).to_be_visible()
    reader.locator(f"#comment-{first} .comment__time a").focus()
    for _ in range(3):
        last = add_many(site.app, post_id, 50, "comments")[-1]
        expect(reader.locator(f"#comment-{last}")).to_be_visible()
    last = add_many(site.app, post_id, 20, "comments")[-1]
    expect(reader.locator(f"#comment-{last}")).to_be_visible()
    items = reader.locator("[data-comments] > .comment")
    expect(items).to_have_count(220)
    reader.locator("h1").evaluate("heading => { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }")
    reader.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    settled(reader)
    add_many(site.app, post_id, 1, "comments")
    expect(items).to_have_count(ITEMS)
    expect(reader.get_by_role("link", name="Earlier comments")).to_have_attribute("href", f"/post/{post_id}/comments/1")
