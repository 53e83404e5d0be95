"""The way from a worker to the broadcasters, which hold the streams: one connection to each, made when first needed."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

from ..app_key import AppKey
from ..system import server
from ..system.server import UNIX_PATH_BYTES

SEND_SECONDS = 1.0
AWAY_SECONDS = 1.0  # who took nothing for SEND_SECONDS isn't tried again for so long
ANSWER_BYTES = 65_536


@contextmanager
def broadcaster_address(instance: Path, index: int) -> Iterator[str]:
    """The path of its socket, or a shorter way to it where a socket's path can't be as long as that."""
    name = f"broadcaster-{index}.sock" if index else "broadcaster.sock"
    path = instance / name
    if len(os.fsencode(path)) <= UNIX_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(instance, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{name}"
    finally:
        os.close(folder)


class Line:
    """The way to one broadcaster. Where there is none, everything here says so and does nothing."""

    def __init__(self, instance: Path, index: int) -> None:
        self.instance = instance
        self.index = index
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()  # two greenlets can't wait for one socket
        self._away_until = 0.0

    def say(self, message: str, descriptor: int | None = None) -> bool:
        """Send one message, with a socket if given. False when nobody is there to take it."""
        with self._lock:
            if time.monotonic() < self._away_until:
                return False
            for _attempt in range(2):  # it may have been started anew since
                try:
                    self._connection = self._connection or self._connect()
                    socket.send_fds(self._connection, [message.encode()], [] if descriptor is None else [descriptor])
                    return True
                except TimeoutError:
                    self._away_until = time.monotonic() + AWAY_SECONDS
                    self._hang_up()
                    return False
                except (OSError, AttributeError):
                    self._hang_up()
            return False

    def close(self) -> None:
        with self._lock:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def ask(self, message: str) -> Any:
        """The answer to a message, on a connection of its own; None when there is none."""
        try:
            with self._connect() as connection:
                connection.send(message.encode())
                return json.loads(connection.recv(ANSWER_BYTES))
        except (OSError, AttributeError, ValueError):
            return None

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.settimeout(SEND_SECONDS)
            with broadcaster_address(self.instance, self.index) as address:
                connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection


class Channel:
    """What the site says to its broadcasters."""

    def __init__(self, instance: Path, count: int, per_address: int) -> None:
        self.lines = [Line(instance, index) for index in range(count)]
        self.per_address = per_address
        self._turn = 0

    def close(self) -> None:
        for line in self.lines:
            line.close()

    def wake(self, post_id: int) -> None:
        for line in self.lines:
            line.say(f"wake {post_id}")

    def hand_over(self, post_id: int, after: int, address: str) -> bool:
        """Let a broadcaster go on with the client of this request. False: this server can't, or nobody takes it."""
        if not server.is_uwsgi():
            return False
        # Whoever counts an address's streams must see all of them.
        self._turn = crc32(address.encode()) if self.per_address else self._turn + 1
        lines = [self.lines[(self._turn + offset) % len(self.lines)] for offset in range(len(self.lines))]
        return any(line.say(f"join {post_id} {after} {address}", server.client_descriptor()) for line in lines)

    def take_up(self, code: str) -> None:
        """Let those that run older code than this worker take up the new one, with every stream."""
        for line in self.lines:
            line.say(f"code {code}")

    def reached(self, post_id: int) -> list[tuple[int, int, int]]:
        """Of each broadcaster: the last number that it sent, to how many, after how many milliseconds."""
        return [tuple(answer) for line in self.lines if (answer := line.ask(f"reached {post_id}"))]

    def is_missing(self) -> bool:
        """Whether streams could be held here, but one of those that hold them doesn't answer."""
        return server.is_uwsgi() and None in self.status()

    def status(self) -> list[dict[str, int] | None]:
        """Of each broadcaster: its counts (topics.Counts), "streams" and "limit"; None for one that isn't there."""
        return [line.ask("status") for line in self.lines]


CHANNEL = AppKey[Channel]("channel")
