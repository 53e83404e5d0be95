"""What a broken disk leaves of a database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def _root(database: Path, name: str) -> tuple[int, int]:
    """The size of its pages, and the number of the first one of a table or index. Empties the log."""
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size: int = opened.execute("PRAGMA page_size").fetchone()[0]
        number: int = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    return size, number


def damage(database: Path, name: str) -> None:
    """Write junk over one page of a table or index: its last leaf. Nobody may have the database open meanwhile."""
    size, number = _root(database, name)
    content = bytearray(database.read_bytes())
    while content[start := (number - 1) * size] in (2, 5):  # an inner page, whose last child is named here
        number = int.from_bytes(content[start + 8 : start + 12])
    content[start : start + size] = b"\xa5junk"[: size % 5] + b"\xa5junk" * (size // 5)
    database.write_bytes(content)


def lose_an_index_entry(database: Path, name: str) -> None:
    """Take the last entry of an index of one page, which leaves a page that is well-formed."""
    size, number = _root(database, name)
    content = bytearray(database.read_bytes())
    cells = (number - 1) * size + 3  # two bytes. Source: SQLite, Database File Format, B-tree Pages
    content[cells : cells + 2] = (int.from_bytes(content[cells : cells + 2]) - 1).to_bytes(2)
    database.write_bytes(content)
