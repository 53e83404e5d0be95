"""Copies the rows of a Pressroom's database into another one, of whichever kind: for a move, and for a backup."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import JSON, Row, Select, Table, Text, cast, column, func, insert, select, table, text
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from ..db import schema
from ..models import Base, OriginalPiece
from .snapshots import Report

AT_ONCE = 200  # rows

Step = Callable[[int], None]


@dataclass
class Contents:
    """Of a table: how many rows, and the sum of their digests, so that their order doesn't matter."""

    rows: int = 0
    digests: int = 0

    def add(self, row: Row[Any]) -> None:
        self.rows += 1
        self.digests += int.from_bytes(sha256(repr(tuple(row)).encode()).digest())


def progress(report: Report, total: int) -> Step:
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        report(done / max(total, 1))

    return step


def tables(left_out: Collection[str] = ()) -> list[Table]:
    """In an order in which no row refers to a later one. Without originals: see media/storage.py."""
    return [each for each in Base.metadata.sorted_tables if each.name not in {OriginalPiece.__tablename__, *left_out}]


def count(session: Session, of: Table) -> int:
    return session.scalar(select(func.count()).select_from(of)) or 0


def is_current(session: Session) -> bool:
    return schema.current(session.connection()) == schema.newest()


def copy(source: Session, of: Table, write: Callable[[list[dict[str, Any]]], None], step: Step) -> Contents:
    """Hand a table's rows to `write`, some at a time; `step` hears of how many. What they are."""
    read = Contents()
    for some in _rows(source, of):
        write([dict(row._mapping) for row in some])
        for row in some:
            read.add(row)
        step(len(some))
    return read


def contents(session: Session, of: Table, step: Step) -> Contents:
    """As `copy` has read them, to be compared."""
    return copy(session, of, lambda rows: None, step)


def write(session: Session, into: Table, rows: list[dict[str, Any]]) -> None:
    columns = (column(each.name, NullType() if isinstance(each.type, JSON) else each.type) for each in into.columns)
    session.execute(insert(table(into.name, *columns)), rows)


def _rows(session: Session, of: Table) -> Iterator[list[Row[Any]]]:
    """JSON as its text, which each kind of database keeps to the letter. What rows of the same table refer to comes
    first; it refers to none itself (library.replace)."""
    columns = [cast(each, Text).label(each.name) if isinstance(each.type, JSON) else each for each in of.columns]
    own = [each.is_not(None) for each in of.columns if any(key.column.table is of for key in each.foreign_keys)]
    statement: Select[Any] = select(*columns).order_by(*own)
    for some in session.execute(statement, execution_options={"yield_per": AT_ONCE}).partitions():
        yield list(some)


def copy_number(source: Session, target: Session, of: Table) -> None:
    """The last one that a table's rows were given: none is used again. Where rows have one, after they are copied."""
    if of.autoincrement_column is None:
        return
    last = max(source.scalar(select(func.max(of.c.id))) or 0, _given(source, of))
    if not _is_sqlite(target):
        set_it = text("SELECT setval(pg_get_serial_sequence(quote_ident(:name), 'id'), :last) WHERE :last > 0")
        target.execute(set_it, {"name": of.name, "last": last})
    elif of.dialect_options["sqlite"]["autoincrement"]:
        target.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": of.name})
        target.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :last)"), {"name": of.name, "last": last})


def _given(source: Session, of: Table) -> int:
    in_sequence = "SELECT pg_sequence_last_value(pg_get_serial_sequence(quote_ident(:name), 'id'))"
    known = "SELECT max(seq) FROM sqlite_sequence WHERE name = :name" if _is_sqlite(source) else in_sequence
    return source.scalar(text(known), {"name": of.name}) or 0


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
