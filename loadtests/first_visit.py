"""A first visit, by a browser that has nothing of the site yet: a new connection, the page, and the files it asks for.

Written on a bare socket, so that it takes little of the machine that it measures.
"""

from __future__ import annotations

import gzip
import re
import socket
import ssl
from functools import cache
from html import unescape
from typing import NamedTuple
from urllib.parse import urlsplit

FILE = re.compile(r'(?:href|src)="(/(?:static|assets)/[^"]+)"')
ASKED = "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
LENGTH = re.compile(rb"^content-length: *(\d+)", re.MULTILINE | re.IGNORECASE)
CLOSES = re.compile(rb"^connection: *close\r?$", re.MULTILINE | re.IGNORECASE)
READ_BYTES = 1 << 16


class Answer(NamedTuple):
    """`body` as it was sent; `sent_bytes` with its head."""

    status: int
    body: bytes
    sent_bytes: int

    @property
    def text(self) -> str:
        return (gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body).decode()


class Connection:
    """To the site of this URL, by any certificate; kept as long as the server keeps it, as uWSGI doesn't."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.is_tls = parts.scheme == "https"
        self.address = (parts.hostname or "", parts.port or (443 if self.is_tls else 80))
        self.host = parts.netloc
        self.stream: socket.socket | None = None

    def get(self, path: str) -> Answer:
        """Raises OSError when the answer isn't whole, or doesn't say how long it is."""
        self.stream = self.stream or self._connect()
        self.stream.sendall(ASKED.format(path, self.host).encode())
        read = b""
        while b"\r\n\r\n" not in read:
            read += self._more()
        head, _, body = read.partition(b"\r\n\r\n")
        if not (length := LENGTH.search(head)):
            raise OSError(f"an answer without a length: {head[:80]!r}")
        while len(body) < int(length[1]):
            body += self._more()
        if CLOSES.search(head):
            self.close()
        return Answer(int(head[9:12]), body, len(head) + 4 + len(body))

    def close(self) -> None:
        if self.stream:
            self.stream.close()
        self.stream = None

    def _connect(self) -> socket.socket:
        stream = socket.create_connection(self.address, timeout=30)
        return any_certificate().wrap_socket(stream, server_hostname=self.address[0]) if self.is_tls else stream

    def _more(self) -> bytes:
        read = self.stream.recv(READ_BYTES) if self.stream else b""
        if not read:
            raise OSError("the connection was closed before the answer's end")
        return read


@cache
def any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def files_of(page: str) -> list[str]:
    """What the page's head asks for, without what scripts ask for."""
    return list(dict.fromkeys(map(unescape, FILE.findall(page.partition("</head>")[0]))))
