"""`pressroom pages …`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from support.commands import done, failed
from support.persons import Person
from webapp.pages.public import Pages


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    return lambda *args: app.test_cli_runner().invoke(args=["pages", *args])


@pytest.fixture
def pages(app: Flask) -> Pages:
    found: Pages = app.extensions["pages"]
    return found


def test_status_counts_what_is_stored(run: Callable[..., Result], ada: Person, anonymous: Person) -> None:
    assert "Stored: 0 pages, 0 kB" in done(run("status"))
    post_id = ada.write_post(live="y", tags="football")
    for path in ("/", f"/post/{post_id}", "/tag/football", "/feed.atom"):
        assert anonymous.get(path).status_code == 200
    said = done(run("status"))
    assert re.search(r"Stored: 4 pages, [1-9]\d* kB", said)
    assert "Stale: 0" in said


def test_status_names_what_is_outdated(run: Callable[..., Result], pages: Pages, anonymous: Person) -> None:
    anonymous.get("/")
    with pages.store.open("/") as slot:
        assert slot
        slot.put(1, b"old")
    assert "Stale: 1\n  /\n" in done(run("status"))


def test_status_says_that_the_store_cannot_be_written(run: Callable[..., Result], pages: Pages) -> None:
    pages.store.prepare()
    shutil.rmtree(pages.store.root / ".retired")
    (pages.store.root / ".retired").write_text("in the way")
    assert failed(run("status")).startswith("Error: The page store isn't writable, so Python renders every page")
    (pages.store.root / ".retired").unlink()


def test_readyz_says_so_too(pages: Pages, anonymous: Person) -> None:
    assert (anonymous.get("/readyz").status_code, anonymous.get("/readyz").text) == (200, "ok")
    shutil.rmtree(pages.store.root / ".retired")
    (pages.store.root / ".retired").write_text("in the way")
    answer = anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.text.startswith("The page store isn't writable")
    assert str(pages.store.root) not in answer.text, "a stranger needn't know where"
    assert anonymous.get("/").status_code == 200
    (pages.store.root / ".retired").unlink()


def test_clear_removes_every_page_and_the_site_goes_on(
    run: Callable[..., Result], pages: Pages, ada: Person, anonymous: Person
) -> None:
    post_id = ada.write_post()
    before = anonymous.get(f"/post/{post_id}").text
    anonymous.get(f"/post/{post_id}/updates/1")
    assert done(run("clear")) == "3 removed.\n"
    assert list(pages.store.paths()) == []
    assert anonymous.get(f"/post/{post_id}").text == before


def test_warm_makes_what_the_sitemap_names(
    run: Callable[..., Result], pages: Pages, ada: Person, edith: Person
) -> None:
    post_id = ada.write_post(tags="football, 足球")
    edith.post("/desk/about/new", name="imprint", title="Imprint", body="Made by us.")
    done(run("clear"))
    assert done(run("warm")) == "6 made.\n"
    wanted = {"/", f"/post/{post_id}", "/user/ada", "/tag/football", "/tag/足球", "/about/imprint"}
    assert set(pages.store.paths()) == wanted
    assert done(run("warm")) == "0 made.\n"


def test_warm_refuses_when_its_pages_would_look_different(make_app: Callable[..., Flask]) -> None:
    app = make_app(SITE_TITLE="Another")
    result = app.test_cli_runner().invoke(args=["pages", "warm"])
    assert "has different code or settings than this command" in failed(result)
