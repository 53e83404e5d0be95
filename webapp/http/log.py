"""One JSON object a line, for each request that Python answers and each message of the app: PRESSROOM_LOG=json.

A line is ASCII, and one write at the end of the file, so that no URL breaks it and processes don't mix theirs. What it
must not tell is masked (masking.py), and a reader's address is a network. A disk that is full costs lines, no answers.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, has_request_context, request

from ..system.instance import LOG
from . import masking

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "pressroom.request_id"
BELIEVED = "pressroom.request_id.believed"
SOUND_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
METHOD_LENGTH = 20
NETWORK_BITS = {4: 24, 6: 48}


class Lines:
    """Appends to a file, which is opened when it is first needed, and anew when logrotate has moved it away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: int | None = None
        self._identity = (0, 0)
        self._torn = False

    def write(self, level: str, facts: dict[str, Any]) -> None:
        time_ = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": time_, "level": level, **facts, "pid": os.getpid()}).encode() + b"\n"
        with self._lock, suppress(OSError):
            self._open()
            begun = b"\n" if self._torn else b""  # the one before didn't fit on the disk
            written = os.write(self._file or 0, begun + line)
            self._torn = written < len(begun + line)

    def _open(self) -> None:
        with suppress(FileNotFoundError):
            stat = self._path.stat()
            if self._file is not None and (stat.st_dev, stat.st_ino) == self._identity:
                return
        self.close()
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        opened = os.fstat(self._file)
        self._identity, self._torn = (opened.st_dev, opened.st_ino), False

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None


class Messages(logging.Handler):
    """Puts the app's own messages there, each with the request that it is about."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            about = request if has_request_context() else None
            facts = _of_request(about.environ) if about else {}
            facts["message"] = masking.text(record.getMessage(), about)
            if record.exc_info:
                formatted = logging.Formatter().formatException(record.exc_info)
                facts["traceback"] = masking.text(formatted, about)
            self.lines.write(record.levelname.lower(), facts)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self.lines.close()
        super().close()


def init_app(app: Flask) -> None:
    """Let the app's messages be written, if the setting says so."""
    for handler in [handler for handler in app.logger.handlers if isinstance(handler, Messages)]:
        app.logger.removeHandler(handler)
        handler.close()
    if app.config["LOG"] == "json":
        app.logger.addHandler(Messages(Lines(app.config["INSTANCE"] / LOG)))


class RequestLog:
    """A line for each request once it has an answer. `believed`: whether a proxy in front may name a request."""

    def __init__(self, path: Path, believed: bool) -> None:
        self.lines = Lines(path)
        self.believed = believed

    def begin(self, environ: WSGIEnvironment) -> None:
        environ[BELIEVED] = self.believed

    def write(self, environ: WSGIEnvironment, status: str, headers: list[tuple[str, str]], seconds: float) -> None:
        number = int(status[:3])
        facts = _of_request(environ) | {
            "status": number,
            "ms": round(seconds * 1000, 2),
            "bytes": 0 if environ.get("REQUEST_METHOD") == "HEAD" else _length(headers),
            "network": network(environ.get("REMOTE_ADDR", "")),
        }
        self.lines.write("error" if number >= 500 else "info", facts)


def request_log(app: Flask) -> RequestLog | None:
    """None unless the setting asks for one."""
    if app.config["LOG"] != "json":
        return None
    return RequestLog(app.config["INSTANCE"] / LOG, believed=app.config["PROXIES"] > 0)


def id_of(environ: WSGIEnvironment) -> str:
    """The request's id, made when first asked for.

    That of a proxy is taken: nginx's by uwsgi_param, where no client can put one, and one in a header only if
    PRESSROOM_PROXIES says that there is a proxy which is believed.
    """
    request_id: str | None = environ.get(KEY)
    if request_id is None:
        offered = environ.get("REQUEST_ID") or (environ.get(BELIEVED) and environ.get("HTTP_X_REQUEST_ID")) or ""
        request_id = environ[KEY] = offered if SOUND_ID.fullmatch(offered) else secrets.token_hex(8)
    return request_id


@lru_cache(1024)
def network(address: str) -> str | None:
    """The network of so many first bits that nobody is known by it; None for what is no address."""
    try:
        ip = ip_address(address)
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return str(ip_network(f"{ip}/{NETWORK_BITS[ip.version]}", strict=False))
    except ValueError:
        return None


def _of_request(environ: WSGIEnvironment) -> dict[str, Any]:
    return {
        "id": id_of(environ),
        "method": masking.text(environ.get("REQUEST_METHOD", ""))[:METHOD_LENGTH],
        "path": masking.path(environ.get("PATH_INFO", "")),
    }


def _length(headers: list[tuple[str, str]]) -> int | None:
    """Of a stream nobody knows it."""
    return next((int(value) for name, value in headers if name.lower() == "content-length"), None)
