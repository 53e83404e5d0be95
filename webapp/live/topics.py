"""The streams that the broadcaster holds: who reads which post, and what they get.

All readers of a post are at the same number: whoever comes in is brought there first. So a stream is no more than its
descriptor in a set, and an event is the same bytes for everybody. Nothing here ever waits for a reader, and for a proxy
only some milliseconds.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import termios
import time
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.exc import SQLAlchemyError

from ..system.clock import now_ms
from . import stream

HEARTBEAT_SECONDS = 15
READERS_SECONDS = 5.0
READERS_PER_SECOND = 1_000  # told of the others, at most: saying it to a crowd is as much work as an update
USER_TIMEOUT_MS = 30_000
AT_ONCE = 100  # streams; a page view waits for three times as many at most
PROXY_SECONDS = 0.01
FULL_SECONDS = (10, 20)
TOPICS_AT_ONCE = 1_000

LEFT = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_STATES = text("SELECT id, seq, status FROM post WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))


@dataclass
class Topic:
    """A post, or the front page.

    reached: the last number that was sent, to how many, after how many milliseconds.
    """

    seq: int
    readers: set[int] = field(default_factory=set)
    said: int = 0
    said_at: float = 0.0
    reached: tuple[int, int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.reached = (self.seq, 0, 0)


@dataclass
class Counts:
    """Since the start; what /metrics shows. `lag_ms` is from the last event's writing to its last write."""

    events: int = 0
    deliveries: int = 0
    dropped: int = 0
    refused: int = 0
    lag_ms: int = 0


class Topics:
    """limit: streams at most. per_address: streams of one address at most; 0 for any number."""

    def __init__(self, engine: Engine, epoch: int, epoll: select.epoll, limit: int, per_address: int) -> None:
        self.engine = engine
        self.epoch = epoch
        self.epoll = epoll
        self.limit = limit
        self.per_address = per_address
        self.topics_by_post: dict[int, Topic] = {}
        self.post_by_descriptor: dict[int, int] = {}
        self.address_by_descriptor: dict[int, str] = {}  # filled only where there is a limit for them
        self.addresses: Counter[str] = Counter()
        self.counts = Counts()

    # Coming and going

    def join(self, descriptor: int, post_id: int, after: int, address: str) -> None:
        """Bring a reader up to date, then hold the socket; beyond a limit let it come back, as polling does."""
        _tune(descriptor)
        try:
            news = self._missed(post_id, after)
        except SQLAlchemyError:
            self._part(descriptor, stream.wait(*stream.WAIT_SECONDS, polling=True))
            return
        if news.is_over:
            self._part(descriptor, news.content)
        elif self._is_full(address):
            self.counts.refused += 1
            self._part(descriptor, news.content + stream.wait(*FULL_SECONDS, polling=True))
        elif not _write(descriptor, news.content + stream.HEARTBEAT):
            os.close(descriptor)
        else:
            self.hold(descriptor, post_id, self.topics_by_post.setdefault(post_id, Topic(news.seq)), address)

    def _missed(self, post_id: int, after: int) -> stream.News:
        """What brings this reader to the number at which the post's other readers are."""
        topic = self.topics_by_post.get(post_id)
        if topic and after > topic.seq:  # their page is newer than what we know
            self.catch_up(post_id)
            topic = self.topics_by_post.get(post_id)
        if topic and after == topic.seq:
            return stream.News(topic.seq, b"")
        return stream.caught_up(self._news(post_id, after, topic.seq if topic else stream.LARGEST), self.epoch)

    def _is_full(self, address: str) -> bool:
        return len(self.post_by_descriptor) >= self.limit or 0 < self.per_address <= self.addresses[address]

    def hold(self, descriptor: int, post_id: int, topic: Topic, address: str) -> None:
        topic.readers.add(descriptor)
        self.post_by_descriptor[descriptor] = post_id
        if self.per_address:
            self.address_by_descriptor[descriptor] = address
            self.addresses[address] += 1
        self.epoll.register(descriptor, LEFT)

    def leave(self, descriptor: int) -> None:
        post_id = self.post_by_descriptor.pop(descriptor)
        topic = self.topics_by_post[post_id]
        topic.readers.discard(descriptor)
        if not topic.readers:
            del self.topics_by_post[post_id]
        if address := self.address_by_descriptor.pop(descriptor, None):
            self.addresses[address] -= 1
            if not self.addresses[address]:
                del self.addresses[address]
        self.epoll.unregister(descriptor)
        os.close(descriptor)

    def _part(self, descriptor: int, last_words: bytes) -> None:
        _write(descriptor, last_words)
        os.close(descriptor)

    def end(self, readers: set[int], polling: bool | None = None) -> None:
        """Part from them: for good (None), or until they come back."""
        for descriptor in list(readers):
            _write(descriptor, stream.GONE if polling is None else stream.wait(1, 10, polling))
            self.leave(descriptor)

    # Sending

    def catch_up(self, post_id: int) -> None:
        """Bring all readers of a post to its last number."""
        while topic := self.topics_by_post.get(post_id):
            news = self._news(post_id, topic.seq)
            if news.is_over:
                self.end(topic.readers)
                return
            if news.seq != topic.seq or news.content:
                topic.seq = news.seq
                self._count(topic, news, self._deliver(topic, news.content))
            if news.is_all:
                return

    def _news(self, post_id: int, after: int, up_to: int = stream.LARGEST) -> stream.News:
        with self.engine.connect() as connection:
            return stream.news(connection, self.epoch, post_id, after, up_to)

    def _count(self, topic: Topic, news: stream.News, delivered: int) -> None:
        self.counts.events += 1
        self.counts.deliveries += delivered
        if news.at:
            self.counts.lag_ms = max(0, now_ms() - news.at)
            topic.reached = (news.seq, delivered, self.counts.lag_ms)

    def _deliver(self, topic: Topic, content: bytes) -> int:
        """The same bytes to every reader, to how many; who can't take all of them comes back and catches up."""
        readers, lost, before = iter(topic.readers), list[int](), None
        while some := list(islice(readers, AT_ONCE)):
            lost += _write_all(some, content)
            if before is not None:
                _let_proxy_work(before)
            before = some[0]
        self.counts.dropped += len(lost)
        for descriptor in lost:
            self.leave(descriptor)
        return len(topic.readers)

    # Once a second

    def changed(self) -> set[int]:
        """The posts that went on without a wake-up, or aren't public any more."""
        ids = list(self.topics_by_post)
        seq_by_post: dict[int, int] = {}
        with self.engine.connect() as connection:
            for first in range(0, len(ids), TOPICS_AT_ONCE):
                rows = connection.execute(_STATES, {"ids": ids[first : first + TOPICS_AT_ONCE]})
                seq_by_post |= {row.id: row.seq for row in rows if row.status in ("published", "front")}
        return {post_id for post_id, topic in self.topics_by_post.items() if seq_by_post.get(post_id) != topic.seq}

    def beat(self, remainder: int) -> None:
        """Each stream once in HEARTBEAT_SECONDS: proxies keep it, those who vanished are noticed, and so is silence."""
        due = [reader for reader in self.post_by_descriptor if reader % HEARTBEAT_SECONDS == remainder]
        for descriptor in _write_all(due, stream.HEARTBEAT):
            self.leave(descriptor)

    def say_readers(self, others: dict[int, int]) -> None:
        """How many read a post, to all of them, when that changed. `others`: those whom other processes hold."""
        now = time.monotonic()
        for post_id, topic in list(self.topics_by_post.items()):
            count = len(topic.readers) + others.get(post_id, 0)
            seconds = max(READERS_SECONDS, len(topic.readers) / READERS_PER_SECOND)
            if count != topic.said and now - topic.said_at >= seconds:
                topic.said, topic.said_at = count, now
                self._deliver(topic, stream.readers(count))

    # For a self with new code

    def kept(self) -> dict[str, Any]:
        return {
            "counts": asdict(self.counts),
            "topics": [[post_id, topic.seq, list(topic.readers)] for post_id, topic in self.topics_by_post.items()],
            "addresses": list(self.address_by_descriptor.items()),
        }

    def take_over(self, kept: dict[str, Any]) -> None:
        self.counts = Counts(**kept["counts"])
        addresses = dict(kept["addresses"])
        for post_id, seq, readers in kept["topics"]:
            self.topics_by_post[post_id] = topic = Topic(seq)
            for descriptor in readers:
                self.hold(descriptor, post_id, topic, addresses.get(descriptor, ""))


