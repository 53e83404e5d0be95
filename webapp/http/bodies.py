"""Bounds on what is sent, before anything reads it: a megabyte may take 0.4 s of CPU to parse, and 1 s to render."""

from __future__ import annotations

from typing import Any

from flask import Flask, request, session
from werkzeug.exceptions import BadRequest, NotFound

from ..errors import TooMany
from .rate_limits import PerMinute, network_of

MAX_BYTES = 1_000_000
# Of forms without a text, such as the one to log in.
SMALL_BYTES = 20_000
TEXT_BLUEPRINTS = ("desk", "community")
MAX_FIELDS = 1_000
# Of pictures, each with the form around it.
PIECES = ("desk.upload_piece",)
PIECE_BYTES = 540_000
_sent = PerMinute("bytes of texts", 10_000_000)


def init_app(app: Flask) -> None:
    app.config.update(MAX_CONTENT_LENGTH=MAX_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BYTES)
    app.before_request(_bound)
    app.url_value_preprocessor(_refuse_nul)


def _refuse_nul(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """In a path: there is no such name, and PostgreSQL takes no text with it."""
    if any("\0" in value for value in (values or {}).values() if isinstance(value, str)):
        raise NotFound


def _bound() -> None:
    if request.method != "POST" or request.endpoint is None:
        return
    if request.endpoint in PIECES and "sid" in session:
        request.max_content_length = PIECE_BYTES  # of their own bounds: desk/media.py
    elif request.blueprint in TEXT_BLUEPRINTS:
        _count_bytes(request.content_length or MAX_BYTES)
    else:
        request.max_content_length = SMALL_BYTES
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") >= MAX_FIELDS:
        request.max_content_length = 0
        raise BadRequest
    if request.mimetype == "multipart/form-data" and None in request.form:  # a part without a name
        raise BadRequest


def _count_bytes(length: int) -> None:
    if length > MAX_BYTES:
        return  # is refused unread
    try:
        _sent.use(network_of(request.remote_addr), length)
    except TooMany:
        if "sid" not in session:
            request.max_content_length = 0  # the error's page would read a stranger's text, to show that it isn't lost
        raise
