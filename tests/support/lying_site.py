"""The site, telling one lie after a while: which one, says LIE. Served by one process in place of `webapp.wsgi:app`.

outdated  a post's page stays as it was first
cut       a post's page ends early
login     whoever has logged in is a stranger again
event     a stream leaves out every second event
slow      each page takes a fifth of a second longer, and some milliseconds of a core
"""

from __future__ import annotations

import itertools
import os
import re
import time
from typing import Any

from webapp.pages.public import Pages
from webapp.wsgi import app

LIE = os.environ["LIE"]
HONEST_ANSWERS = 2
EVEN = re.compile(rb"^id: \d+-\d*[02468]$", re.MULTILINE)
POST = re.compile(r"/post/\d+")
BUSY_SECONDS = 0.003  # enough to show; sixty-four at once are still answered within a second
if LIE != "slow":
    Pages.stored = property(lambda _pages: False)  # type: ignore[method-assign, assignment]
site, first, asked = app.wsgi_app, dict[str, bytes](), itertools.count()


def body_of(path: str, body: bytes) -> bytes:
    if POST.fullmatch(path) and b"data-seq" in body:
        if LIE == "outdated":
            return first.setdefault(path, body)
        return body[: len(body) // 2] if LIE == "cut" and next(asked) > HONEST_ANSWERS else body
    if path.endswith("/live") and LIE == "event":
        return b"\n\n".join(frame for frame in body.split(b"\n\n") if not EVEN.search(frame))
    return body


def lying(environ: Any, start_response: Any) -> Any:
    path, began = environ["PATH_INFO"], list[Any]()
    if LIE == "slow":
        busy_until = time.thread_time() + BUSY_SECONDS
        while time.thread_time() < busy_until:
            pass
        time.sleep(0.2)
    if LIE == "login" and path == "/me" and next(asked) > HONEST_ANSWERS:
        environ.pop("HTTP_COOKIE", None)
    environ.pop("HTTP_ACCEPT_ENCODING", None)
    if LIE == "outdated":
        environ.pop("HTTP_IF_MODIFIED_SINCE", None)
    answer = site(environ, lambda *said: began.extend(said))
    body = body_of(path, b"".join(answer))
    status, headers = began[0], [(name, value) for name, value in began[1] if name != "Content-Length"]
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


app.wsgi_app = lying  # type: ignore[method-assign]
