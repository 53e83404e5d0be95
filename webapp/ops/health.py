"""For whoever runs the site: does it answer, can it work as it should, what does it do.

Metrics are for this machine alone unless a setting says otherwise, and say how many read but never what or who.
"""

from __future__ import annotations

import ipaddress

from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from .. import db
from ..db import schema
from ..db.faults import FAULTS
from ..http import metrics
from ..live.channel import CHANNEL
from ..pages import public
from . import diagnosis

health = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    app.register_blueprint(health)


@health.get("/healthz")
def healthz() -> str:
    return "ok"


@health.get("/readyz")
def readyz() -> Response | str:
    """Whether all works as it should; else 503 with a line for each reason. Anybody may ask: it names no path."""
    reasons = [reason for reason in (_database(), public.of_app().trouble(), _disk(), _broadcaster()) if reason]
    return Response("\n".join(reasons), 503, content_type="text/plain; charset=utf-8") if reasons else "ok"


def _database() -> str | None:
    try:
        connection = db.reading().connection()
        current = schema.current(connection)
    except SQLAlchemyError:
        return "The database can't be read."
    if FAULTS.of(current_app).was_damaged:
        return "The database is damaged."
    if current is None:
        return "The database is empty."
    is_older = current in schema.known() - {schema.newest()}
    if is_older or not schema.is_usable(connection, current):
        return f"The database has schema {current}, and this Pressroom wants {schema.newest()}."
    return None


def _disk() -> str | None:
    return "The disk is nearly full." if diagnosis.disk_nearly_full(current_app.config["INSTANCE"]) else None


def _broadcaster() -> str | None:
    is_missing = CHANNEL.of(current_app).is_missing()
    return "The broadcaster doesn't respond, so readers poll." if is_missing else None


@health.get("/metrics", endpoint="metrics")
def answer_metrics() -> Response:
    if refusal := _metrics_refusal():
        return Response(f"{refusal}\n", 403, content_type="text/plain")
    counters, channel = metrics.COUNTERS.of(current_app), CHANNEL.of(current_app)
    text = metrics.text(counters.total(), channel.status())
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _metrics_refusal() -> str | None:
    """Of a proxy that PRESSROOM_PROXIES doesn't count only its own address is known: it is near, but those behind it
    may not be."""
    addresses = request.headers.getlist("X-Forwarded-For")
    count, proxies = sum(line.count(",") + 1 for line in addresses), current_app.config["PROXIES"]
    if (addresses or "Forwarded" in request.headers) and not 0 < proxies <= count:
        return (
            "This request came through a proxy that PRESSROOM_PROXIES doesn't count, so its sender is unknown. Set it"
            " to the number of proxies, or request /metrics without a proxy."
        )
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "PRESSROOM_METRICS_FROM lists who may read metrics, and your address is unknown."
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in network for network in current_app.config["METRICS_FROM"]):
        return None
    return f"PRESSROOM_METRICS_FROM lists who may read metrics, and {address} isn't in it."
