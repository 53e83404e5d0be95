"""`pressroom check`: what it says of a site that is well, and of one that isn't; see ops/test_diagnosis too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from support.commands import done, failed
from tools.processes import free_port
from webapp.ops import diagnosis


@pytest.fixture
def check(app: Flask) -> Callable[[], Result]:
    app.config["HTTP"] = f"127.0.0.1:{free_port()}"
    return lambda: app.test_cli_runner().invoke(args=["check"])


def test_check_says_how_many_readers_the_limits_allow(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "limits", lambda _pid=0: (1024, 20_064))
    said = done(check())
    assert "Its limit is 20,000 at once" in said
    assert "PRESSROOM_BROADCASTERS=2" in said
    assert "No problems found." in said


def test_check_says_the_cure_where_few_readers_have_room(
    check: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "limits", lambda _pid=0: (1024, 1024))
    result = check()
    assert failed(result).endswith(" to mend.")
    assert "PROBLEM: only 960 readers can hold a stream." in result.stdout
    assert "LimitNOFILE=" in result.stdout


def test_check_says_where_no_page_store_can_be(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app.extensions["pages"].store), "usable", False)
    assert "Page store: not supported on this system; Python renders every page." in check().stdout


def test_check_names_a_page_store_that_cannot_be_written(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app.extensions["pages"]), "trouble", lambda _self: "The page store is full.")
    result = check()
    assert failed(result).endswith(" to mend.")
    assert "PROBLEM: The page store is full." in result.stdout
