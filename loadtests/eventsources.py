"""Many readers of one URL, each as a browser's EventSource is, in one process and one thread."""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import struct
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from loadtests.first_visit import any_certificate

OPENING_AT_ONCE = 200
PORTS_PER_ADDRESS = 20_000  # a connection needs a port of its own, and an address has some 28,000
READ_BYTES = 16_384
READ_AT_ONCE = 2048
PAUSE_SECONDS = 0.001  # a reader who is woken for each stream by itself costs the machine twice as much
BACK_MS = 3000  # browsers come back after about so long when they were told nothing
CHUNKS_KEPT = 1000
EVENTS_KEPT = 50
IP_BIND_ADDRESS_NO_PORT = 24  # the port is chosen by connect, among those free towards that server
ID = rb"^id: (?:1-)?(\d+)$"  # of the first epoch, as on every bench, or of another server
NOWHERE = -1
AT = re.compile(rb'"at": ?(\d+)')
BACK = re.compile(rb'(?:^retry: |^event: wait\ndata: \{"ms": ?)(\d+)', re.MULTILINE)
OVER = (b"event: gone\n", b"event: reload\n")


class Chunk(NamedTuple):
    """What a read held. `events`: number, time in its data, and whether it is more than a bare number."""

    events: tuple[tuple[int, int, bool], ...]
    back_ms: int
    reloads: bool


class Away(NamedTuple):
    """A reader who comes back: when, and after which number, or NOWHERE."""

    at: float
    last: int


@dataclass
class Counts:
    """`missing` and `double` are numbers; `refused` are answers other than 200."""

    opened: int = 0
    lost: int = 0
    refused: int = 0
    reloads: int = 0
    missing: int = 0
    double: int = 0


