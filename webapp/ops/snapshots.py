"""Copies of the SQLite database: taken while others write, rid of secrets, checked, kept before an upgrade."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, Integer, LargeBinary, Table, make_url

from ..db import schema
from ..db.engine import DatabaseBusy
from ..models import SEARCH_TABLE, Base
from ..system.instance import BACKUPS, sync
from ..system.locks import try_lock

# Between two such steps other processes get their turn at the disk.
PAGES_PER_STEP = 500
PROGRESS_STEPS = 1_000  # of SQLite's virtual machine: some 250 rows
# Tables copied row by row are read from memory and written in order: a larger cache only falls out of the processor's.
MAPPED_BYTES, CACHED_PAGES = 2**31, 100
# What lets somebody in, or says who tried to. Password hashes stay: without them nobody could log in again.
SECRET_TABLES = ("session", "one_time_link", "attempt")
COUNTED = {"posts": "post", "updates": "update", "comments": "comment", "users": "user"}
LOCKED_SECONDS = 5.0  # so long it waits for a writer
CHECK_SECONDS = 60.0
KEPT = 3  # copies taken before an upgrade
VALUE_BYTES = 20_000_000  # of a row; the longest has a post's HTML, 4 MB
LAST_MS = 253_402_300_799_999  # of the year 9999

# What makes SQLite compute, as long and as much as it likes, when a file is merely checked or written to.
_COMPUTES = re.compile(r"\b(check|generated|as|virtual|default\s*\()", re.IGNORECASE)
_NAME = r'(?:\w+|"\w+")'
_PLAIN_INDEX = re.compile(
    rf"CREATE (UNIQUE )?INDEX {_NAME} ON {_NAME} \({_NAME}( DESC)?(, {_NAME}( DESC)?)*\)", re.IGNORECASE
)
_CREATE = re.compile(r"CREATE (UNIQUE |VIRTUAL )?(TABLE|INDEX) ", re.IGNORECASE)
_SEARCH = f"CREATE VIRTUAL TABLE {SEARCH_TABLE} USING fts5 (title, body, plain UNINDEXED)"

Report = Callable[[float], None]


class Damaged(Exception):
    """A file that isn't a whole database of a Pressroom."""


@dataclass(frozen=True)
class Facts:
    """What a database is: the schema's revision, and how many rows by the names in COUNTED."""

    schema: str
    counts: dict[str, int]


