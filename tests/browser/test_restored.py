"""A tab that was open while the site got another database: numbers of events are used again, and nobody is misled."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.apps import close, settings_for
from support.browsing import Site, is_live, live_post, update
from support.uwsgi_server import UwsgiServer
from webapp import create_app

BEFORE, LOST, AFTER = 3, 10, 24


def texts(page: Page) -> list[str]:
    return page.locator("[data-updates] .update__body").all_text_contents()  # an inner text is "" far out of view


@contextmanager
def served(server: UwsgiServer, folder: Path) -> Iterator[Site]:
    app = create_app(settings_for(folder, LIMITS="off"))
    try:
        with server:
            yield Site(server.url, app)
    finally:
        close(app)


@pytest.mark.slow
def test_a_tab_from_before_shows_what_the_database_has(
    copied_instance: Callable[[str], Path], visit: Callable[..., Page]
) -> None:
    folder = copied_instance("restored")
    database, copy = folder / "pressroom.db", folder / "copy.db"
    server = UwsgiServer(folder, environ={"PRESSROOM_LIMITS": "off"})
    with served(server, folder) as site:
        post_id = live_post(site, updates=BEFORE)
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        page = visit(f"/post/{post_id}", base_url=server.url)
        is_live(page)
        for number in range(LOST):
            site.ada().add_update(post_id, f"Lost {number}.")
        expect(page.locator(".update__body", has_text="Lost 9.")).to_be_visible()
    for end in ("-wal", "-shm"):
        (folder / f"pressroom.db{end}").unlink(missing_ok=True)
    copy.rename(database)
    with served(server, folder) as site:
        for number in range(AFTER):
            n = site.ada().add_update(post_id, f"Kept {number}.")
        expect(update(page, n)).to_contain_text("Kept 23.")
        expect(page.locator(".update__body", has_text="Lost")).to_have_count(0)
        expect(update(page, n)).to_contain_text("Kept 23.")
        shown = texts(page)
        assert len(shown) == BEFORE + AFTER
        page.reload()
        assert texts(page) == shown