def _write_all(descriptors: Iterable[int], content: bytes) -> list[int]:
    """Those that couldn't take all of it."""
    write, size, lost = os.write, len(content), []
    for descriptor in descriptors:
        try:
            if write(descriptor, content) == size:
                continue
        except OSError:
            pass
        lost.append(descriptor)
    return lost


def _write(descriptor: int, content: bytes) -> bool:
    return not _write_all((descriptor,), content)


def _let_proxy_work(descriptor: int) -> None:
    """Wait until a proxy has read what this reader was sent, at most PROXY_SECONDS.

    It answers a page view only after all that it was sent before: without this, after thousands of deliveries.
    """
    if not _is_proxy(descriptor):
        return
    give_up_at = time.monotonic() + PROXY_SECONDS
    while _unread_bytes(descriptor) and time.monotonic() < give_up_at:
        time.sleep(PROXY_SECONDS / 10)


def _is_proxy(descriptor: int) -> bool:
    reader = socket.socket(fileno=descriptor)
    try:
        return reader.family == socket.AF_UNIX
    finally:
        reader.detach()


def _unread_bytes(descriptor: int) -> int:
    """Source: Linux, unix(7), SIOCOUTQ."""
    answer = array("i", [0])
    try:
        fcntl.ioctl(descriptor, termios.TIOCOUTQ, answer)
    except OSError:
        return 0
    return answer[0]


def _tune(descriptor: int) -> None:
    """Small things at once, never waiting, and no reader who vanished without a word."""
    os.set_blocking(descriptor, False)
    reader = socket.socket(fileno=descriptor)
    try:
        if reader.family != socket.AF_UNIX:
            reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)  # set by server.send_answers_whole
            reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    except OSError:
        pass  # gone already
    finally:
        reader.detach()
