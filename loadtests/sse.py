"""A stream of server-sent events, by a socket of its own: a read ends with each event, not with a size.

Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

QUIET_SECONDS = 60  # heartbeats come four times as often


class Event(NamedTuple):
    kind: str
    number: int | None
    data: dict[str, Any]


@contextmanager
def stream(host: str, path: str, after: int) -> Iterator[tuple[int, Iterator[Event]]]:
    """The answer's status, and the events that come after that number, for as long as the server goes on.

    Raises OSError when it doesn't answer, or says nothing any more.
    """
    parts = urlsplit(host)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with socket.create_connection((parts.hostname or "", port), timeout=QUIET_SECONDS) as plain:
        secure = ssl.create_default_context() if parts.scheme == "https" else None
        connection = secure.wrap_socket(plain, server_hostname=parts.hostname) if secure else plain
        # As 1.1 a proxy would send it in chunks.
        head = f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\n"
        connection.sendall(f"{head}Last-Event-ID: {after}\r\n\r\n".encode())
        lines = connection.makefile("rb")
        status = int((lines.readline().split() + [b"0", b"0"])[1])
        while lines.readline().strip():
            pass
        yield status, events(lines) if status == 200 else iter(())


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for raw in lines:
        name, colon, value = raw.decode().rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not colon:
            if "data" in fields:
                number = int(fields["id"].rpartition("-")[2]) if "id" in fields else None
                yield Event(fields.get("event", "message"), number, json.loads(fields["data"]))
            fields = {}
