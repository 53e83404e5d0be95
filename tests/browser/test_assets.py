"""A page's one script, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.browsing import Site, is_live, live_post, new_page, streams, update


@pytest.mark.slow
def test_a_script_that_throws_takes_no_other_along(browser: Browser, site: Site) -> None:
    post_id, page = live_post(site), new_page(browser, site.url, alone=True)

    def break_one(route: Route) -> None:
        answer = route.fetch()
        assert answer.text().count("const FRONT_CARDS = 20;") == answer.text().count("const STYLES = {") == 1
        route.fulfill(response=answer, body=answer.text().replace("const STYLES = {", "null.broken;\nconst STYLES = {"))

    said = list[str]()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.route(re.compile(r"/assets/reader-\w+\.js"), break_one)
    page.goto(f"/post/{post_id}")
    is_live(page)
    n = site.ada().add_update(post_id, "All the same.")
    expect(update(page, n)).to_be_visible()
    assert len(said) == 1, "it is told of"
    assert "broken" in said[0]
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("alone", [True, False])
def test_a_first_visit_takes_four_requests_and_a_stream(visit: Callable[..., Page], site: Site, alone: bool) -> None:
    post_id, before = live_post(site), streams(site)
    for path in ("/", f"/post/{post_id}"):
        page, asked = visit("about:blank", alone=alone), list[str]()
        page.context.on("request", lambda request: asked.append(request.url.removeprefix(site.url)))  # noqa: B023
        page.goto(path)
        is_live(page)
        assert streams(site) == before + 1
        kinds = sorted({re.sub(r"-?\w{12}|\?.*", "", url) for url in asked})
        rest = [f"{path.rstrip('/')}/live"] if alone else []
        assert kinds == sorted([path, "/assets/reader.css", "/assets/reader.js", *rest])
        page.close()
        page.context.close()
