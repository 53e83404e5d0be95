"""Limits on what one account or address may try.

What guards accounts is counted in the database, and so over all workers. Searches are only counted in each worker:
a write for each would cost more than the search.
"""

import ipaddress
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from flask import Flask, current_app
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ..app_key import AppKey
from ..errors import TooMany
from ..i18n import gettext as _
from ..models import Attempt
from ..system.clock import now_ms

FORGET_MS = 3_600_000


def attempt(session: Session, limits: dict[str, int], seconds: int) -> list[int]:
    """Count one try under every key of `limits` (key: tries allowed in `seconds`); the rows' ids, for `forgive`.

    It is counted before the outcome is known, so that many at once can't slip through together.
    Raises TooMany, and counts nothing, when one of them is used up.
    """
    now = now_ms()
    session.execute(delete(Attempt).where(~Attempt.at.between(now - FORGET_MS, now + FORGET_MS)))
    for key, allowed in limits.items():
        # None of before the clock was set back, or they'd count until it has caught up.
        recent = (Attempt.key == key, Attempt.at.between(now - seconds * 1000 + 1, now))
        count, oldest = session.execute(select(func.count(), func.min(Attempt.at)).where(*recent)).one()
        if count >= allowed:
            wait = max(1, seconds - (now - oldest) // 1000)
            raise TooMany(_("Too many attempts. Wait a few minutes."), wait)
    rows = [Attempt(key=key, at=now) for key in limits]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


@dataclass
class Uses:
    """Of one minute, by key."""

    minute: int = 0
    counts: Counter[str] = field(default_factory=Counter)


USES = AppKey[defaultdict[str, Uses]]("uses_per_minute")


def init_app(app: Flask) -> None:
    USES.put(app, defaultdict(Uses))


@dataclass
class PerMinute:
    """At most `allowed` uses a minute for each key, counted in this process alone. PRESSROOM_LIMITS=off lifts it."""

    name: str
    allowed: int

    def use(self, key: str, cost: int = 1) -> None:
        """Raises TooMany."""
        if current_app.config["LIMITS"] == "off":
            return
        uses, minute = USES.of(current_app)[self.name], now_ms() // 60_000
        if minute != uses.minute:
            uses.minute = minute
            uses.counts.clear()
        uses.counts[key] += cost
        if uses.counts[key] > self.allowed:
            raise TooMany(_("You’re doing that too often. Wait a minute, then try again."), 60)


def forgive(session: Session, ids: list[int]) -> None:
    """Take back what `attempt` counted: it went well."""
    session.execute(delete(Attempt).where(Attempt.id.in_(ids)))


def network_of(address: str | None) -> str:
    """The address that limits count by: an IPv6 host has a whole /64 to itself, IPv4 in IPv6 is IPv4."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip), 64), strict=False))
    return str(ip)