def path_of(url: str) -> Path | None:
    """The database's file, absolute; None for another kind of database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database).absolute()


def take(source: Path, target: Path) -> None:
    """Copy the database as it is at this moment to `target` (0600), while others read and write.

    Only the transaction makes it one moment: without it SQLite begins again after each commit of somebody else,
    on a busy site for ever. In WAL mode nobody waits for a reader.
    """
    target.touch(0o600)
    with _opened(source) as live, _opened(target) as copy:
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        live.backup(copy, pages=PAGES_PER_STEP)
        live.rollback()
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself


def take_without_secrets(source: Path, folder: Path, report: Report = lambda fraction: None) -> Path:
    """A copy in `folder`, of one moment, without SECRET_TABLES' rows, the search index and its triggers, nor anything
    that was deleted before: tables are copied row by row, as VACUUM does, and free pages not at all.

    The start after a restore makes the index, and a worker fills it anew.
    """
    clean, size = folder / "pressroom.db", max(source.stat().st_size, 1)
    clean.touch(0o600)
    with _opened(source) as live:
        live.execute("ATTACH ? AS copy", (str(clean),))
        live.execute("PRAGMA copy.journal_mode = OFF")  # a copy that doesn't come to its end is thrown away
        live.execute("PRAGMA copy.synchronous = OFF")
        live.execute(f"PRAGMA copy.cache_size = {CACHED_PAGES}")
        live.set_progress_handler(lambda: report(min(clean.stat().st_size / size, 1)), PROGRESS_STEPS)
        live.execute("BEGIN")
        _copy_tables(live)
        live.execute("COMMIT")
    return clean


def _copy_tables(live: sqlite3.Connection) -> None:
    """Into empty tables with the same columns and indexes, where SQLite takes rows and indexes as they are: right or
    not, which `facts` says."""
    made = live.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
        " AND tbl_name NOT GLOB ? AND name NOT GLOB 'sqlite_*' ORDER BY rowid",
        (f"{SEARCH_TABLE}_*",),
    ).fetchall()
    for _, _, sql in made:
        live.execute(_CREATE.sub(r"\g<0>copy.", sql, count=1))
    left_out = {SEARCH_TABLE, *SECRET_TABLES}
    for table in (name for kind, name, _ in made if kind == "table" and name not in left_out):
        live.execute(f'INSERT INTO copy."{table}" SELECT * FROM main."{table}"')  # noqa: S608
    live.execute("DELETE FROM copy.sqlite_sequence")
    live.execute("INSERT INTO copy.sqlite_sequence SELECT * FROM main.sqlite_sequence")


def facts(path: Path) -> Facts:
    """Checks the schema, and then every page of the file. Raises Damaged."""
    try:
        with _opened(path) as opened:
            opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
            _check_that_nothing_computes(opened)
            result = [row[0] for row in opened.execute("PRAGMA integrity_check(1)")]
            if result != ["ok"]:
                raise Damaged(f"the database is damaged: {result[0].splitlines()[-1]}")
            if opened.execute("PRAGMA foreign_key_check").fetchone():
                raise Damaged("the database is damaged: rows refer to what isn't there")
            return Facts(_schema(opened), {name: _count(opened, table) for name, table in COUNTED.items()})
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise Damaged(f"the database can't be read: {error}") from None


def as_one_file(database: Path) -> None:
    """Without a WAL beside it. Fails while anybody else has the database open."""
    if database.exists():
        with closing(sqlite3.connect(database, isolation_level=None)) as opened:
            opened.execute("PRAGMA journal_mode = DELETE")


def quick_check(path: Path) -> str | None:
    """What is wrong with the file, by a look at every page of it; None for nothing.

    Raises sqlite3.DatabaseError: also when the look takes longer than CHECK_SECONDS, as SQLITE_INTERRUPT.
    """
    with _opened(path) as opened:
        end = threading.Timer(CHECK_SECONDS, opened.interrupt)
        end.start()
        try:
            result = str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            end.cancel()
    return None if result == "ok" else result.splitlines()[-1]


def _check_that_nothing_computes(opened: sqlite3.Connection) -> None:
    for kind, name, sql in opened.execute("SELECT type, name, sql FROM sqlite_master"):
        written = sql if isinstance(sql, str) else ""
        is_table = kind == "table" and written and (sql == _SEARCH or not _COMPUTES.search(written))
        is_index = kind == "index" and (sql is None or _PLAIN_INDEX.fullmatch(written))  # None: SQLite's own, of a key
        if not is_table and not is_index:
            raise Damaged(f"the database has a {kind} that no Pressroom makes: {name}")


def check_rows(path: Path) -> None:
    """That a database of our own schema has our tables, and in them what we can read. Raises Damaged.

    SQLite keeps whatever it is given: text that isn't UTF-8 or a number, a time in the year 300,000.
    """
    try:
        with _opened(path) as opened:
            opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
            opened.execute(f"SELECT title, body, plain FROM {SEARCH_TABLE} LIMIT 0")  # noqa: S608
            for table in Base.metadata.sorted_tables:
                if opened.execute(_unreadable(table)).fetchone():
                    raise Damaged(f"the database has a row that no Pressroom writes: in {table.name}")
                for _ in opened.execute(f'SELECT * FROM "{table.name}"'):  # noqa: S608
                    pass  # each text is decoded
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise Damaged(f"the database can't be read: {error}") from None


def _unreadable(table: Table) -> str:
    """Qualified names, as SQLite takes the quoted name of a column that isn't there for a text."""
    conditions = []
    for column in table.columns:
        name = f'"{table.name}"."{column.name}"'
        if isinstance(column.type, (Integer, Boolean)):
            last = LAST_MS // 1000 if column.name == "version" else LAST_MS  # a page's is in seconds
            conditions.append(f"typeof({name}) NOT IN ('integer', 'null') OR {name} NOT BETWEEN -{LAST_MS} AND {last}")
        else:
            kind = "blob" if isinstance(column.type, LargeBinary) else "text"
            conditions.append(f"typeof({name}) NOT IN ('{kind}', 'null')")
        if isinstance(column.type, JSON):
            conditions.append(f"{name} IS NOT NULL AND NOT json_valid({name})")
    return f'SELECT 1 FROM "{table.name}" WHERE {" OR ".join(conditions)} LIMIT 1'  # noqa: S608


def _schema(opened: sqlite3.Connection) -> str:
    rows = opened.execute("SELECT version_num FROM alembic_version").fetchmany(2)
    if len(rows) != 1:
        raise Damaged("the database has no schema, or several")
    return str(rows[0][0])


def _count(opened: sqlite3.Connection, table: str) -> int:
    where = "WHERE status NOT IN ('front', 'deleted')" if table == "post" else ""
    return int(opened.execute(f'SELECT count(*) FROM "{table}" {where}').fetchone()[0])  # noqa: S608


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=LOCKED_SECONDS)) as connection:
        connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
        yield connection


def before_upgrade(settings: dict[str, Any]) -> Path | None:
    """Copy a database of an older schema into BACKUPS, before it is upgraded. None when there is nothing to upgrade.

    One copy per schema, so that a start that fails again and again pushes no other out.
    Raises db.SchemaRefused when it can't be copied: then it isn't to be upgraded either.
    """
    source = path_of(settings["DATABASE_URL"])
    older = schema.older(settings["DATABASE_URL"])
    if source is None or older is None:
        return None
    try:
        return _kept(source, settings["INSTANCE"], older)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise schema.SchemaRefused(
            f"the database can't be copied to {settings['INSTANCE'] / BACKUPS} before its schema is upgraded"
            f" ({reason}): free some space, or see .venv/bin/pressroom check"
        ) from None


def _kept(source: Path, folder: Path, older: str) -> Path:
    backups, draft = folder / BACKUPS, folder / BACKUPS / ".draft"
    backups.mkdir(mode=0o700, exist_ok=True)
    held = try_lock(backups / ".lock")
    if held is None:
        raise DatabaseBusy("Another process copies the database. Try again.")
    try:
        draft.unlink(missing_ok=True)
        take(source, draft)
        sync(draft)
        copy = draft.replace(backups / f"pressroom-schema-{older}.db")
        sync(backups)
        others = set(backups.glob("pressroom-schema-*.db")) - {copy}  # whatever the clock says, it is the newest
        for old in sorted(others, key=lambda path: path.stat().st_mtime)[: 1 - KEPT]:
            old.unlink()
    finally:
        os.close(held)
    return copy
