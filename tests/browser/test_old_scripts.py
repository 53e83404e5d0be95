"""The scripts' addresses of release 0.1, on pages that were stored or opened before the update. Goes with them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from support.browsing import Site, is_live, live_post, update
from support.checkout import CHECKOUT

SCRIPTS = CHECKOUT / "static" / "js"
OLD = {
    found[1]: path.name
    for path in SCRIPTS.glob("*.js")
    if (found := re.search(r'import "\./(\w+/\w+\.js)\?release=2"', path.read_text()))
}
# Release 0.1 had none of these.
NEW = ["desk/unsaved.js", "desk/copy.js", "desk/pictures.js", "accounts/logout.js", "live/connection.js"]
NEW += ["desk/library.js", "reader/large_picture.js"]
# On a post's page of release 0.1, and in its composer.
SHEETS = {"reader": "base post update comment code form live", "desk": "composer"}
MODULES = {
    "reader": "time me comment anchor changes outdated mark news reached live",
    "desk": "preview composer tools outbox",
}
MOVED = {old: new for new, old in OLD.items()}
OLD_EVENTS = dict(
    re.findall(r'^  "?([\w-]+)"?: "(\w+:[\w-]+)",$', (SCRIPTS / "old_events.js").read_text(), re.MULTILINE)
)


def as_before(route: Route) -> None:
    """The page as release 0.1 made it."""
    answer = route.fetch()
    page = re.sub(r' data-connection="[^"]*"', "", answer.text())
    for bundle, names in SHEETS.items():
        sheets = [f'<link rel="stylesheet" href="/static/css/{name}.css">' for name in names.split()]
        urls = [f"/static/js/{name}.js?v=old" for name in MODULES[bundle].split()]
        scripts = [f'<script type="module" src="{url}"></script>' for url in urls]
        page = re.sub(rf'<link [^>]*href="/assets/{bundle}-\w+\.css">', "".join(sheets), page)
        page = re.sub(rf'<script [^>]*src="/assets/{bundle}-\w+\.js"></script>', "".join(scripts), page)
    assert "/assets/" not in page
    route.fulfill(response=answer, body=page)


def from_cache(route: Route) -> None:
    """The script as release 0.1 had it: with other names of events."""
    name = route.request.url.split("/")[-1].split("?")[0]
    script = (SCRIPTS / MOVED[name]).read_text()
    for old, new in OLD_EVENTS.items():
        script = script.replace(f'"{new}"', f'"{old}"')
    route.fulfill(body=script, content_type="text/javascript")


def test_every_script_that_moved_has_its_old_address() -> None:
    assert sorted([*OLD, *NEW]) == sorted(str(path.relative_to(SCRIPTS)) for path in SCRIPTS.glob("*/*.js"))


@pytest.mark.slow
@pytest.mark.parametrize("cached", ["none", "me", "live|changes|news|me", "composer|tools|preview", "outbox|live"])
def test_an_author_can_write_on_a_page_from_before(visit: Callable[..., Page], site: Site, cached: str) -> None:
    post_id = live_post(site)
    page = visit("about:blank", site.ada())
    page.route(re.compile(r"/post/\d+(/composer)?$"), as_before)
    page.route(re.compile(rf"/static/js/({cached})\.js"), from_cache)
    page.goto(f"/post/{post_id}")
    is_live(page)
    n = site.ada().add_update(post_id, "By the stream.")
    expect(update(page, n)).to_contain_text("By the stream.")
    page.locator("[data-composer]").get_by_label("Update", exact=True).fill("By the composer.")
    page.get_by_role("button", name="Publish update").click()
    newest = page.locator("[data-updates] > .update").first
    expect(newest).to_contain_text("By the composer.")
    newest.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator("[data-pinned]")).to_contain_text("By the composer.")
    expect(page.locator(".outbox__item")).to_have_count(0)
    addresses = page.locator("script[type=module]").evaluate_all("scripts => scripts.map(({ src }) => src)")
    assert [address for address in addresses if not re.search(r"/js/\w+\.js\?v=old", address)] == []
