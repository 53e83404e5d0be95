"""Several tabs of one browser: they share its streams, as it has six connections for all of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Route, expect

from support.apps import close, settings_for
from support.browsing import Site, hide, is_live, live_post, streams, update
from support.uwsgi_server import UwsgiServer
from tools.chromium import HOST
from webapp import create_app

from .test_live import AT_ONCE, like_a_fresh_load

TABS = 8
HIDDEN = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
BROKEN_WORKER = """self.SharedWorker = class extends EventTarget {
    port = new MessageChannel().port1;
    constructor() { super(); setTimeout(() => this.dispatchEvent(new Event("error"))); }
}"""


def tab(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.goto(path)
    return page


@pytest.mark.slow
def test_eight_windows_on_a_plain_http_host_share_one_stream(visit: Callable[..., Page], site: Site) -> None:
    post_id, ada = live_post(site), site.ada()
    before = streams(site)
    first = visit(f"/post/{post_id}", base_url=site.url.replace("127.0.0.1", HOST))
    tabs = [first, *(tab(first.context, f"/post/{post_id}") for _ in range(TABS - 1))]
    for page in tabs:
        is_live(page)
    assert first.evaluate("isSecureContext") is False
    assert streams(site) == before + 1
    n = ada.add_update(post_id, "To all of them.")
    for page in tabs:
        expect(update(page, n)).to_be_visible()
    first.close()
    n = ada.add_update(post_id, "To those that are left.")
    for page in tabs[1:]:
        expect(update(page, n)).to_be_visible()


def test_a_tab_that_joins_others_gets_what_it_missed_once(visit: Callable[..., Page], site: Site) -> None:
    post_id, ada = live_post(site), site.ada()
    first = visit(f"/post/{post_id}")
    is_live(first)
    old = first.request.get(f"/post/{post_id}").text()
    ada.add_update(post_id, "Missed.", key="y")
    n = ada.add_update(post_id, "Missed, too.")
    expect(update(first, n)).to_be_visible()

    def from_cache(route: Route) -> None:
        route.fulfill(body=old, content_type="text/html")

    second = first.context.new_page()
    second.route(f"**/post/{post_id}", from_cache)
    second.goto(f"/post/{post_id}")
    expect(second.locator("[data-updates] .update__body")).to_have_text(["Missed, too.", "Missed."])
    n = ada.add_update(post_id, "For both.")
    for page in (first, second):
        expect(update(page, n)).to_be_visible()
        expect(page.locator("[data-updates] .update")).to_have_count(3)
        expect(page.locator("[data-keys] li")).to_have_count(1)


def test_tabs_of_a_third_post_ask_now_and_then_until_there_is_room(visit: Callable[..., Page], site: Site) -> None:
    posts = [live_post(site) for _ in range(3)]
    before = streams(site)
    first = visit(f"/post/{posts[0]}")
    is_live(first)
    second = tab(first.context, f"/post/{posts[1]}")
    is_live(second)
    third = tab(first.context, f"/post/{posts[2]}")
    expect(third.locator("[data-state=polling]")).to_be_visible()
    assert streams(site) == before + 2
    n = site.ada().add_update(posts[2], "It comes with the stream.")
    second.get_by_role("button", name="Pause automatic updates").click()
    is_live(third)
    expect(update(third, n)).to_be_visible()
    is_live(first)
    second.get_by_role("button", name="Resume automatic updates").click()
    expect(second.locator("[data-state=polling]")).to_be_visible()
    first.close()
    is_live(second)


def test_a_tab_that_opens_unseen_takes_no_stream_until_it_is_shown(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = visit("/about/nothing")
    page.add_init_script(HIDDEN)
    page.goto(f"/post/{post_id}")
    expect(page.locator("[data-state=polling]")).to_be_visible()
    hide(page, False)
    is_live(page)


@pytest.mark.slow
def test_tabs_that_loaded_anew_miss_nothing_when_their_stream_is_lost(
    visit: Callable[..., Page], copied_instance: Callable[[str], Path]
) -> None:
    folder = copied_instance("lost")
    with UwsgiServer(folder, environ={"PRESSROOM_LIMITS": "off"}) as server:
        app = create_app(settings_for(folder, LIMITS="off"))
        site = Site(server.url, app)
        post_id, ada = live_post(site), site.ada()
        first = visit("/about/nothing", base_url=server.url)
        first.context.add_init_script(AT_ONCE)
        first.goto(f"/post/{post_id}")
        second = tab(first.context, f"/post/{post_id}")
        for page in (first, second):
            is_live(page)
        n = ada.add_update(post_id, "Too large for an event. " * 360)
        for page in (first, second):
            expect(update(page, n)).to_be_attached()
            is_live(page)
        [broadcaster] = server.broadcasters()
        broadcaster.kill()
        for number in range(3):
            n = ada.add_update(post_id, f"While it was away, {number}.")
        for page in (first, second):
            expect(update(page, n)).to_be_attached()
            expect(page.locator("[data-updates] > .update")).to_have_count(4)
        close(app)


@pytest.mark.parametrize("script", [BROKEN_WORKER, "delete self.SharedWorker"])
def test_without_a_shared_worker_each_tab_has_its_own_stream(
    visit: Callable[..., Page], site: Site, script: str
) -> None:
    post_id = live_post(site)
    before = streams(site)
    first = visit("/about/nothing")
    first.context.add_init_script(script)
    first.goto(f"/post/{post_id}")
    second = tab(first.context, f"/post/{post_id}")
    n = site.ada().add_update(post_id, "To both.")
    for page in (first, second):
        is_live(page)
        expect(update(page, n)).to_be_visible()
    assert streams(site) == before + 2


class Desk:
    """An author who changes a post at random; what each verb needs is there when it is called."""

    def __init__(self, site: Site, chance: random.Random) -> None:
        self.ada, self.chance, self.post_id = site.ada(), chance, live_post(site, 2)
        self.updates = [2, 3]
        self.comments: list[int] = []

    def act(self) -> None:
        verbs = [
            self.add,
            self.add,
            self.comment,
            self.change,
            self.change,
            self.delete_comment,
            self.switch,
            self.save,
        ]
        self.chance.choice(verbs)()

    def add(self) -> None:
        if len(self.updates) < 45:  # a fresh page has no more than 50
            key = {"key": "y"} if self.chance.random() < 0.3 else {}
            words = "Word for word. " * self.chance.choice([1, 1, 20, 560])
            self.updates.append(self.ada.add_update(self.post_id, words, **key))

    def comment(self) -> None:
        self.comments.append(self.ada.comment(self.post_id, f"Comment {len(self.comments)}."))

    def change(self) -> None:
        verb = self.chance.choice("edit correct pin unpin key not-key withdraw restore".split())
        texts = {"body": f"Mended {self.chance.random()}.", "note": "A slip."} if verb in ("edit", "correct") else {}
        self.ada.post(f"/desk/post/{self.post_id}/update/{self.chance.choice(self.updates)}/{verb}", **texts)

    def delete_comment(self) -> None:
        if self.comments:
            n = self.comments.pop(self.chance.randrange(len(self.comments)))
            self.ada.post(f"/post/{self.post_id}/comment/{n}/delete")

    def switch(self) -> None:
        self.ada.post(f"/desk/post/{self.post_id}/comments", comments=self.chance.choice(["open", "closed", "slow"]))
        self.ada.post(f"/desk/post/{self.post_id}/comments", comments="open")

    def save(self) -> None:
        title = f"The last light, {self.chance.random()}"
        self.ada.post(f"/desk/post/{self.post_id}", title=title, live="y", comments="open", action="publish")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_tabs_each_ends_up_with_what_the_site_has(
    visit: Callable[..., Page], site: Site, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    desk, other = Desk(site, chance), live_post(site)
    path = f"/post/{desk.post_id}"
    first = visit("/about/nothing")
    first.context.add_init_script(AT_ONCE)
    first.goto(path)
    tabs = [first, *(tab(first.context, path) for _ in range(3))]

    def happen(page: Page) -> None:
        what = chance.choice("pause hide show reload away back new close".split())
        if what == "pause":
            page.evaluate("document.querySelector('[data-pause]').click()")
        elif what in ("hide", "show"):
            hide(page, what == "hide")
        elif what == "reload":
            page.reload()
        elif what == "away":
            page.goto(f"/post/{other}")
            page.go_back()
        elif what == "back":
            page.goto("/")
            page.goto(path)
        elif what == "new" and len(tabs) < 6:
            tabs.append(tab(first.context, path))
        elif what == "close" and len(tabs) > 2 and page is not first:
            tabs.remove(page)
            page.close()

    for _ in range(40):
        desk.act()
        with suppress(Error):  # it was just loading itself anew
            happen(chance.choice(tabs))
    last = desk.ada.add_update(desk.post_id, "The last of all.")
    for page in tabs:
        if not page.url.endswith(path):  # its way back was cut short
            page.goto(path)
        hide(page, False)
        if page.locator("[data-state=paused]").is_visible():
            page.evaluate("document.querySelector('[data-pause]').click()")
        expect(update(page, last)).to_be_attached()
        try:
            like_a_fresh_load(page)
        except Error:  # it was about to load itself anew
            expect(update(page, last)).to_be_attached()
            like_a_fresh_load(page)
