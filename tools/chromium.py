"""Debian's Chromium, for tests, pictures and load tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

HOST = "news.test"  # what a page in the Internet has for a host, without https: not "secure" as loopback is
CHROMIUM_FLAGS = [
    f"--host-resolver-rules=MAP {HOST} 127.0.0.1",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """If possible without its own windows. Nothing of it may ask the Internet for anything."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not path:
        raise SystemExit("Chromium is missing: sudo apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
