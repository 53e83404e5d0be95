"""The process that holds every open stream: `python -m webapp.broadcaster`, started and stopped by uwsgi.ini.

Workers hand it the sockets of readers (channel.py) and wake it after each commit. It reads the new events once
and writes the same bytes to every socket. One thread, plain epoll, no Flask, no gevent.

With PRESSROOM_BROADCASTERS above 1 the first one starts the others, and each holds a share of the streams.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ..config import fingerprint, read
from ..db.engine import make_engine
from ..system import epoch
from ..system.locks import try_lock
from ..system.screen import printable
from . import stream
from .channel import broadcaster_address
from .topics import HEARTBEAT_SECONDS, LEFT, READERS_SECONDS, Topics

SECOND_LOOK_SECONDS = 1.0
ANSWER_SECONDS = 2.0  # of the database; nobody is served meanwhile
MESSAGE_BYTES = 65_536
MESSAGES_AT_ONCE = 64
OTHERS_SECONDS = 3 * READERS_SECONDS
TOLD_AT_ONCE = 2_000  # posts, in one message
KEPT = "PRESSROOM_KEPT"  # names the descriptor that holds what an exec'ed self takes over
STDIN = 0


class Broadcaster:
    """Broadcaster number `index` of an instance."""

    def __init__(self, settings: dict[str, Any], index: int) -> None:
        self.settings = settings
        self.index = index
        self.epoll = select.epoll()
        self.limit = descriptors() - stream.RESERVED_DESCRIPTORS
        engine = make_engine(settings["DATABASE_URL"], must_exist=True, answer_seconds=ANSWER_SECONDS)
        history = epoch.read(settings["INSTANCE"])  # settled by the start, before this process
        self.topics = Topics(engine, history.epoch, self.epoll, self.limit, settings["STREAMS_PER_ADDRESS"])
        self.workers: dict[int, socket.socket] = {}
        self.woken: set[int] = set()
        self.others: dict[int, tuple[float, dict[int, int]]] = {}  # what another one said when of its readers
        self.siblings: dict[int, tuple[int, int]] = {}  # process id, and a pipe that ends with us
        self.asked_to = ""  # stop, or renew
        self.code = fingerprint()
        self.wakeup = self._obey_signals()
        self.epoll.register(self.wakeup, select.EPOLLIN)
        if index:
            self.epoll.register(STDIN, select.EPOLLIN)

    def start(self, lock: int, kept: dict[str, Any]) -> None:
        """Listen; with `kept`, go on where the process that was this one before left off."""
        self.lock = lock
        self.listener = socket.socket(fileno=kept["listener"]) if kept else self._listen()
        self.epoll.register(self.listener, select.EPOLLIN)
        if kept:
            self.topics.take_over(kept)
            self.siblings = {index: (pid, pipe) for index, pid, pipe in kept["siblings"]}
            for descriptor in kept["workers"]:
                self._meet(socket.socket(fileno=descriptor))
        self.woken.update(self.topics.topics_by_post)

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with broadcaster_address(self.settings["INSTANCE"], self.index) as address:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(address)  # noqa: PTH108
            before = os.umask(0o177)
            listener.bind(address)
            os.umask(before)
        listener.listen(128)
        listener.setblocking(False)
        return listener

    # The loop

    def run(self) -> None:
        """Until it is asked to stop or to renew itself."""
        looked_at, ticks = time.monotonic(), 0
        while not self.asked_to:
            happened = [descriptor for descriptor, _what in self.epoll.poll(SECOND_LOOK_SECONDS / 4, 512)]
            for descriptor in filter(self.topics.post_by_descriptor.__contains__, happened):
                self.topics.leave(descriptor)  # before others come in who get the same number
            for descriptor in happened:
                self._hear_from(descriptor)
            self._send_news()
            if time.monotonic() - looked_at >= SECOND_LOOK_SECONDS:
                looked_at, ticks = time.monotonic(), ticks + 1
                self._tick(ticks)

    def _hear_from(self, descriptor: int) -> None:
        if descriptor in self.workers:
            self._hear(self.workers[descriptor])
        elif descriptor == self.listener.fileno():
            self._accept()
        elif descriptor == self.wakeup.fileno():
            self.wakeup.recv(64)
        elif descriptor == STDIN and self.index and not os.read(STDIN, 64):
            self.asked_to = "stop"  # the first one is gone

    def _send_news(self) -> None:
        """On the posts that were woken. What the database can't say now is asked for again within a second."""
        while self.woken:
            with contextlib.suppress(SQLAlchemyError):
                self.topics.catch_up(self.woken.pop())

    def _tick(self, ticks: int) -> None:
        with contextlib.suppress(SQLAlchemyError):
            self.woken |= self.topics.changed()  # in case a wake-up was lost
        self.topics.beat(ticks % HEARTBEAT_SECONDS)
        self.topics.say_readers(self._held_by_others())
        if self.settings["BROADCASTERS"] > 1:
            self._keep_siblings()
            if ticks % READERS_SECONDS == 0:
                self._tell_others()

    # Workers

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _address = self.listener.accept()
            _pid, uid, _gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if uid in (os.getuid(), 0):
                self._meet(connection)
            else:
                connection.close()

    def _meet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.workers[connection.fileno()] = connection
        self.epoll.register(connection, select.EPOLLIN | LEFT)

    def _hear(self, worker: socket.socket) -> None:
        for _message in range(MESSAGES_AT_ONCE):
            try:
                message, passed, _flags, _address = socket.recv_fds(worker, MESSAGE_BYTES, 4)
            except BlockingIOError:
                return
            except OSError:
                message, passed = b"", []
            if not message:
                self.epoll.unregister(worker)
                del self.workers[worker.fileno()]
                worker.close()
                return
            with contextlib.suppress(ValueError, IndexError):  # what newer or older code may say
                self._obey(worker, message.decode().split(" ", 3), passed)
            for descriptor in passed:
                os.close(descriptor)

    def _obey(self, worker: socket.socket, words: list[str], passed: list[int]) -> None:
        """join POST AFTER ADDRESS (with a socket), wake POST, reached POST, status, code FINGERPRINT, others N JSON."""
        order = words[0]
        if order == "join":
            post_id, after = int(words[1]), int(words[2])
            self.topics.join(passed.pop(), post_id, after, words[3])
        elif order == "wake":
            self.woken.add(int(words[1]))
        elif order == "reached":
            topic = self.topics.topics_by_post.get(int(words[1]))
            self._answer(worker, topic.reached if topic else (stream.LARGEST, 0, 0))
        elif order == "status":
            streams = {"streams": len(self.topics.post_by_descriptor), "limit": self.limit}
            self._answer(worker, asdict(self.topics.counts) | streams)
        elif order == "code" and words[1] != self.code:
            self.asked_to = "renew"
        elif order == "others":
            counts = {int(post_id): count for post_id, count in json.loads(words[2]).items()}
            self.others[int(words[1])] = (time.monotonic(), counts)

    def _answer(self, worker: socket.socket, answer: object) -> None:
        with contextlib.suppress(OSError):
            worker.send(json.dumps(answer).encode())

    # Several of them

    def _keep_siblings(self) -> None:
        """The first one starts the others, and anew whichever has ended."""
        if self.index:
            return
        for index in range(1, self.settings["BROADCASTERS"]):
            if index not in self.siblings or os.waitpid(self.siblings[index][0], os.WNOHANG)[0]:
                if index in self.siblings:
                    os.close(self.siblings[index][1])
                self.siblings[index] = _start(index)

    def _tell_others(self) -> None:
        """How many read which post here, the busiest ones if there is no room for all."""
        busiest = sorted(self.topics.topics_by_post.items(), key=lambda item: -len(item[1].readers))[:TOLD_AT_ONCE]
        payload = json.dumps({post_id: len(topic.readers) for post_id, topic in busiest}, separators=(",", ":"))
        for index in range(self.settings["BROADCASTERS"]):
            with contextlib.suppress(OSError), broadcaster_address(self.settings["INSTANCE"], index) as address:
                if index != self.index:
                    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
                        other.setblocking(False)
                        other.connect(address)
                        other.send(f"others {self.index} {payload}".encode())

    def _held_by_others(self) -> dict[int, int]:
        held: dict[int, int] = {}
        for said_at, counts in self.others.values():
            if time.monotonic() - said_at < OTHERS_SECONDS:
                for post_id, count in counts.items():
                    held[post_id] = held.get(post_id, 0) + count
        return held

    # Ends

    def _obey_signals(self) -> socket.socket:
        """SIGTERM and SIGINT stop it, SIGHUP lets it take up new code. The socket wakes the loop."""
        reading, writing = socket.socketpair()
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.detach())
        orders = {signal.SIGTERM: "stop", signal.SIGINT: "stop", signal.SIGHUP: "renew"}

        def obey(number: int, _frame: object) -> None:
            self.asked_to = orders[signal.Signals(number)]

        for number in orders:
            signal.signal(number, obey)
        return reading

    def stop(self) -> None:
        """Part from everybody; they come back within seconds, to whoever serves then."""
        self.topics.end(set(self.topics.post_by_descriptor), polling=False)

    def renew(self) -> None:
        """Go on as the code that is there now, with every socket."""
        kept = self.topics.kept() | {
            "lock": self.lock,
            "listener": self.listener.fileno(),
            "workers": list(self.workers),
            "siblings": [[index, *sibling] for index, sibling in self.siblings.items()],
        }
        pipes = [pipe for _pid, pipe in self.siblings.values()]
        for descriptor in (self.lock, self.listener.fileno(), *pipes, *self.workers, *self.topics.post_by_descriptor):
            os.set_inheritable(descriptor, True)
        memory = os.memfd_create("kept", 0)
        with os.fdopen(os.dup(memory), "wb") as file:
            file.write(json.dumps(kept).encode())
        os.execve(sys.executable, sys.orig_argv, os.environ | {KEPT: str(memory)})  # noqa: S606


