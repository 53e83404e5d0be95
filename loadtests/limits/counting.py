"""The site, noting each GET that reaches Python and each rendering of a page. Served in place of `webapp.wsgi:app`.

A note is one line at the end of the file that COUNTING_NOTES names, whichever worker writes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from webapp.pages.public import Pages
from webapp.pages.store import Stored
from webapp.wsgi import app as site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_notes = os.open(os.environ["COUNTING_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_fresh = Pages.fresh


def _note(what: str, path: str) -> None:
    os.write(_notes, f"{what} {path}\n".encode())


def _noted_fresh(pages: Pages, path: str) -> Stored:
    _note("render", path)
    return _fresh(pages, path)


Pages.fresh = _noted_fresh  # type: ignore[method-assign, assignment]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "GET":
        _note("GET", environ["PATH_INFO"])
        _note(f"worker {os.getpid()}", environ["PATH_INFO"])
    return site(environ, start_response)
