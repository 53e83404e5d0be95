"""An app for a test: its settings, the data that it begins with, and its end."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from flask import Flask

from webapp.pages.store import Store
from webapp.system.instance import BENCH


def settings_for(folder: Path, **config: Any) -> dict[str, Any]:
    return {"INSTANCE": folder, "DATABASE_URL": f"sqlite:///{folder / 'pressroom.db'}", "TESTING": True} | config


def refill(folder: Path, template_instance: Path) -> None:
    """Give the instance the database that every test begins with, and no pages. It is no bench."""
    source = sqlite3.connect(template_instance / "pressroom.db")
    target = sqlite3.connect(folder / "pressroom.db")
    source.backup(target)
    source.close()
    target.close()
    Store(folder).clear()
    (folder / BENCH).unlink(missing_ok=True)


def close(app: Flask) -> None:
    """Fails a test that kept a database session."""
    kept = app.extensions["engine"].pool.checkedout()
    app.extensions["engine"].dispose()
    app.extensions["channel"].close()
    assert kept == 0, f"{kept} database sessions are left"
