"""PostgreSQL's engine: whoever asks waits for an answer so long and no longer, and what has ended isn't used again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import psycopg
import sqlalchemy
from psycopg import OperationalError
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, ExceptionContext, create_engine, event, make_url, text

# A process's connections, and how long one waits for a free one.
CONNECTIONS, MORE_CONNECTIONS, FREE_SECONDS = 5, 15, 2.0
CONNECT_SECONDS = 3
# After a server let somebody wait in vain for a connection, nobody else waits for one for so long.
SILENT_SECONDS = 3.0
# What a silent network may cost: a connection is given up when nothing that was sent is acknowledged.
_PARAMETERS = {
    "application_name": "pressroom",
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "target_session_attrs": "read-write",
    "prepare_threshold": None,  # pgbouncer gives each transaction another connection
}
VACUUM_SECONDS = 30.0
BETWEEN_LOOKS_SECONDS = 0.1
_TABLES = text("SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = current_schema()")
# Whether somebody reads from before a transaction.
_IS_READ = text(
    "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND age(backend_xmin) >= age(CAST(:transaction AS xid)))"
)
# Of a connection: nothing was done within its last transaction for too long, and PostgreSQL stops, or was told to.
ENDED = ("25P03", "57P01", "57P02", "57P03")


class Cursor(psycopg.Cursor[Any]):
    def execute(self, *args: Any, **options: Any) -> Self:
        """Of several statements it has the last one's rows."""
        super().execute(*args, **options)
        while self.nextset():
            pass
        return self


class Connection(psycopg.Connection[Any]):
    """answer_seconds: PostgreSQL limits a statement's time, but one that is stopped, or whose disk hangs, doesn't."""

    answer_seconds: float

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.answer_seconds)
        except OperationalError:
            if self.info.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()  # its answer may come later, to another question
            raise OperationalError(f"no answer in {self.answer_seconds:g} s") from None


@dataclass
class _Server:
    answer_seconds: float
    silent_until: float = 0.0

    def connect(self, _dialect: object, _record: object, args: list[Any], parameters: dict[str, Any]) -> Connection:
        if time.monotonic() < self.silent_until:
            raise OperationalError("there was no answer a moment ago")
        try:
            connection = Connection.connect(*args, **parameters, cursor_factory=Cursor)
        except psycopg.errors.ConnectionTimeout:
            self.silent_until = time.monotonic() + SILENT_SECONDS
            raise
        connection.answer_seconds = self.answer_seconds
        return connection


def make_engine(url: str, answer_seconds: float) -> Engine:
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",  # whoever wants a transaction says BEGIN (engine.py)
        hide_parameters=True,  # in what is logged of an exception
        pool_size=CONNECTIONS,
        max_overflow=MORE_CONNECTIONS,
        pool_timeout=FREE_SECONDS,
        connect_args=_PARAMETERS | {"connect_timeout": min(CONNECT_SECONDS, int(answer_seconds))},
    )
    event.listen(engine, "do_connect", _Server(answer_seconds).connect)
    event.listen(engine, "handle_error", _note_end)
    return engine


def _note_end(context: ExceptionContext) -> None:
    """psycopg has read why a connection was ended, and not yet that it was."""
    if getattr(context.original_exception, "sqlstate", None) in ENDED:
        context.is_disconnect = True


def vacuum(engine: Engine, patience_seconds: float) -> bool:
    """Remove the rows that were deleted or replaced. False when somebody went on reading from before that."""
    with engine.connect() as connection:
        transaction = connection.scalar(text("SELECT CAST(CAST(pg_current_xact_id() AS xid) AS text)"))
        give_up_at = time.monotonic() + patience_seconds
        while is_read := bool(connection.scalar(_IS_READ, {"transaction": transaction})):
            if time.monotonic() > give_up_at:
                break
            time.sleep(BETWEEN_LOOKS_SECONDS)
        tables = connection.scalar(_TABLES)
        with _patient(connection):  # without INDEX_CLEANUP it leaves a few rows in place
            connection.exec_driver_sql(f"VACUUM (INDEX_CLEANUP ON) {tables}")
    return not is_read


@contextmanager
def _patient(connection: sqlalchemy.Connection) -> Iterator[None]:
    own: Any = connection.connection.dbapi_connection
    before, own.answer_seconds = own.answer_seconds, VACUUM_SECONDS
    try:
        yield
    finally:
        own.answer_seconds = before
