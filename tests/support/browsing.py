"""What the browser tests share: the running site, and the first steps on it."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Browser, Error, Locator, Page, expect

from support.apps import TEXT_LENGTH
from support.persons import PASSWORD, Person
from tools.processes import until

PICTURES = "https://pictures.example/"  # the one other host that a page in a test may ask
PHONE = {"width": 360, "height": 780}
PATIENCE_MS = 60_000  # no test is about how fast the machine is
SETTLED_MS = 100  # twin of SETTLED_MS in static/js/live/scroll_anchor.js
# Resolves in the next frame, after the layout and after the page's own observers, which are older. Unlike
# requestAnimationFrame it takes no notice of a clock that stands still.
NEXT_FRAME = """
new Promise(done => {
  const observer = new ResizeObserver(() => { observer.disconnect(); done(); });
  observer.observe(document.body);
})
"""


@dataclass
class Site:
    """The real server at `url`, and an app on the same instance, through which tests put things there."""

    url: str
    app: Flask
    _people: dict[str, Person] = field(default_factory=dict)

    def person(self, name: str) -> Person:
        """Logged in once for all tests: one who logs out must be a Person of the test's own."""
        if name not in self._people:
            self._people[name] = Person(self.app, name)
        return self._people[name]

    def ada(self) -> Person:
        return self.person("ada")

    def post(self, **data: Any) -> int:
        return self.ada().write_post(**data)


# Who looks, and when


def log_in(page: Page, name: str) -> None:
    page.goto("/login")
    page.get_by_label("Username or email").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(re.compile(r"^(?!.*/login)"))


def cookies(person: Person, url: str) -> list[Any]:
    """What makes a browser context this person's, without a visit to the log-in page."""
    found = [person.client.get_cookie(name, domain="127.0.0.1") for name in ("session", "signed_in")]
    return [{"name": cookie.key, "value": cookie.value, "url": url} for cookie in found if cookie]


def new_page(browser: Browser, url: str, person: Person | None = None, alone: bool = False, **options: Any) -> Page:
    """Of a new visitor to the site at `url`, or of this person.

    alone: the page holds its stream itself, so that its clock, network and requests are the stream's.
    """
    context = browser.new_context(base_url=url, **options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script("document.addEventListener('me:desk', () => { window.hasDesk = true })")
    if alone:
        context.add_init_script("delete self.SharedWorker")
    if person:
        context.add_cookies(cookies(person, url))
    return context.new_page()


def has_desk(page: Page) -> None:
    """The composer's scripts have run; it can be seen a moment earlier."""
    until(lambda: page.evaluate("window.hasDesk === true"), "the composer worked")


def with_clock(visit: Callable[..., Page], path: str, person: Person | None = None, **options: Any) -> Page:
    """A page whose time stands still but for `page.clock.run_for`; frames, requests and streams go on."""
    page = visit("about:blank", person, **options)
    stop_clock(page)
    page.goto(path)
    return page


def stop_clock(page: Page) -> None:
    """For pages that are loaded from now on. Playwright stops a clock only at a time that is still to come."""
    now = time.time()
    page.clock.install(time=now - 3_600)
    page.clock.pause_at(now)


def next_frame(page: Page) -> None:
    """What has changed by now is laid out, and the page's observers have heard of it."""
    page.evaluate(f"() => {NEXT_FRAME}")


def settled(page: Page) -> None:
    """What has been scrolled to is what the page keeps in its place: of two timers of a length the older ends first."""
    page.evaluate(f"() => {NEXT_FRAME}.then(() => new Promise(done => setTimeout(done, {SETTLED_MS})))")


@contextmanager
def heard(page: Page, event: str) -> Iterator[None]:
    """Wait at the end until the window has had this event; the page's own listeners were told before."""
    page.evaluate("event => addEventListener(event, () => { window.hasHeard = event })", event)
    yield
    until(lambda: page.evaluate("window.hasHeard") == event, f"the window had {event!r}")


def holds(page: Page, condition: Callable[[], object], what: str) -> None:
    """Wait for what the browser's events tell Python; they are taken in while the page is asked something."""
    until(lambda: page.evaluate("true") and condition(), what)


# On the site


def publish(page: Page, title: str, live: bool = False) -> int:
    """Fill the form of a new post and publish it; its id."""
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill("A text.")
    if live:
        page.get_by_label("Live").check()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.wait_for_url(re.compile(r"/post/\d+$"))
    found = re.search(r"/post/(\d+)$", page.url)
    assert found, page.url
    return int(found[1])


def live_post(site: Site, updates: int = 0, **data: Any) -> int:
    post_id = site.post(**{"title": "The last light", "live": "y"} | data)
    for number in range(updates):
        site.ada().add_update(post_id, f"Update {number} of those that were there. " * 12, title=f"Number {number}")
    return post_id


def _metric(site: Site, pattern: str) -> int:
    with urllib.request.urlopen(f"{site.url}/metrics") as answer:
        return sum(map(int, re.findall(pattern, answer.read().decode(), re.MULTILINE)))


def streams(site: Site) -> int:
    """How many are held."""
    return _metric(site, r"^pressroom_streams\{.*\} (\d+)")


def silent_streams(site: Site) -> int:
    """How many were opened anew since they had fallen silent."""
    return _metric(site, r"^pressroom_silent_streams_total (\d+)")


def is_live(page: Page) -> None:
    expect(page.locator("[data-state=live]")).to_be_visible()


def update(page: Page, n: int) -> Locator:
    return page.locator(f"#update-{n}")


def top_of(page: Page, selector: str) -> float:
    top: float = page.locator(selector).evaluate("e => e.getBoundingClientRect().top")
    return top


def hide(page: Page, hidden: bool) -> None:
    """As when another tab is opened over it; a headless browser shows all of its tabs."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')) }",
        hidden,
    )


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the focus stands on what says `text`; it must be seen there."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if text in (focused.text_content() or ""):
            outline = focused.evaluate("e => getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow")
            assert outline != "nonenone", f"nobody sees that {text!r} has the focus"
            return
    raise AssertionError(f"{text!r} can't be reached with Tab")


def seen(page: Page, picture: Path) -> tuple[str, str]:
    """A section of the report: a page as a person sees it, or why it can't be seen."""
    try:
        text = page.evaluate("document.body.innerText")[:TEXT_LENGTH]
        said = [f"{message.type}: {message.text}" for message in page.console_messages()]
        errors = [f"uncaught: {error}" for error in page.page_errors()]
        page.screenshot(path=picture, full_page=True)
    except Error as error:
        return f"page {page.url}", str(error)
    return f"page {page.url}", "\n".join([text, *said, *errors, f"Screenshot: {picture}"])
