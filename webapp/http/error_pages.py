"""The page, or JSON, that each error becomes. What somebody had typed stands on it, so that nothing is lost."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from flask import Flask, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from ..db import faults
from ..db.engine import DatabaseBusy
from ..errors import Later, Moved, Refused, SignInNeeded, TooMany
from ..i18n import gettext as _
from ..i18n import lazy_gettext as _l
from . import log, masking, metrics
from .links import safe_next

KEPT_FIELDS = {
    "title": _l("Title"),
    "summary": _l("Summary"),
    "body": _l("Text"),
    "note": _l("Correction note"),
    "tags": _l("Tags"),
}
FILE_FORMS = ("desk.upload_whole", "desk.replace_picture")
BUSY_SECONDS = 5
DAMAGED_SECONDS = 60
# The same as limit-post in uwsgi.ini.
READ_BYTES = 12_000_000


def init_app(app: Flask) -> None:
    app.register_error_handler(Refused, refused)
    app.register_error_handler(Moved, moved)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(DatabaseBusy, _busy)
    app.register_error_handler(DatabaseError, _database)
    for bug in faults.BUGS:
        app.register_error_handler(bug, _bug)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, _broken)


def wants_json() -> bool:
    """Whether a script of the desk asks: it has kept what was typed, and says the error in its own place.

    Public pages and their errors are the same bytes for everybody, whatever a reader's headers say.
    """
    return request.blueprint in ("desk", "community") and request.accept_mimetypes.best == "application/json"


def _page(
    status: int, message: str, retry_after_seconds: int | None = None, title: str | None = None
) -> ResponseReturnValue:
    headers = {"Retry-After": str(retry_after_seconds)} if retry_after_seconds else {}
    request_id = log.id_of(request.environ) if status == 500 else None
    if wants_json():
        return jsonify(status=status, message=message, request_id=request_id), status, headers
    page = render_template(
        "error.html",
        status=status,
        title=title or _titles().get(status) or _("That didn’t work"),
        message=message,
        kept=_kept(),
        retry_after=retry_after_seconds,
        request_id=request_id,
        back=_back(),
        linked_pages=partial(_linked_pages, status),
    )
    return page, status, headers


def _linked_pages(status: int) -> list[tuple[str, str]]:
    """The footer does without them rather than ask a database that may be what is broken."""
    if status >= 500:
        return []
    try:
        linked: list[tuple[str, str]] = current_app.jinja_env.globals["linked_pages"]()  # type: ignore[operator]
        return linked
    except SQLAlchemyError:
        return []


def _titles() -> dict[int, str]:
    return {
        401: _("Log in"),
        403: _("Not allowed"),
        404: _("Page not found"),
        405: _("Not allowed here"),
        409: _("Not possible right now"),
        410: _("Deleted"),
        413: _("Too large"),
        415: _("This file can’t be used"),
        422: _("This file can’t be used"),
        429: _("Too many requests"),
        500: _("Something went wrong"),
        451: _("Not available for legal reasons"),
        503: _("Busy right now"),
        507: _("No space left"),
    }


def _kept() -> dict[str, str]:
    if request.method != "POST" or request.endpoint is None:  # nothing was written for an address that takes no form
        return {}
    try:
        return {str(label): request.form[name] for name, label in KEPT_FIELDS.items() if request.form.get(name)}
    except HTTPException:  # too large, or cut short
        return {}


def _back() -> str | None:
    """The page from which a file was sent that can't be used. Elsewhere words were typed, and only the browser's own
    way back keeps them."""
    if request.method != "POST" or request.endpoint not in FILE_FORMS:
        return None
    try:
        came_from = urlsplit(request.referrer or "")
    except ValueError:
        return None
    if came_from.netloc != request.host:
        return None
    return safe_next(came_from.path + (f"?{came_from.query}" if came_from.query else ""))


def refused(error: Refused) -> ResponseReturnValue:
    if isinstance(error, SignInNeeded) and request.method in ("GET", "HEAD"):
        return redirect(url_for("accounts.login", next=request.full_path.rstrip("?")))
    wait = error.retry_after_seconds if isinstance(error, Later) else None
    if isinstance(error, TooMany):
        metrics.count("limited_requests_total")
    return _page(error.status, error.message or _("There is no page at this address."), wait)


def moved(error: Moved) -> ResponseReturnValue:
    return redirect(error.url, 301)


def _csrf(_error: CSRFError) -> ResponseReturnValue:
    message = _("You have been logged out, or this form has expired. Open the page again, log in, and send it again.")
    return _page(400, message)


def _busy(_error: DatabaseBusy) -> ResponseReturnValue:
    metrics.count("database_busy_total")
    return _page(503, _("Many people are posting right now. Please try again."), BUSY_SECONDS)


def _bug(error: DatabaseError) -> ResponseReturnValue:
    return _database(error) if faults.lacks_table(error) else _broken(error)


def _database(error: DatabaseError) -> ResponseReturnValue:
    faults.FAULTS.of(current_app).log(current_app, _asked(), error)
    metrics.count("database_busy_total")
    if faults.is_damaged(error):
        message = _("Part of the site’s data can’t be read. Please try again later.")
        return _page(503, message, DAMAGED_SECONDS, _("Not available right now"))
    message = _("The site can’t reach its database. Please try again in a moment.")
    return _page(503, message, BUSY_SECONDS, _("Not available right now"))


def http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    messages = {
        404: _("There is no page at this address."),
        405: _("This address doesn’t accept that kind of request."),
        413: _("This is larger than %(limit)s. Go back and shorten it, or choose a smaller file.", limit=_limit()),
    }
    if error.code == 413:
        _read_body()
    page = _page(error.code, messages.get(error.code, _("The request could not be understood.")))
    response = current_app.make_response(page)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers.setdefault(name, value)
    return response


def _limit() -> str:
    size = request.max_content_length or 0
    return f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size // 1000} kB"


def _read_body() -> None:
    """gunicorn would hang up on what is unread, and the kernel tell the sender of a reset in place of our answer."""
    length = request.content_length or 0
    left = min(length, READ_BYTES) if length > (request.max_content_length or 0) else 0  # else it has been read
    while left > 0 and (read := request.environ["wsgi.input"].read(min(left, 65_536))):
        left -= len(read)


def _broken(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("%s", _asked(), exc_info=error)
    return _page(500, _("The error was logged."))


def _asked() -> str:
    """What for, and under which id, on one line and without a draft's secret."""
    path = ascii(masking.path(request.environ["PATH_INFO"]))
    return f"{request.method} {path[1:-1]}, request {log.id_of(request.environ)}"
