"""A crowd: opens many real streams to a running site and shows how fast each update reaches all of them.

    .venv/bin/python loadtests/crowd.py http://127.0.0.1:8000 --streams 10000 [--post 7]

Type an update in the browser and watch. Ctrl-C ends it. One process, one thread, plain epoll, so that it takes little
of the machine that it measures; loopback only, or a site that is yours.
"""

from __future__ import annotations

import argparse
import array
import json
import re
import resource
import select
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

OPENING_AT_ONCE = 200
PORTS_PER_ADDRESS = 20_000  # a connection needs a port of its own, and an address has some 28,000
LIVE_CARD = re.compile(r'<article class="card" id="post-(\d+)">\s*<p class="live-mark">')
EVENT = re.compile(rb"id: (\d+)\n(?:event: \w+\ndata: (\{.*\})\n)?")


@dataclass
class Arrivals:
    """When an event came to how many: milliseconds from its commit, as its own `at` says."""

    number: int
    at: int
    delays: array.array[float] = field(default_factory=lambda: array.array("d"))


@dataclass
class Crowd:
    """`streams` keep the end of what they have read, for an event that is cut between two reads."""

    address: tuple[str, int]
    path: str
    wanted: int
    epoll: select.epoll = field(default_factory=select.epoll)
    opening: dict[int, socket.socket] = field(default_factory=dict)
    streams: dict[int, socket.socket] = field(default_factory=dict)
    rests: dict[int, bytes] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    latest: Arrivals | None = None
    lost: int = 0
    gaps: int = 0
    opened: int = 0

    def step(self, seconds: float) -> None:
        """Open some more if there are not enough, and take what has come."""
        while len(self.opening) < OPENING_AT_ONCE and len(self.opening) + len(self.streams) < self.wanted:
            self._open()
        for descriptor, happened in self.epoll.poll(seconds, 4096):
            if descriptor in self.opening:
                self._ask(descriptor, happened)
            elif descriptor in self.streams:
                self._take(descriptor)

    def _open(self) -> None:
        stream = socket.socket()
        stream.setblocking(False)
        if self.address[0].startswith("127."):
            stream.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect
            stream.bind((f"127.0.0.{1 + self.opened // PORTS_PER_ADDRESS % 200}", 0))
        self.opened += 1
        stream.connect_ex(self.address)
        self.opening[stream.fileno()] = stream
        self.epoll.register(stream, select.EPOLLOUT)

    def _ask(self, descriptor: int, happened: int) -> None:
        stream = self.opening.pop(descriptor)
        if happened & (select.EPOLLERR | select.EPOLLHUP):
            self._lose(stream)
            return
        stream.send(
            f"GET {self.path} HTTP/1.1\r\nHost: {self.address[0]}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        self.streams[descriptor] = stream
        self.epoll.modify(stream, select.EPOLLIN)

    def _take(self, descriptor: int) -> None:
        stream = self.streams[descriptor]
        try:
            read = stream.recv(65_536)
        except OSError:
            read = b""
        if not read:
            self.last.pop(descriptor, None)
            self.rests.pop(descriptor, None)
            self._lose(self.streams.pop(descriptor))
            return
        text = self.rests.pop(descriptor, b"") + read
        whole, end, rest = text.rpartition(b"\n\n")
        if rest:
            self.rests[descriptor] = rest
        for found in EVENT.finditer(whole + end):
            self._count(descriptor, int(found[1]), found[2])

    def _count(self, descriptor: int, number: int, data: bytes | None) -> None:
        before = self.last.get(descriptor, number - 1)
        self.gaps += number != before + 1
        self.last[descriptor] = number
        if self.latest is None or number > self.latest.number:
            self.latest = Arrivals(number, json.loads(data or b"{}").get("at", 0))
        if number == self.latest.number and self.latest.at:
            self.latest.delays.append(time.time() * 1000 - self.latest.at)

    def _lose(self, stream: socket.socket) -> None:
        self.epoll.unregister(stream)
        stream.close()
        self.lost += 1

    def close(self) -> None:
        for stream in (*self.opening.values(), *self.streams.values()):
            stream.close()
        self.epoll.close()


def said(crowd: Crowd) -> str:
    text = f"{len(crowd.streams):,} streams"
    if crowd.opening:
        text += f", {len(crowd.opening)} opening"
    if crowd.lost:
        text += f", {crowd.lost:,} lost and opened again"
    if crowd.gaps:
        text += f", {crowd.gaps:,} numbers missing or double"
    if crowd.latest and crowd.latest.delays:
        delays = sorted(crowd.latest.delays)
        half, most = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
        text += f" | event {crowd.latest.number}: {len(delays):,} have it, "
        text += f"half after {half:.0f} ms, 99 % after {most:.0f} ms, the last after {delays[-1]:.0f} ms"
    return text


def frames(crowd: Crowd) -> Iterator[str]:
    """What to show, a few times a second."""
    shown_at = 0.0
    while True:
        crowd.step(0.1)
        if time.monotonic() - shown_at > 0.25:
            shown_at = time.monotonic()
            yield said(crowd)


def live_post(url: str) -> int:
    """The first live post on the front page."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        found = LIVE_CARD.search(answer.read().decode())
    if not found:
        raise SystemExit(f"There is no live post on {url}: publish one, or say --post NUMBER.")
    return int(found[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--streams", type=int, default=10_000, metavar="N")
    parser.add_argument("--post", type=int, metavar="NUMBER", help="the newest live post unless said")
    asked = parser.parse_args()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if asked.streams > hard - 50:
        raise SystemExit(f"A process may open {hard:,} files here: ulimit -n {asked.streams + 100}")
    try:
        post_id = asked.post or live_post(asked.url)
    except OSError as error:
        raise SystemExit(f"{asked.url} doesn't answer ({error}): make serve") from None
    parts = urlsplit(asked.url)
    crowd = Crowd((parts.hostname or "127.0.0.1", parts.port or 80), f"/post/{post_id}/live", asked.streams)
    print(f"Readers of {asked.url}/post/{post_id}. Add an update and watch; Ctrl-C ends it.")
    try:
        for frame in frames(crowd):
            print(f"\r\033[K{frame}", end="", flush=True)
    except KeyboardInterrupt:
        print()
    finally:
        crowd.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
