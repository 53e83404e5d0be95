"""A reader's stream over a bare socket."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

DEADLINE_SECONDS = 20.0
_RETRY = re.compile(r"^retry: (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Heard:
    """One event: its kind and data, and its number; a bare `id:` has no kind."""

    number: int | None
    kind: str | None
    data: dict[str, Any]


def heard(text: str) -> list[Heard]:
    """The events of a stream's text; comments, `retry:` and last words aside, and a last one that is cut."""
    return [event for event in _blocks(text) if event.kind != "wait"]


def waits(text: str) -> list[dict[str, Any]]:
    """The last words of a stream that its server ended on purpose."""
    return [event.data for event in _blocks(text) if event.kind == "wait"]


def _blocks(text: str) -> list[Heard]:
    found = []
    for block in text.rpartition("\n\n")[0].split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
        if "id" in fields or "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            found.append(Heard(number, fields.get("event"), json.loads(fields.get("data", "{}"))))
    return found


def numbers(events: list[Heard]) -> list[int]:
    return [event.number for event in events if event.number is not None]


def retries(text: str) -> list[int]:
    """Every `retry:` in a stream, in milliseconds."""
    return [int(milliseconds) for milliseconds in _RETRY.findall(text)]


class Listener:
    """Holds one stream open. `text` is what came so far, without the head."""

    def __init__(self, url: str, path: str, last_event_id: str | None = None) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=DEADLINE_SECONDS)
        head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        if last_event_id is not None:
            head += f"Last-Event-ID: {last_event_id}\r\n"
        self.socket.sendall(f"{head}\r\n".encode())
        self.read = b""
        self.ended = False
        self.until(lambda: b"\r\n\r\n" in self.read or self.ended)
        self.head, _, self.read = self.read.partition(b"\r\n\r\n")

    @property
    def text(self) -> str:
        return self.read.decode()

    @property
    def events(self) -> list[Heard]:
        return heard(self.text)

    def until(self, there: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> None:
        """Read until something is there. Fails after `seconds`, or when the stream ends before."""
        give_up_at = time.monotonic() + seconds
        while not there():
            assert not self.ended, f"the stream ended:\n{self.text}"
            assert time.monotonic() < give_up_at, f"nothing more came:\n{self.text}"
            self.take(min(1.0, seconds))

    def until_number(self, number: int) -> list[Heard]:
        self.until(lambda: number in numbers(self.events))
        return self.events

    def until_end(self) -> str:
        give_up_at = time.monotonic() + DEADLINE_SECONDS
        while not self.ended:
            assert time.monotonic() < give_up_at, f"the stream goes on:\n{self.text}"
            self.take(1.0)
        return self.text

    def take(self, seconds: float) -> None:
        """Read what comes within a time."""
        self.socket.settimeout(seconds)
        try:
            more = self.socket.recv(65_536)
        except TimeoutError:
            return
        except OSError:
            more = b""
        self.read += more
        self.ended = not more

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@contextmanager
def many(url: str, path: str, count: int) -> Iterator[list[Listener]]:
    """So many readers of one stream; whoever is still there at the end is closed."""
    with ExitStack() as stack:
        yield [stack.enter_context(Listener(url, path)) for _ in range(count)]
