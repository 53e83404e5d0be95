"""Links: relative within the site, absolute ones from BASE_URL and never from `Host`, assets with their hash."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request, url_for
from werkzeug.routing import IntegerConverter, Map

YEAR_SECONDS = 31_536_000
LARGEST_ID = 2**31 - 1


class IdConverter(IntegerConverter):
    """A number that fits the database's integers unless a rule says `max`; a larger one is simply not found."""

    def __init__(self, url_map: Map, **options: Any) -> None:
        super().__init__(url_map, **({"max": LARGEST_ID} | options))


def init_app(app: Flask) -> None:
    app.url_map.converters["int"] = IdConverter
    # Our own redirect to a page's true path is a 301; see _answer in pages/public.py.
    app.url_map.redirect_defaults = False
    app.url_defaults(_add_hash)
    app.get_send_file_max_age = _max_age  # type: ignore[method-assign, assignment]
    app.jinja_env.globals["url_for"] = relative


def relative(endpoint: str, **values: Any) -> str:
    """Outside a request, as in a command, Flask would make it absolute."""
    return url_for(endpoint, **({"_external": False} | values))


def absolute(endpoint: str, **values: Any) -> str:
    base: str = current_app.config["BASE_URL"]
    return base + relative(endpoint, **values)


def safe_next(target: str | None) -> str | None:
    """`target` when it is a path of this site; None for anything that a browser could read as another one."""
    if not target or len(target) > 2000 or not target.startswith("/") or target.startswith("//"):
        return None
    # Browsers read "\\" as "/", and leave out tabs and line ends.
    return target if "\\" not in target and target.isprintable() else None


def _add_hash(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and "filename" in values:
        path = Path(current_app.static_folder or "") / values["filename"]
        if path.is_file():
            values["v"] = _hash(path, path.stat().st_mtime_ns)


@cache
def _hash(path: Path, _changed_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _max_age(_filename: str | None) -> int | None:
    return YEAR_SECONDS if "v" in request.args else None
