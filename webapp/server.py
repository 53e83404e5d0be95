"""All that knows which server we run under, each part with a plain fallback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

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
}


def own_headers() -> dict[str, str]:
    """The security headers that the app sends itself: none where uwsgi.ini adds them to every answer."""
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
