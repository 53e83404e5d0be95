"""What knows uWSGI, each part with a plain fallback for other servers."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .locks import try_lock
from .screen import printable

try:
    import uwsgi
except ImportError:
    uwsgi = None

T = TypeVar("T")

UNIX_PATH_BYTES = 107
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Vary": "Accept-Encoding",
}
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
    monkey = sys.modules.get("gevent.monkey")
    if monkey and monkey.is_module_patched("socket") and monkey.is_module_patched("threading"):
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
    result: T = sys.modules["gevent"].get_hub().threadpool.apply(function, args)
    return result


def is_uwsgi() -> bool:
    return uwsgi is not None


def client_descriptor() -> int:
    """The socket of this request's client. uWSGI closes its own copy when the request is over."""
    descriptor: int = uwsgi.connection_fd()
    return descriptor


def say_how_streams_are_served(instance: Path) -> None:
    """One line where only uWSGI could do better; of several workers, the one that gets the lock says it."""
    if uwsgi is not None:
        return
    try:
        if try_lock(instance / "locks" / "polling") is None:
            return
    except OSError:
        print(
            f"{printable(instance)} doesn't exist: create it with .venv/bin/pressroom init", file=sys.stderr, flush=True
        )
        return
    print("Live updates: readers poll every few seconds; server-sent events need uWSGI", file=sys.stderr, flush=True)


def is_taken(path: Path) -> bool:
    """Whether a program takes connections on this unix socket."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
