"""The database's engine, snapshots to read from, transactions to write in.

SQLite never yields to gevent, so nothing here waits inside SQLite: whoever finds it locked sleeps in Python. In
PostgreSQL one writes at a time too, under a lock of its own (_LOCK): what is read in a write transaction stays true to
its end.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from ..system import clock

if TYPE_CHECKING:
    from ..models import Post

BUSY_TIMEOUT_MS = 5
WRITE_PATIENCE_SECONDS = 2.0
LOG_PATIENCE_SECONDS = 5.0
# PostgreSQL: how long one may wait for a row, compute, do nothing within a transaction, and wait for an answer.
STATEMENT_SECONDS, IDLE_WRITER_SECONDS, IDLE_READER_SECONDS = 10, 3, 60
ANSWER_SECONDS = STATEMENT_SECONDS + 3.0
_LIMITS = f"""SELECT set_config('lock_timeout', '{WRITE_PATIENCE_SECONDS:g}s', true),
    set_config('statement_timeout', '{STATEMENT_SECONDS}s', true),
    set_config('idle_in_transaction_session_timeout', '{{idle_seconds}}s', true)"""
_TIME = ", (extract(epoch FROM clock_timestamp()) * 1000)::bigint"  # PostgreSQL computes them from left to right
_READ = _LIMITS.format(idle_seconds=IDLE_READER_SECONDS) + _TIME
_LOCK = _LIMITS.format(idle_seconds=IDLE_WRITER_SECONDS) + ", pg_advisory_xact_lock(7307182753)" + _TIME
LOCK_NOT_AVAILABLE = "55P03"


class DatabaseBusy(Exception):
    """Another writer held the lock for longer than WRITE_PATIENCE_SECONDS. Answered as 503 with Retry-After."""


def lacks_lock(error: DBAPIError) -> bool:
    """Whether PostgreSQL ended a statement that had waited for a lock for too long."""
    return getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE


def make_engine(url: str, must_exist: bool = False, answer_seconds: float = ANSWER_SECONDS) -> Engine:
    """An engine whose connections begin nothing by themselves: `snapshot` and `transaction` say BEGIN.

    must_exist: make no database where there is none.
    answer_seconds: how long to wait for PostgreSQL's answer, 2 at least.
    """
    if not url.startswith("sqlite"):
        from . import postgresql

        return postgresql.make_engine(url, answer_seconds)
    # Whatever is logged of an exception has no values in it. A connection costs SQLite three descriptors, and whoever
    # reads has a snapshot of their own: no upper bound.
    engine = create_engine(url, hide_parameters=True, max_overflow=-1, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    if engine.url.database not in (None, "", ":memory:"):
        file = _File(engine.url.database, must_exist)
        event.listen(engine, "do_connect", file.check)
        event.listen(engine, "connect", file.note)
        event.listen(engine, "checkout", file.check)
        event.listen(engine, "engine_disposed", file.forget)
    return engine


@dataclass
class _File:
    """An engine's database must stay the file that it was.

    SQLite goes on writing to one that was moved or deleted, where nothing is ever found again, and opens another one in
    its place with the log of the first. Put back, it is used again.
    """

    path: str
    must_exist: bool
    identity: tuple[int, int] | None = None

    def note(self, *_of_event: object) -> None:
        self.identity = self.identity or self._found()

    def forget(self, *_of_event: object) -> None:
        self.identity = None  # nobody has it open any more

    def check(self, *_of_event: object) -> None:
        found = self._found()
        if self.identity not in (None, found):
            _refuse("the database was moved, deleted or replaced", sqlite3.SQLITE_READONLY_DBMOVED)
        if found is None and self.must_exist:  # SQLite would make an empty one, which everybody may read
            _refuse(f"{self.path} doesn't exist", sqlite3.SQLITE_CANTOPEN)

    def _found(self) -> tuple[int, int] | None:
        try:
            stat = os.stat(self.path)  # noqa: PTH116 (it takes a third of the time, in each request)
        except FileNotFoundError:
            return None
        return stat.st_dev, stat.st_ino


def _refuse(reason: str, code: int) -> NoReturn:
    error = sqlite3.OperationalError(reason)
    error.sqlite_errorcode = code
    raise error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    # What was acknowledged survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is withdrawn for legal reasons must not be left in the file.
    connection.execute("PRAGMA secure_delete = ON")


class WriteSession(Session):
    """A session of one write transaction.

    woken: the posts with new events, whose streams hear of it after the commit (changes.py).
    touched: the pages that change, each path or pattern with its new version; replaced after the commit.
    locked: the posts, by id, whose rows are locked until then.
    erased: whether something must leave no copy (content/erasure.py).
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, expire_on_commit=False)
        self.woken: set[int] = set()
        self.touched: dict[str, int] = {}
        self.locked: dict[int, Post] = {}
        self.erased = False


