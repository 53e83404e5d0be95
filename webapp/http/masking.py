"""Takes out of a text what must not stand in a log: secrets by their place and by their looks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Request

HIDDEN = "…"
PATH_LENGTH = 180  # as JSON writes it: a letter of most scripts is six of these
TEXT_LENGTH = 16_000
# Shorter values, such as a form's `publish`, are words of the code too.
VALUE_LENGTH = 8
# Whatever is under these paths, however it was mangled; a test compares them with the routes that take a token.
SECRET_PATH = re.compile(r"(draft|invite|password)((?:[/\\]|%(?:25)*(?:2f|5c))+)\S+", re.IGNORECASE)
# A draft's UUID, the hex of one-time links, and what URL-safe base64 looks like: cookies and CSRF tokens.
SECRET = re.compile(
    r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
    r"|[0-9a-f]{32,}"
    r"|(?<![\w-])(?=[\w-]*\d)(?-i:(?=[\w-]*[A-Z]))[\w-]{22,}",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    return SECRET.sub(HIDDEN, SECRET_PATH.sub(rf"\1\2{HIDDEN}", text))


def path(raw: str) -> str:
    """`raw` is PATH_INFO: bytes, in WSGI's Latin-1. Never with a query string."""
    whole = masked(raw.encode("latin-1", "replace").decode("utf-8", "replace"))
    if len(json.dumps(whole)) <= PATH_LENGTH:
        return whole
    room, kept = PATH_LENGTH, []
    for char in whole:
        room -= len(json.dumps(char)) - 2
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + HIDDEN


def text(message: str, request: Request | None = None) -> str:
    """A message or a traceback, without the values that came with the request. It keeps its beginning and its end."""
    for value in sorted(_values(request), key=len, reverse=True) if request else ():
        message = message.replace(value, HIDDEN)
    message = masked(message.encode("utf-8", "backslashreplace").decode())
    return (
        message
        if len(message) <= TEXT_LENGTH
        else f"{message[: TEXT_LENGTH // 2]}\n{HIDDEN}\n{message[-TEXT_LENGTH // 2 :]}"
    )


def _values(request: Request) -> Iterator[str]:
    """As they are and as `repr` shows them. A form that wasn't read yet is left so."""
    form = request.__dict__.get("form")
    for name, value in _pairs(request, form.items(multi=True) if form else ()):
        if len(value) >= VALUE_LENGTH or (value and "password" in name):
            yield from {value, repr(value)[1:-1], ascii(value)[1:-1]}


def _pairs(request: Request, form: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield from form
    yield from request.args.items(multi=True)
    yield from request.cookies.items(multi=True)
    for name in ("Authorization", "Referer", "User-Agent"):
        yield name, request.headers.get(name, "")
