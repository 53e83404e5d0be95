"""The site in a real browser: visitors to it, and what they saw when a test fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from support.apps import close, settings_for
from support.browsing import PATIENCE_MS, PICTURES, Site, new_page, seen
from support.persons import Person
from support.uwsgi_server import UwsgiServer
from tools.chromium import HOST
from webapp import create_app

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def site(copied_instance: Callable[[str], Path]) -> Iterator[Site]:
    """The site under uWSGI; the tests share it, so each looks only at what it made."""
    folder = copied_instance("site")
    environ = {"PRESSROOM_REGISTRATION": "open", "PRESSROOM_LIMITS": "off"}
    with UwsgiServer(folder, environ=environ) as server:
        app = create_app(settings_for(folder, LIMITS="off"))
        yield Site(server.url, app)
        close(app)


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Open a page as a new visitor, or as this person.

    A script error, a refused script or style, or a request to another host fails the test.
    """
    opened: list[Page] = []
    problems: list[str] = []

    def visit(path: str, person: Person | None = None, **options: Any) -> Page:
        page = new_page(browser, options.pop("base_url", site.url), person, **options)
        opened.append(page)
        listen(page, problems)
        page.goto(path)
        return page

    yield visit
    for page in opened:
        page.context.close()
    assert not problems


def listen(page: Page, problems: list[str]) -> None:
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    page.on("request", lambda request: None if is_ours(request.url) else problems.append(request.url))


def is_ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", f"http://{HOST}:", PICTURES))


# What a failure shows


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    things = getattr(item, "funcargs", {})
    if report.failed and report.when != "teardown" and {"browser", "tmp_path_factory"} <= things.keys():
        folder = things["tmp_path_factory"].mktemp("screenshots")
        pages = [page for context in things["browser"].contexts for page in context.pages]
        report.sections += [seen(page, folder / f"{number}.png") for number, page in enumerate(pages, 1)]
    return report
