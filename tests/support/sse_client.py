"""A reader's stream over a bare socket."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webapp.system.epoch import FIRST

DEADLINE_SECONDS = 60.0
_RETRY = re.compile(r"^retry: (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Heard:
    """One event: its kind and data, its number and epoch; a bare `id:` has no kind."""

    number: int | None
    kind: str | None
    data: dict[str, Any]
    epoch: int = FIRST


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
            epoch, _, number = fields.get("id", "").rpartition("-")
            data = json.loads(fields.get("data", "{}"))
            found.append(Heard(int(number) if number else None, fields.get("event"), data, int(epoch or FIRST)))
    return found


def numbers(events: list[Heard]) -> list[int]:
    return [event.number for event in events if event.number is not None]


def retries(text: str) -> list[int]:
    """Every `retry:` in a stream, in milliseconds."""
    return [int(milliseconds) for milliseconds in _RETRY.findall(text)]


def unchunked(read: bytes) -> tuple[bytes, bool]:
    """What is in the whole chunks of a body, and whether the last one came. Source: RFC 9112, 7.1."""
    content = b""
    while True:
        size, line_end, rest = read.partition(b"\r\n")
        length = int(size, 16) if line_end else 0
        if len(rest) < length + 2:
            return content, False
        if length == 0:
            return content, True
        content, read = content + rest[:length], rest[length + 2 :]


class Listener:
    """Holds one stream open. `text` is what came so far, without the head.

    options: of the socket, set before it connects: (level, name, value), …
    """

    def __init__(
        self, url: str, path: str, last_event_id: str | None = None, options: Sequence[tuple[int, int, int]] = ()
    ) -> None:
        parts = urlsplit(url)
        self.socket = socket.socket()
        self.socket.settimeout(DEADLINE_SECONDS)
        for option in options:
            self.socket.setsockopt(*option)
        self.socket.connect((parts.hostname or "", parts.port or 80))
        head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        if last_event_id is not None:
            head += f"Last-Event-ID: {last_event_id}\r\n"
        self.socket.sendall(f"{head}\r\n".encode())
        self.head = self.read = b""
        self.ended = False
        self.until(lambda: b"\r\n\r\n" in self.read or self.ended)
        self.head, _, self.read = self.read.partition(b"\r\n\r\n")
        self._look_for_the_end()

    @property
    def headers(self) -> dict[str, str]:
        """By their names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def text(self) -> str:
        content = unchunked(self.read)[0] if self._is_chunked else self.read
        return content.decode(errors="replace")  # the last character may be cut

    @property
    def _is_chunked(self) -> bool:
        return self.headers.get("transfer-encoding") == "chunked"

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
        self._look_for_the_end()

    def _look_for_the_end(self) -> None:
        """A connection may be kept after its answer."""
        length = self.headers.get("content-length")
        is_whole = unchunked(self.read)[1] if self._is_chunked else bool(length) and len(self.read) >= int(length or 0)
        self.ended = self.ended or bool(self.head and is_whole)

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