@contextmanager
def snapshot(engine: Engine) -> Iterator[Session]:
    """A session that reads one state of the database from its first query to its end."""
    session = Session(engine, autoflush=False)
    try:
        _begin(session, "BEGIN", ("REPEATABLE READ", _READ))
        yield session
    finally:
        with suppress(DBAPIError):  # its connection has ended, after all that was read
            session.close()


@contextmanager
def transaction(engine: Engine) -> Iterator[WriteSession]:
    """A session that writes: commits at the end of the block, rolls back when the block raises.

    Nothing in the block may switch greenlets: the lock would be held meanwhile.
    Raises DatabaseBusy when the lock isn't to be had.
    """
    with begin_writing(engine) as session:
        yield session
        session.commit()


@contextmanager
def transaction_beside(engine: Engine) -> Iterator[Session]:
    """PostgreSQL: as `transaction`, while others write under the lock. For rows that nothing else depends on yet, or
    any more. Raises DatabaseBusy when somebody else has one of them for too long.
    """
    try:
        with Session(engine, autoflush=False) as session:
            _begin(session, "BEGIN IMMEDIATE", ("READ COMMITTED", _READ))
            yield session
            session.commit()
    except OperationalError as error:
        if lacks_lock(error):
            raise DatabaseBusy from error
        raise


# Of a process's writers one at a time asks for the lock. Each try waits BUSY_TIMEOUT_MS in C, and nobody else goes on
# meanwhile: with 100 who tried, /hello took six seconds (measured).
_asking = threading.Lock()


def begin_writing(engine: Engine) -> WriteSession:
    give_up_at = time.monotonic() + WRITE_PATIENCE_SECONDS
    if not _asking.acquire(timeout=WRITE_PATIENCE_SECONDS):
        raise DatabaseBusy
    try:
        return _locked(engine, give_up_at)
    finally:
        _asking.release()


def _locked(engine: Engine, give_up_at: float) -> WriteSession:
    while True:
        session = WriteSession(engine)
        try:
            _begin(session, "BEGIN IMMEDIATE", ("READ COMMITTED", _LOCK))
            return session
        except OperationalError as error:
            session.close()
            if lacks_lock(error):
                raise DatabaseBusy from error
            if "locked" not in str(error.orig):
                raise
            if time.monotonic() > give_up_at:
                raise DatabaseBusy from error
        time.sleep(random.uniform(0.002, 0.02))  # noqa: S311


def empty_log(engine: Engine) -> bool:
    """Keep nothing of what was deleted: write SQLite's log into the database and cut it off, and vacuum PostgreSQL's
    tables. False when somebody went on reading from before that."""
    if engine.dialect.name != "sqlite":
        from . import postgresql

        return postgresql.vacuum(engine, LOG_PATIENCE_SECONDS)
    give_up_at = time.monotonic() + LOG_PATIENCE_SECONDS
    with engine.connect() as connection:
        while connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar():
            if time.monotonic() > give_up_at:
                return False
            time.sleep(0.02)
    return True


def _begin(session: Session, on_sqlite: str, on_postgresql: tuple[str, str]) -> None:
    """on_postgresql: the isolation level, and the first statement. Raises DatabaseBusy when no connection is free."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql(on_sqlite)
        return
    try:
        _first(session, *on_postgresql)
    except NoConnection as error:
        raise DatabaseBusy from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        session.rollback()  # PostgreSQL had ended it, and with it all that were kept: nothing has been done yet
        _first(session, *on_postgresql)


def _first(session: Session, level: str, statement: str) -> None:
    """In one way there and back. The statement's last column is the time, in ms since 1970."""
    both = f"BEGIN ISOLATION LEVEL {level}; {statement}"
    first = session.connection().exec_driver_sql(both, execution_options={"no_parameters": True}).one()
    clock.follow(first[-1])