def _start(index: int) -> tuple[int, int]:
    reading, writing = os.pipe()
    command = [sys.executable, *sys.orig_argv[1:], str(index)]
    process = subprocess.Popen(command, stdin=reading)  # noqa: S603
    os.close(reading)
    process.returncode = 0  # waited for by us, also after a renewal
    return process.pid, writing


def descriptors() -> int:
    """How many this process may have from now on: as many as it may allow itself."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _kept() -> dict[str, Any]:
    """What the process that was this one before left to it."""
    memory = os.environ.pop(KEPT, None)
    if memory is None:
        return {}
    with os.fdopen(int(memory), "rb") as file:
        file.seek(0)
        kept: dict[str, Any] = json.load(file)
    return kept


def main() -> int:
    settings, kept = read(), _kept()
    index = int(sys.argv[1]) if sys.argv[1:] else 0
    lock = kept.get("lock") or try_lock(settings["INSTANCE"] / "locks" / f"broadcaster-{index}")
    if lock is None:
        print(f"A broadcaster already serves {printable(settings['INSTANCE'])}.", file=sys.stderr)
        return 1
    broadcaster = Broadcaster(settings, index)
    broadcaster.start(lock, kept)
    broadcaster.run()
    if broadcaster.asked_to == "renew":
        broadcaster.renew()
    broadcaster.stop()
    return 0
