"""What a failing test shows: the pages as a person sees them, the answers before, the servers' logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from support.apps import LAST_ANSWERS, text_of
from support.browsing import Site, seen
from tools.processes import ServerProcess


def test_a_page_is_shown_with_its_text_its_messages_and_a_picture(visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit("/hello/")
    page.evaluate("console.warn('Mind the gap')")
    title, said = seen(page, tmp_path / "1.png")
    assert title == f"page {page.url}"
    assert "Hello, World!" in said and "warning: Mind the gap" in said
    assert said.endswith(f"Screenshot: {tmp_path / '1.png'}")
    assert (tmp_path / "1.png").read_bytes().startswith(b"\x89PNG")


def test_of_a_page_that_is_closed_the_reason_is_shown(visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit("/hello/")
    page.close()
    assert "closed" in seen(page, tmp_path / "1.png")[1]


def test_an_answer_is_shown_as_its_text(app: Flask) -> None:
    app.test_client().get("/hello/<b>")
    line, page = LAST_ANSWERS[-1]
    assert line == "GET /hello/<b>: 200 OK"
    assert "Hello, <b>!" in text_of(page).splitlines()


def test_a_server_is_shown_by_its_log(site: Site) -> None:
    [server] = [server for server in ServerProcess.running if server.url == site.url]
    assert "Pressroom: " in server.last_words()


def test_a_failure_before_there_is_a_folder_for_pictures_is_told_as_it_is(
    request: pytest.FixtureRequest, browser: Browser
) -> None:
    """The server didn't start, say; an error in the report itself would end the whole run."""
    conftest = request.config.pluginmanager.getplugin(str(Path(__file__).with_name("conftest.py")))
    report = SimpleNamespace(failed=True, when="setup", sections=[])
    hook = conftest.pytest_runtest_makereport(SimpleNamespace(funcargs={"browser": browser}))
    next(hook)
    with pytest.raises(StopIteration) as end:
        hook.send(report)
    assert end.value.value.sections == []
