"""The README's moving picture: an update is typed, and ten thousand streams answer. `make recording`.

On the left the post's page in a real browser, on the right the real output of `loadtests/crowd.py`, both as they were
at the same moment; nothing is sped up.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask
from PIL import Image
from playwright.sync_api import Page
from sqlalchemy import select

from support.checkout import CHECKOUT
from support.uwsgi_server import UwsgiServer
from tools.chromium import chromium
from tools.processes import until
from tools.screens import PASSWORD, ZONE, fill
from webapp import changes, config, create_app
from webapp.content import updates
from webapp.models import Update

STREAMS = 10_000
FILE = CHECKOUT / "docs" / "recording.webp"
SIZE = {"width": 520, "height": 720}
KEYS = "The last box is **open**. Mira Lindqvist is mayor of Hallstedt."
KEY_MS = 45
AFTER_SECONDS = 5.0
TERMINAL = """
<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 24px; background: #15171a; color: #ebe8e1; font: 16px/1.7 "Liberation Mono", monospace; }
p { margin: 0 0 1em; overflow-wrap: anywhere; } .dim { color: #bdbab2; }
</style><p class="dim">$ make crowd N=10000</p><p id="head"></p><p id="line"></p>
"""


class Crowd:
    """The crowd in a terminal of its own; `line` is what it shows at the moment."""

    def __init__(self, url: str, post_id: int) -> None:
        self.terminal, theirs = pty.openpty()
        os.set_blocking(self.terminal, False)
        command = [sys.executable, str(CHECKOUT / "loadtests" / "crowd.py"), url, "--streams", str(STREAMS)]
        self.process = subprocess.Popen([*command, "--post", str(post_id)], stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.said = ""

    def read(self) -> tuple[str, str]:
        """Its first line, and the newest version of the one that it writes over and over."""
        with suppress(OSError):  # nothing to read now, or never again
            self.said += os.read(self.terminal, 1 << 16).decode()
        head, _, rest = self.said.partition("\n")
        return head.strip(), rest.rpartition("\033[K")[2].strip()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.read()
        os.close(self.terminal)


@contextmanager
def crowd(url: str, post_id: int) -> Iterator[Crowd]:
    made = Crowd(url, post_id)
    try:
        until(lambda: made.read()[1].startswith(f"{STREAMS:,} streams") and "opening" not in made.read()[1], "all read")
        yield made
    finally:
        made.close()


class Recorder:
    """Takes both pictures now and then, with the time that has really gone by."""

    def __init__(self, page: Page, terminal: Page, crowd: Crowd) -> None:
        self.page, self.terminal, self.crowd = page, terminal, crowd
        self.frames: list[Image.Image] = []
        self.times: list[float] = []

    def take(self) -> None:
        head, line = self.crowd.read()
        self.terminal.evaluate(
            "([head, line]) => { document.querySelector('#head').textContent = head;"
            " document.querySelector('#line').textContent = line }",
            [head, line],
        )
        frame = Image.new("RGB", (2 * SIZE["width"], SIZE["height"]))
        for side, shown in enumerate((self.page, self.terminal)):
            frame.paste(Image.open(BytesIO(shown.screenshot())), (side * SIZE["width"], 0))
        self.frames.append(frame)
        self.times.append(time.monotonic())

    def save(self) -> None:
        ends = [*self.times[1:], self.times[-1] + 4]
        durations = [round((end - begin) * 1000) for begin, end in zip(self.times, ends, strict=True)]
        first, *rest = self.frames
        first.save(FILE, save_all=True, append_images=rest, duration=durations, loop=3, quality=60, method=4)


def record(page: Page, terminal: Page, crowd: Crowd) -> Recorder:
    recorder = Recorder(page, terminal, crowd)
    recorder.take()
    for start in range(0, len(KEYS), 4):
        page.keyboard.type(KEYS[start : start + 4], delay=KEY_MS)
        recorder.take()
    page.wait_for_timeout(600)
    recorder.take()
    page.keyboard.press("Control+Enter")
    until_at = time.monotonic() + AFTER_SECONDS
    while time.monotonic() < until_at:
        recorder.take()
    return recorder


def unpin(app: Flask, post_id: int) -> None:
    """The new update is to stand right below the field."""
    with app.app_context(), changes.changing() as db:
        pinned = db.scalars(select(Update).where(Update.post_id == post_id, Update.pinned)).one()
        updates.pin(db, post_id, pinned.n, pinned=False)


def at_the_composer(page: Page, address: str, post_id: int) -> None:
    page.goto(f"{address}/login")
    page.fill("#username", "ines")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.goto(f"{address}/post/{post_id}")
    page.locator("[data-composer] textarea").click()
    page.evaluate("document.querySelector('.updates').scrollIntoView({ behavior: 'instant' })")


def main() -> None:
    settings = {"PRESSROOM_SITE_TITLE": "The Hallstedt Courier", "PRESSROOM_TIMEZONE": ZONE}
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        UwsgiServer(Path(folder) / "instance", workers=2, environ=settings) as server,
    ):
        app = create_app(config.read(server.environ))
        post_id = fill(app)["live"]
        unpin(app, post_id)
        look: dict[str, Any] = {"viewport": SIZE, "locale": "en-GB", "timezone_id": ZONE}
        page, terminal = browser.new_context(**look).new_page(), browser.new_context(**look).new_page()
        terminal.set_content(TERMINAL)
        at_the_composer(page, server.url, post_id)
        with crowd(server.url, post_id) as readers:
            recorder = record(page, terminal, readers)
    recorder.save()
    print(f"{FILE.relative_to(CHECKOUT)}: {len(recorder.frames)} pictures, {FILE.stat().st_size / 1024:.0f} kB")
    print(recorder.crowd.said.rpartition("\033[K")[2].strip())


if __name__ == "__main__":
    main()
