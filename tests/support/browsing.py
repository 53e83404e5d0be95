"""What the browser tests share: the running site, and the first steps on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from playwright.sync_api import Locator, Page, expect

from support.persons import PASSWORD, Person

PICTURES = "https://pictures.example/"  # the one other host that a page in a test may ask
PHONE = {"width": 360, "height": 780}
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Site:
    """The real server at `url`, and an app on the same instance, through which tests put things there."""

    url: str
    app: Flask
    _ada: list[Person] = field(default_factory=list)

    def ada(self) -> Person:
        if not self._ada:
            self._ada.append(Person(self.app, "ada"))
        return self._ada[0]

    def post(self, **data: Any) -> int:
        return self.ada().write_post(**data)


def log_in(page: Page, name: str) -> None:
    page.goto("/login")
    page.get_by_label("Name or e-mail").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(re.compile(r"^(?!.*/login)"))


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


def is_live(page: Page) -> None:
    expect(page.locator("[data-state=live]")).to_be_visible()


def update(page: Page, n: int) -> Locator:
    return page.locator(f"#update-{n}")


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
