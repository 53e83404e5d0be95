"""Backups for tests: made, taken apart, and put together again with something wrong in them."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from webapp.content import search_index
from webapp.db import schema
from webapp.ops import backup
from webapp.ops.snapshots import SECRET_TABLES

Parts = list[tuple[tarfile.TarInfo, bytes]]


def nothing(_fraction: float) -> None:
    """No progress bar."""


def made(app: Flask, file: Path) -> Path:
    backup.make(file, app.config, nothing)
    return file


def content(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows by table, but for secrets and versions of pages, which no backup brings back, and what is derived."""
    with closing(sqlite3.connect(database)) as opened:
        names = [row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        kept = [
            name for name in names if name not in {*SECRET_TABLES, "page"} and not name.startswith(search_index.TABLES)
        ]
        return {name: sorted(opened.execute(f'SELECT * FROM "{name}"'), key=repr) for name in kept}  # noqa: S608


def parts(file: Path) -> Parts:
    with tarfile.open(file) as tar:
        return [(info, found.read() if (found := tar.extractfile(info)) else b"") for info in tar]


def manifest(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(parts(file)[0][1])
    return found


def repacked(file: Path, target: Path, change: Callable[[dict[str, Any], Parts], None]) -> Path:
    """The archive after `change` of its manifest, and of what else is in it."""
    said, rest = manifest(file), parts(file)[1:]
    change(said, rest)
    first = json.dumps(said).encode()
    with gzip.open(target, "wb", 1) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for info, written in [(tarfile.TarInfo("manifest.json"), first), *rest]:
            if info.isreg():
                info.size = len(written)
            tar.addfile(info, io.BytesIO(written))
    return target


def add_migration(copy: Path, monkeypatch: pytest.MonkeyPatch, *statements: str) -> Path:
    """Let there be a newer schema, 9999, that these lines make, in a copy of the migrations; its file."""
    shutil.copytree(schema.MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = write_migration(copy, *statements)
    monkeypatch.setattr(schema, "MIGRATIONS", copy)
    return file


def write_migration(folder: Path, *statements: str) -> Path:
    head = max(path.name[:4] for path in folder.glob("versions/0*.py"))
    file = folder / "versions" / "9999_next.py"
    lines = ["import os", "from alembic import op", 'revision = "9999"', f'down_revision = "{head}"', "def upgrade():"]
    file.write_text("\n".join([*lines, *(f"    {statement}" for statement in statements), ""]))
    return file
