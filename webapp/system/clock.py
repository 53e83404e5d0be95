"""The time by the clock that a site goes by: this machine's, or its database's where that is on one of its own.

Several machines' clocks differ, and what they write is compared: so each follows the database's (db/engine.py).
"""

from __future__ import annotations

import time

_ahead_ms = 0


def now_ms() -> int:
    return time.time_ns() // 1_000_000 + _ahead_ms


def follow(database_ms: int) -> None:
    """`database_ms`: what the database's clock says at this moment."""
    global _ahead_ms  # noqa: PLW0603
    _ahead_ms = database_ms - time.time_ns() // 1_000_000
