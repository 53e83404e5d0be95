"""Copies a site into an empty PostgreSQL database, and compares all of it. The site itself stays as it is.

Until the end the target's schema is MOVING, with which no site starts. By it the next move knows what one that broke
off has left, and begins anew.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, Engine, Table, delete, inspect, literal, select, text
from sqlalchemy.exc import ArgumentError, DataError, SQLAlchemyError
from sqlalchemy.orm import Session

from .. import config, values
from ..content import search, search_index
from ..db import faults, schema
from ..db.engine import DatabaseBusy, make_engine, snapshot, transaction
from ..media import storage
from ..models import FRONT, Base, Post
from . import checks, copying, snapshots
from .copying import Contents, Step
from .snapshots import Report

INSTEAD = "move a restored backup of it"
LEAVING_SECONDS = 2.0  # for the connections of a program that has just ended
_OTHERS = text(
    "SELECT coalesce(nullif(application_name, ''), 'a program'), pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND usesysid IS NOT NULL AND pid <> pg_backend_pid() LIMIT 1"
)


class CannotMove(Exception):
    """Why, in one line that names the cure."""


@dataclass(frozen=True)
class Moved:
    """How much was copied and compared. `url`: without its password."""

    rows: int
    tables: int
    originals: int
    url: str


def move(settings: dict[str, Any], url: str, report: Report) -> Moved:
    """Raises CannotMove: then no site can use the target, and this one is as it was."""
    folder: Path = settings["INSTANCE"]
    if snapshots.path_of(settings["DATABASE_URL"]) is None:
        raise CannotMove("this site is on PostgreSQL already: use pg_dump and pg_restore")
    target = _engine(url)
    source = make_engine(settings["DATABASE_URL"], must_exist=True)
    try:
        _reach(target)
        with _explained(folder), checks.alone(folder, INSTEAD), snapshot(source) as session:
            if not copying.is_current(session):
                raise CannotMove("the database has an older schema: bring it up to date with pressroom init")
            _claim(target, url)
            here, there = storage.Folder(folder / storage.FOLDER), storage.of(target, folder)
            names = list(here.list())
            rows = sum(copying.count(session, each) for each in copying.tables())
            step = copying.progress(report, 2 * (rows + len(names)))
            copied = _copy(session, target, step)
            _copy_originals(names, here, there, step)
            _compare(target, copied, step)
            _compare_originals(names, here, there, step)
            search.prepare_at(url)
            _release(target)
            return Moved(rows, len(copied), len(names), _shown(target))
    finally:
        source.dispose()
        target.dispose()


def _engine(url: str) -> Engine:
    try:
        config.check_driver(values.database_url(url))
        engine = make_engine(url)
    except config.BadSetting as error:
        raise CannotMove(str(error)) from None
    except (ValueError, ArgumentError):
        engine = None
    if engine is None or engine.dialect.name != "postgresql":
        raise CannotMove("expected a URL such as postgresql://ada:password@db.example.org/pressroom")
    return engine


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """What is wrong with either side, as CannotMove."""
    try:
        yield
    except (checks.CannotStart, schema.SchemaRefused) as error:
        raise CannotMove(str(error)) from None
    except (SQLAlchemyError, DatabaseBusy) as error:
        reason = faults.line(error).removesuffix("; see PRESSROOM_DATABASE_URL")
        raise CannotMove(f"{reason}. Move again, it begins anew") from None
    except OSError as error:
        raise CannotMove(checks.cannot_use(error, folder)) from None


def _shown(target: Engine) -> str:
    return target.url.set(drivername="postgresql").render_as_string(hide_password=True)


# The target


def _reach(target: Engine) -> None:
    try:
        target.connect().close()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0].rpartition("connection failed: ")[2]
        raise CannotMove(f"{_shown(target)}: {reason}. Correct the URL, or create that user and database") from None


def _claim(target: Engine, url: str) -> None:
    """From here on no site starts with it. Raises CannotMove unless it is empty, or left by a move."""
    with target.connect() as connection:
        _check_unused(connection)
        is_left = schema.current(connection) == schema.MOVING
        if not is_left:
            _check_empty(connection)
    if is_left:
        with transaction(target) as session:
            names = ", ".join(f'"{name}"' for name in (*Base.metadata.tables, *search_index.TABLES, "alembic_version"))
            session.execute(text(f"DROP TABLE IF EXISTS {names}"))
    schema.upgrade(url)
    with transaction(target) as session:
        _check_empty(session.connection())
        session.execute(delete(Post).where(Post.id == FRONT))
        _set_schema(session, schema.MOVING)


def _release(target: Engine) -> None:
    with transaction(target) as session:
        _set_schema(session, schema.newest())


def _set_schema(session: Session, revision: str) -> None:
    session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def _check_unused(connection: Connection) -> None:
    give_up_at = time.monotonic() + LEAVING_SECONDS
    while other := connection.execute(_OTHERS).first():
        if time.monotonic() > give_up_at:
            program, pid = other
            raise CannotMove(f"{program} is connected to that database (process {pid}): stop it, then move again")
        connection.rollback()  # a transaction sees the same ones to its end
        time.sleep(0.1)


def _check_empty(connection: Connection) -> None:
    there = set(inspect(connection).get_table_names())
    for each in Base.metadata.sorted_tables:
        rows = select(literal(1)).select_from(each)
        if each is Post.__table__:
            rows = rows.where(Post.id != FRONT)
        if each.name in there and connection.scalar(rows.limit(1)):
            raise CannotMove(
                f"that database isn't empty (it has rows in {each.name}): create another with createdb, and name that"
            )


# The copy


def _copy(source: Session, target: Engine, step: Step) -> dict[Table, Contents]:
    copied = {each: copying.copy(source, each, partial(_write, target, each), step) for each in copying.tables()}
    with transaction(target) as session:
        for each in copied:
            copying.copy_number(source, session, each)
    return copied


def _write(target: Engine, into: Table, rows: list[dict[str, Any]]) -> None:
    try:
        with transaction(target) as session:
            copying.write(session, into, rows)
    except DataError as error:  # such as a NUL, which a text of SQLite may have
        reason = str(error.orig).splitlines()[0]
        raise CannotMove(f"PostgreSQL refuses what a row of {into.name} says ({reason}): correct it first") from None


def _compare(target: Engine, copied: dict[Table, Contents], step: Step) -> None:
    with snapshot(target) as session:
        for each, contents in copied.items():
            if copying.contents(session, each, step) != contents:
                raise CannotMove(f"{each.name} isn't the same in the new database: move again, it begins anew")


def _copy_originals(names: list[str], here: storage.Folder, there: storage.Storage, step: Step) -> None:
    for name in names:
        there.put(name, here.path(name))
        step(1)


def _compare_originals(names: list[str], here: storage.Folder, there: storage.Storage, step: Step) -> None:
    for name in names:
        with here.open(name) as file, there.open(name) as copy:
            if _digest(file) != _digest(copy):
                raise CannotMove(f"the original {name} isn't the same in the new database: move again, it begins anew")
        step(1)


def _digest(file: BinaryIO) -> bytes:
    return file_digest(file, "sha256").digest()  # type: ignore[arg-type]
