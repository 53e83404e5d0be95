"""A database that fails: why, and the cure, in one line, which isn't said again for every request.

Its files may be damaged, unreadable, full, or not there. What is locked is DatabaseBusy (engine.py).
"""

from __future__ import annotations

import re
import sqlite3
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import DataError, IntegrityError, NotSupportedError, ProgrammingError

from ..app_key import AppKey

if TYPE_CHECKING:
    from flask import Flask

# Of SQLAlchemy's DatabaseError, those that are our own fault.
BUGS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
AGAIN_SECONDS = 60.0

_RESTORE = "stop the site, move its instance folder away, then restore the last backup with pressroom restore FILE"
_FILES = "pressroom.db must be there and belong to the user that runs the site: put it back, or sudo chown it"
CURES = {
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_IOERR: "the kernel's log says why; if the disk is broken, pressroom restore FILE on another one",
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_READONLY: _FILES,
    sqlite3.SQLITE_READONLY_DBMOVED: "put it back, or stop the site and restore the last backup",
    sqlite3.SQLITE_CANTOPEN: _FILES,
    sqlite3.SQLITE_PERM: _FILES,
    sqlite3.SQLITE_ERROR: "bring it up to date with pressroom init",  # no such table or column
}
_ENDED = "it was restarted or told to end its connections; if this goes on, its log says why"
_LOCKED = "another program locks what the site writes"
# Source: PostgreSQL, Appendix A, Error Codes.
CURES_OF_POSTGRESQL = {
    "3D000": "create it with createdb, or see PRESSROOM_DATABASE_URL",
    "53100": "free some space",
    "53300": "raise max_connections: each of our processes takes up to 20",
    "40P01": _LOCKED,
    "55P03": _LOCKED,
    "57014": "it took longer than the site allows",
    "57P01": _ENDED,
    "57P02": _ENDED,
    "57P03": _ENDED,
    "42P01": "bring it up to date with pressroom init",
    "42703": "bring it up to date with pressroom init",
}
# libpq gives no code with a connection that was refused; the words are in the language of PostgreSQL's log.
_REFUSALS = {'database ".*" does not exist': "3D000", "too many (clients|connections)|connection slots": "53300"}


def line(error: Exception) -> str:
    """Why, and the cure. `error` is SQLAlchemy's or sqlite3's."""
    reason = (str(getattr(error, "orig", None) or error).splitlines() or ["it is busy"])[0]
    code = _code(error)
    cure = CURES_OF_POSTGRESQL.get(_state(error)) or CURES.get(code) or CURES.get(code & 0xFF)
    return f"{reason}; {cure or 'see PRESSROOM_DATABASE_URL'}"


def _state(error: Exception) -> str:
    """PostgreSQL's; empty where it couldn't say any."""
    error = getattr(error, "orig", None) or error
    of_words = (state for words, state in _REFUSALS.items() if re.search(words, str(error)))
    return getattr(error, "sqlstate", None) or next(of_words, "")


def lacks_table(error: Exception) -> bool:
    """Or a column. SQLite doesn't tell that from other faults."""
    return _state(error) in ("42P01", "42703")


def is_damaged(error: Exception) -> bool:
    return _code(error) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: Exception) -> int:
    """SQLite's, whose lowest byte is the kind; 0 for another database's."""
    code: int = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0)
    return code


@dataclass
class Faults:
    """Of one process: when each, by its code, was last logged, and when the database was last found damaged."""

    logged_at: dict[int | str, float] = field(default_factory=dict)
    damaged_at: float | None = None

    def log(self, app: Flask, what: str, error: Exception) -> None:
        """`what` failed for it. A line for each kind, once in AGAIN_SECONDS."""
        kind, now = _code(error) or _state(error), time.monotonic()
        if is_damaged(error):
            self.damaged_at = now
        if kind not in self.logged_at or now - self.logged_at[kind] >= AGAIN_SECONDS:
            self.logged_at[kind] = now
            app.logger.error("%s: %s", what, line(error))

    @property
    def was_damaged(self) -> bool:
        """In the last AGAIN_SECONDS."""
        return self.damaged_at is not None and time.monotonic() - self.damaged_at < AGAIN_SECONDS


FAULTS = AppKey[Faults]("faults")
