"""The stream in Firefox, whose EventSource, SharedWorker and timers are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from support.apps import close, settings_for
from support.browsing import Site, live_post, silent_streams, streams
from support.firefox import Firefox, firefox
from support.relay import relay
from support.uwsgi_server import UwsgiServer, copied_checkout
from webapp import create_app

from .test_silence import shortened

pytestmark = pytest.mark.slow
TABS = 7


@pytest.fixture(scope="module")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox") / "profile") as started:
        yield started


@pytest.fixture(scope="module")
def impatient(copied_instance: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose scripts wait less long."""
    code, folder = copied_checkout(tmp_path_factory.mktemp("impatient")), copied_instance("impatient")
    script = code / "static/js/live/connection.js"
    script.write_text(shortened(script.read_text("utf-8")))
    with UwsgiServer(folder, ini=code / "uwsgi.ini", environ={"PRESSROOM_LIMITS": "off"}) as server:
        app: Flask = create_app(settings_for(folder, LIMITS="off"))
        yield Site(server.url, app)
        close(app)


def test_its_tabs_share_one_stream(fox: Firefox, impatient: Site) -> None:
    post_id, before = live_post(impatient), streams(impatient)
    tabs = [fox.tab() for _ in range(TABS)]
    for tab in tabs:
        tab.go(f"{impatient.url}/post/{post_id}")
        tab.shows("[data-state=live]")
    assert streams(impatient) == before + 1
    tabs.pop(0).close()
    n = impatient.ada().add_update(post_id, "To those that are left.")
    for tab in tabs:
        tab.shows(f"#update-{n}")
        tab.close()


@pytest.mark.parametrize("has_workers", [True, False])
def test_a_connection_that_fell_silent_is_replaced(fox: Firefox, impatient: Site, has_workers: bool) -> None:
    post_id, before = live_post(impatient), silent_streams(impatient)
    with relay(urlsplit(impatient.url).port or 0) as between:
        tab = fox.tab()
        if not has_workers:
            script = "() => { delete self.SharedWorker }"
            fox.command("script.addPreloadScript", functionDeclaration=script, contexts=[tab.context])
        tab.go(f"{between.url}/post/{post_id}")
        tab.shows("[data-state=live]")
        between.mute()
        n = impatient.ada().add_update(post_id, "Nobody is left behind.")
        tab.shows(f"#update-{n}")
        tab.shows("[data-state=live]")
        tab.close()
    assert silent_streams(impatient) == before + 1


def test_where_bodies_are_held_back_the_page_polls_and_says_so(fox: Firefox, impatient: Site) -> None:
    post_id = live_post(impatient)
    with relay(urlsplit(impatient.url).port or 0, holding=True) as between:
        tab = fox.tab()
        tab.go(f"{between.url}/post/{post_id}")
        tab.shows("[data-state=polling]")
        for text in ("The first.", "The second."):
            n = impatient.ada().add_update(post_id, text)
            tab.shows(f"#update-{n}")
        tab.close()


def test_a_switch_of_the_comments_and_an_update_change_the_page_in_place(fox: Firefox, impatient: Site) -> None:
    post_id, ada = live_post(impatient, 3), impatient.ada()
    tab = fox.tab()
    tab.go(f"{impatient.url}/post/{post_id}")
    tab.shows("[data-state=live]")
    tab.evaluate("self.isOld = true")
    ada.post(f"/desk/post/{post_id}/comments", comments="closed")
    tab.shows("#comment-state", "Comments are closed.")
    n = ada.add_update(post_id, "Of the night.", key="y")
    tab.shows("[data-keys] li", "Of the night.")
    assert tab.evaluate(f"document.querySelector('[data-updates]').firstElementChild.id === 'update-{n}'")
    assert tab.evaluate("self.isOld")
    tab.close()
