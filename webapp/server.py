"""All that knows which server we run under, each part with a plain fallback."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

from .app_key import AppKey

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None  # type: ignore[assignment]

try:
    import uwsgi
except ImportError:
    uwsgi = None

T = TypeVar("T")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Vary": "Accept-Encoding",
}

LOCK_PATIENCE_SECONDS = 10.0
UNPATCHED = (
    "gevent is on, but Python isn't patched for it: serve with .venv/bin/uwsgi --ini uwsgi.ini,"
    " or add the option gevent-early-monkey-patch"
)


def refuse_unpatched() -> None:
    """End uWSGI when it serves by gevent without the patch: the first request that waits would stop all others.

    An exception would end this worker alone, and its master would start another, again and again.
    """
    if uwsgi is None or "gevent" not in uwsgi.opt:
        return
    from gevent import monkey

    if monkey.is_module_patched("socket") and monkey.is_module_patched("threading"):
        return
    print(f"Pressroom can't start: {UNPATCHED}", file=sys.stderr, flush=True)
    if uwsgi.masterpid():
        os.kill(uwsgi.masterpid(), signal.SIGINT)
    os._exit(1)


def open_fifo(instance: Path) -> int | None:
    """The FIFO of uWSGI's master, for writing. A FIFO can be opened so, without blocking, only while somebody reads it:
    None when no site runs."""
    try:
        return os.open(instance / "uwsgi.fifo", os.O_WRONLY | os.O_NONBLOCK)
    except (OSError, AttributeError):  # Windows has none
        return None


def keep_fifo_open(instance: Path) -> None:
    """Let uWSGI's FIFO have a writer as long as this worker lives. When its last one closes it, uWSGI makes it anew,
    and ends the site where it can't (core/fifo.c, 2.0.31): on a read-only disk `pressroom check` would be enough."""
    if uwsgi is not None:
        open_fifo(instance)


def send_answers_whole() -> None:
    """Let the kernel send an answer's head and body together, which uWSGI writes one after the other.

    Connections inherit it from the socket that they come in by; closing one sends what is held. It saves a page view
    a twelfth of its CPU. A stream is uncorked by the broadcaster.
    """
    for descriptor in getattr(uwsgi, "sockets", ()):
        listener = socket.socket(fileno=descriptor)
        if listener.family != socket.AF_UNIX and hasattr(socket, "TCP_CORK"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        listener.detach()


def own_headers() -> dict[str, str]:
    """The headers of every answer that the app sends itself: none where uwsgi.ini adds them to every answer."""
    if uwsgi is not None and "add-header" in uwsgi.opt:
        return {}
    return HEADERS


def is_uwsgi_possible() -> bool:
    """Whether uWSGI exists for this system, which Windows has none for."""
    return hasattr(os, "fork")


def reads_http() -> bool:
    """Whether our server reads requests itself, and not a proxy that speaks uwsgi to it."""
    return uwsgi is None or "socket" not in uwsgi.opt


def off_hub(function: Callable[..., T], *args: object) -> T:
    """Run C code that frees the GIL in gevent's thread pool, so that other greenlets go on; directly elsewhere."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return function(*args)
    import gevent

    result: T = gevent.get_hub().threadpool.apply(function, args)
    return result


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Held by one process; whoever ends lets go of it. Raises TimeoutError after LOCK_PATIENCE_SECONDS.

    It waits in Python: an flock that waits in C, for another greenlet of the same worker, would wait for ever.
    """
    give_up_at = time.monotonic() + LOCK_PATIENCE_SECONDS
    while (held := try_lock(path)) is None:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{path.name} is held by another process")
        time.sleep(random.uniform(0.001, 0.005))  # noqa: S311
    try:
        yield
    finally:
        os.close(held)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock until it is closed; None when somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def say_how_streams_are_served(instance: Path) -> None:
    """One line where only uWSGI could do better; of several workers, the one that gets the lock says it."""
    if uwsgi is not None:
        return
    try:
        if try_lock(instance / "locks" / "polling") is None:
            return
    except OSError:
        print(f"{instance} isn't there: make it with .venv/bin/pressroom init", file=sys.stderr, flush=True)
        return
    print("Live updates: readers ask every few seconds, as only uWSGI holds their streams", file=sys.stderr, flush=True)


# The broadcasters, which hold the streams. One connection to each per worker, made when it is first needed.

UNIX_PATH_BYTES = 107
SEND_SECONDS = 1.0
AWAY_SECONDS = 1.0  # who took nothing for SEND_SECONDS isn't tried again for so long
ANSWER_BYTES = 65_536


def is_taken(path: Path) -> bool:
    """Whether a program takes connections on this unix socket."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


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
        if uwsgi is None:
            return False
        # Whoever counts an address's streams must see all of them.
        self._turn = crc32(address.encode()) if self.per_address else self._turn + 1
        lines = [self.lines[(self._turn + offset) % len(self.lines)] for offset in range(len(self.lines))]
        return any(line.say(f"join {post_id} {after} {address}", uwsgi.connection_fd()) for line in lines)

    def take_up(self, code: str) -> None:
        """Let those that run older code than this worker take up the new one, with every stream."""
        for line in self.lines:
            line.say(f"code {code}")

    def reached(self, post_id: int) -> list[tuple[int, int, int]]:
        """Of each broadcaster: the last number that it sent, to how many, after how many milliseconds."""
        return [tuple(answer) for line in self.lines if (answer := line.ask(f"reached {post_id}"))]

    def is_missing(self) -> bool:
        """Whether streams could be held here, but one of those that hold them doesn't answer."""
        return uwsgi is not None and None in self.status()

    def status(self) -> list[dict[str, int] | None]:
        """Of each broadcaster: its counts (topics.Counts), "streams" and "limit"; None for one that isn't there."""
        return [line.ask("status") for line in self.lines]


CHANNEL = AppKey[Channel]("channel")
