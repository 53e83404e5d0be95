"""A page's one script, in a browser."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from support.browsing import Site, is_live, live_post, new_page, update
from support.relay import relay


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
@pytest.mark.parametrize("path", ["/", "/post/{}"])
def test_a_first_visit_takes_three_files_and_a_stream(browser: Browser, site: Site, path: str, alone: bool) -> None:
    """And the favicon, which a browser without a window leaves out."""
    path = path.format(live_post(site))
    with relay(urlsplit(site.url).port or 0) as between:
        page = new_page(browser, between.url, alone=alone)
        page.goto(path)
        is_live(page)
        page.context.close()
        asked = [re.sub(r"-\w{12}|\?.*", "", url) for url in between.asked]
        assert sorted(asked) == sorted([path, "/assets/reader.css", "/assets/reader.js", f"{path.rstrip('/')}/live"])
