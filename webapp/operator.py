"""For whoever runs the site: does it answer, can it work as it should, what does it do.

Metrics are for this machine alone, and say how many read but never what or who.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from . import db, pages, trouble

operator = Blueprint("operator", __name__)

PREFIX = "pressroom"
# Of each broadcaster: the metric, its kind, its meaning, and the key in the broadcaster's status.
METRICS = [
    ("streams", "gauge", "Streams that are open.", "streams"),
    ("streams_limit", "gauge", "Streams that may be open at once; further readers poll.", "limit"),
    ("events_total", "counter", "Rounds of events that were sent.", "events"),
    ("deliveries_total", "counter", "Rounds of events, times the readers that got them.", "deliveries"),
    ("dropped_streams_total", "counter", "Streams that were closed because they took too little.", "dropped"),
    ("refused_streams_total", "counter", "Streams that had to poll because there was no room.", "refused"),
    ("broadcaster_lag_seconds", "gauge", "From the last event's commit to its last write.", "lag_ms"),
]


@operator.get("/healthz")
def healthz() -> str:
    return "ok"


@operator.get("/readyz")
def readyz() -> Response | str:
    """Whether all works as it should; else 503 with a line for each reason. Anybody may ask: it names no path."""
    reasons = [reason for reason in (_database(), pages.of_app().trouble(), _disk(), _broadcaster()) if reason]
    return Response("\n".join(reasons), 503, content_type="text/plain; charset=utf-8") if reasons else "ok"


def _database() -> str | None:
    try:
        schema = db.schema(db.reading())
    except SQLAlchemyError:
        return "The database can't be read."
    newest = db.newest_schema()
    return None if schema == newest else f"The database has schema {schema}, and this Pressroom wants {newest}."


def _disk() -> str | None:
    return "The disk is nearly full." if trouble.disk_nearly_full(current_app.config["INSTANCE"]) else None


def _broadcaster() -> str | None:
    is_missing = current_app.extensions["channel"].is_missing()
    return "No broadcaster answers, so readers ask every few seconds." if is_missing else None


@operator.get("/metrics")
def metrics() -> Response:
    if not _is_local():
        return Response("Metrics are for this machine alone: ask from there.\n", 403, content_type="text/plain")
    status = current_app.extensions["channel"].status()
    return Response("\n".join([*_lines(status), ""]), content_type="text/plain; version=0.0.4; charset=utf-8")


def _is_local() -> bool:
    """A proxy that isn't believed (PRESSROOM_PROXIES) is on this machine, but those behind it are not."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded")) and not current_app.config["PROXIES"]:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _lines(status: list[dict[str, int] | None]) -> Iterator[str]:
    yield from _metric("broadcaster_up", "gauge", "Whether the process that holds streams answers.")
    for index, counts in enumerate(status):
        yield _sample("broadcaster_up", index, int(counts is not None))
    for name, kind, meaning, key in METRICS:
        yield from _metric(name, kind, meaning)
        for index, counts in enumerate(status):
            if counts is not None:
                yield _sample(name, index, counts[key] / 1000 if key == "lag_ms" else counts[key])


def _metric(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {PREFIX}_{name} {meaning}"
    yield f"# TYPE {PREFIX}_{name} {kind}"


def _sample(name: str, index: int, value: float) -> str:
    return f'{PREFIX}_{name}{{broadcaster="{index}"}} {value}'
