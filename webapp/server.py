"""All that knows which server we run under, each part with a plain fallback."""

from __future__ import annotations

import os
import random
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

try:
    import uwsgi
except ImportError:
    uwsgi = None

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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


def as_asked_for(application: WSGIApplication) -> WSGIApplication:
    """Undo what uWSGI does to the path of a POST to a page that is a file: it appends the index to it before it sees
    that the method isn't one for files (core/static.c, 2.0.31), and that would be a 404 instead of a 405."""
    if uwsgi is None:
        return application

    def undone(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") and environ["PATH_INFO"].endswith("/index.html"):
            environ["PATH_INFO"] = environ["PATH_INFO"].removesuffix("index.html").rstrip("/") or "/"
        return application(environ, start_response)

    return undone


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


def off_hub(function: Callable[..., T], *args: object) -> T:
    """Run C code that frees the GIL in gevent's thread pool, so that other greenlets go on; directly elsewhere."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return function(*args)
    import gevent

    result: T = gevent.get_hub().threadpool.apply(function, args)
    return result


def can_lock() -> bool:
    return fcntl is not None


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
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