@dataclass
class Crowd:
    """So many readers of one URL, each as a browser's EventSource is: told when to come back, it comes back then, and
    says which number it has.

    after: where the first ones start; NOWHERE leaves it to the server.
    number: what an event's number is read from, in its frame. tls: any certificate will do.
    arrived: of each event, how many had it after how many milliseconds, by the `at` in its data. That is when epoll
    said so; what the crowd itself is too slow to hear counts as late.
    """

    address: tuple[str, int]
    path: str
    wanted: int
    after: int = NOWHERE
    number: bytes = ID
    tls: bool = False
    opening_at_once: int = OPENING_AT_ONCE
    network: int = field(default_factory=lambda: 1 + os.getpid() % 250)
    counts: Counts = field(default_factory=Counts)
    arrived: defaultdict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    epoll: select.epoll = field(default_factory=lambda: select.epoll())  # noqa: PLW0108 (Locust takes epoll away)
    opening: dict[int, tuple[socket.socket, int]] = field(default_factory=dict)
    streams: dict[int, socket.socket] = field(default_factory=dict)
    unanswered: set[int] = field(default_factory=set)
    rests: dict[int, bytes] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    back_ms: dict[int, int] = field(default_factory=dict)
    away: list[Away] = field(default_factory=list)
    deaf: list[socket.socket] = field(default_factory=list)
    _chunks: dict[bytes, Chunk] = field(default_factory=dict)
    _latest: tuple[bytes, Chunk] = (b"", Chunk((), 0, False))

    def __post_init__(self) -> None:
        self._number = re.compile(self.number, re.MULTILINE)
        self._context = any_certificate()
        # An address has no name in TLS, and nginx.conf answers to a name alone.
        self._host = "localhost" if self.tls and self.address[0].startswith("127.") else self.address[0]

    def step(self, seconds: float) -> None:
        """Open some more if there are not enough, and take what has come."""
        self._open_missing()
        time.sleep(PAUSE_SECONDS)
        happened = self.epoll.poll(seconds, READ_AT_ONCE)
        now = time.time_ns() // 1_000_000
        for descriptor, what in happened:
            if descriptor in self.streams:
                self._take(descriptor, now)
            elif descriptor in self.opening:
                self._ask(descriptor, what)

    def _open_missing(self) -> None:
        room = self.opening_at_once - len(self.opening) - len(self.unanswered)
        missing = self.wanted - len(self.opening) - len(self.streams) - len(self.away)
        for _ in range(room):
            if self.away and self.away[0].at <= time.monotonic():
                self._open(heappop(self.away).last)
            elif missing > 0:
                missing -= 1
                self._open(self.after)
            else:
                return

    def _open(self, last: int) -> None:
        stream = socket.socket()
        stream.setblocking(False)
        if self.address[0].startswith("127."):
            stream.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            stream.bind((f"127.{self.network}.{self.counts.opened // PORTS_PER_ADDRESS % 250}.1", 0))
        self.counts.opened += 1
        stream.connect_ex(self.address)
        self.opening[stream.fileno()] = (stream, last)
        self.epoll.register(stream, select.EPOLLOUT)

    def _ask(self, descriptor: int, what: int) -> None:
        stream, last = self.opening.pop(descriptor)
        if self.tls and not what & (select.EPOLLERR | select.EPOLLHUP):
            if not isinstance(stream, ssl.SSLSocket):
                stream = self._context.wrap_socket(stream, do_handshake_on_connect=False, server_hostname=self._host)
            if waits_for := self._shake_hands(stream):
                self.opening[descriptor] = (stream, last)
                self.epoll.modify(stream, waits_for)
                return
        if what & (select.EPOLLERR | select.EPOLLHUP):
            self.epoll.unregister(stream)
            stream.close()
            heappush(self.away, Away(time.monotonic() + BACK_MS / 1000, last))
            return
        position = "" if last == NOWHERE else f"Last-Event-ID: {last}\r\n"
        head = f"GET {self.path} HTTP/1.1\r\nHost: {self._host}\r\nAccept: text/event-stream\r\n{position}\r\n"
        stream.send(head.encode())
        self.streams[descriptor] = stream
        self.unanswered.add(descriptor)
        if last != NOWHERE:
            self.last[descriptor] = last
        self.epoll.modify(stream, select.EPOLLIN)

    def _shake_hands(self, stream: ssl.SSLSocket) -> int:
        """What it waits for; 0 once it is done, or will never be."""
        try:
            stream.do_handshake()
        except ssl.SSLWantReadError:
            return select.EPOLLIN
        except ssl.SSLWantWriteError:
            return select.EPOLLOUT
        except OSError:
            pass
        return 0

    def _take(self, descriptor: int, now: int) -> None:
        try:
            read = self.streams[descriptor].recv(READ_BYTES)
        except ssl.SSLWantReadError:  # less than a record has come, or what only TLS is about
            return
        except OSError:
            read = b""
        if not read:
            self._lose(descriptor)
            return
        self.unanswered.discard(descriptor)
        if descriptor in self.rests:
            read = self.rests.pop(descriptor) + read
        if not read.endswith(b"\n\n"):
            whole, end, self.rests[descriptor] = read.rpartition(b"\n\n")
            read = whole + end
        # Everybody gets the same bytes, so they are understood once; a comparison is quicker than a look-up.
        if read != self._latest[0]:
            self._latest = (read, self._chunks.get(read) or self._understand(read))
        chunk = self._latest[1]
        for number, at, is_whole in chunk.events:
            self._count(descriptor, number, now - at if at else None, is_whole)
        if chunk.back_ms:
            self.back_ms[descriptor] = chunk.back_ms
        if chunk.reloads:
            self.counts.reloads += 1
            self.last.pop(descriptor, None)

    def _understand(self, read: bytes) -> Chunk:
        self.counts.refused += read.startswith(b"HTTP/") and b" 200 " not in read[:16]
        events = []
        for frame in read.split(b"\n\n"):
            if (number := self._number.search(frame)) and b"event: reload\n" not in frame:
                at = AT.search(frame)
                events.append((int(number[1]), int(at[1]) if at else 0, b"data:" in frame))
        back = BACK.findall(read)
        chunk = Chunk(tuple(events), int(back[-1]) if back else 0, any(word in read for word in OVER))
        if len(self._chunks) >= CHUNKS_KEPT:
            self._chunks.clear()
        self._chunks[read] = chunk
        return chunk

    def _count(self, descriptor: int, number: int, delay: int | None, is_whole: bool) -> None:
        before = self.last.get(descriptor)
        if before is not None and number != before + 1:
            if number <= before:
                self.counts.double += is_whole
                return
            self.counts.missing += number - before - 1
        self.last[descriptor] = number
        if delay is not None:
            self.arrived[number][delay] += 1
            if len(self.arrived) > EVENTS_KEPT:
                del self.arrived[min(self.arrived)]

    def _lose(self, descriptor: int) -> None:
        back_at = time.monotonic() + self.back_ms.get(descriptor, BACK_MS) / 1000
        heappush(self.away, Away(back_at, self.last.get(descriptor, NOWHERE)))
        self._forget(descriptor).close()
        self.counts.lost += 1

    def _forget(self, descriptor: int) -> socket.socket:
        for known in (self.rests, self.last, self.back_ms):
            known.pop(descriptor, None)
        self.unanswered.discard(descriptor)
        self.epoll.unregister(descriptor)
        return self.streams.pop(descriptor)

    def leave(self, count: int, abruptly: bool = False) -> None:
        """So many readers go for good, the oldest first; with a reset if abruptly. Others take their place."""
        for descriptor in list(self.streams)[:count]:
            stream = self._forget(descriptor)
            if abruptly:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()

    def deafen(self, count: int) -> None:
        """So many readers read no more, but stay connected until the server has had enough of them."""
        for descriptor in list(self.streams)[:count]:
            self.deaf.append(self._forget(descriptor))

    def open(self) -> int:
        """How many streams are answered, and open."""
        return len(self.streams) - len(self.unanswered)

    def having(self, number: int) -> int:
        """How many streams are open and have got this number."""
        return sum(self.last.get(descriptor, -1) >= number for descriptor in self.streams)

    def close(self) -> None:
        for stream in (*(stream for stream, _ in self.opening.values()), *self.streams.values(), *self.deaf):
            stream.close()
        self.epoll.close()
