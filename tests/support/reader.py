"""A reader of a live post, who loads its page, follows its stream, and comes back."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
from collections.abc import Sequence

from support.http_client import Browser
from support.live_page import LivePage
from support.sse_client import Listener
from tools.processes import until

RELOADS = 200
CATCH_UP_SECONDS = 30.0


class Reader:
    """A browser with the post open; nothing is read but in `read`."""

    def __init__(self, url: str, path: str, options: Sequence[tuple[int, int, int]] = ()) -> None:
        self.url, self.path, self.options = url, path, options
        self.browser = Browser(url)
        self.stream: Listener | None = None
        self.taken = 0
        self.reloads = 0
        self.is_paused = False
        self.page = LivePage(self._load())
        self.open()

    def _load(self) -> str:
        page: list[str] = []

        def loaded() -> bool:
            try:
                page.append(self.browser.get(self.path))
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 404:  # it is being published again
                    return False
                raise
            except (OSError, http.client.HTTPException):  # a worker was killed
                return False
            return True

        until(loaded, "the page was loaded", CATCH_UP_SECONDS)
        return page[0]

    def open(self) -> None:
        """EventSource comes back with the number that it heard last; the first time the page says it."""
        self.close()
        with contextlib.suppress(OSError, AssertionError):  # the server is away for a moment
            self.stream = Listener(self.url, f"{self.path}/live", self.page.last_event_id, self.options)
        self.taken = 0

    def close(self) -> None:
        if self.stream:
            self.stream.close()
        self.stream = None

    def read(self, seconds: float = 0.01) -> None:
        """Take what has come, and do as it says; come back when the stream has ended."""
        if self.is_paused:
            return
        if self.stream is None:
            self.open()
            return
        self.stream.take(seconds)
        events = self.stream.events
        for event in events[self.taken :]:
            self.page.take(event)
        self.taken = len(events)
        if self.page.must_reload or self.page.is_gone:
            self.reloads += 1
            assert self.reloads < RELOADS, "it is told to load the page anew for ever"
            self.page.load(self._load())
            self.open()
        elif self.stream.ended:
            self.open()
