"""Old addresses of imported posts: looked up only where the answer would be 404."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound as NoSuchAddress

from ..content import old_addresses
from ..db import reading
from ..errors import Moved, NotFound
from ..http import error_pages
from .views import reader


@reader.app_errorhandler(NotFound)
def absent(error: NotFound) -> ResponseReturnValue:
    return _moved(error) or error_pages.refused(error)


@reader.app_errorhandler(NoSuchAddress)
def unknown(error: NoSuchAddress) -> ResponseReturnValue:
    return _moved(error) or error_pages.http(error)


def _moved(error: NotFound | NoSuchAddress) -> ResponseReturnValue | None:
    if request.method not in ("GET", "HEAD") or getattr(error, "status", 404) != 404:
        return None
    try:
        post_id = old_addresses.post_at(reading(), request.path)
    except SQLAlchemyError:  # then it is a 404, as everything that can't be looked up
        return None
    return error_pages.moved(Moved(url_for("reader.post", post_id=post_id))) if post_id else None
