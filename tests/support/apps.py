"""An app for a test: its settings, the data that it begins with, and its end."""

from __future__ import annotations

import re
import sqlite3
from collections import deque
from html import unescape
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support import postgresql
from webapp import create_app, db
from webapp.ops.setup import initialise
from webapp.pages.store import Store
from webapp.people import users
from webapp.system import epoch
from webapp.system.instance import BENCH

LAST_ANSWERS: deque[tuple[str, str]] = deque(maxlen=3)  # what was asked and answered, and the page's HTML
TEXT_LENGTH = 2_000
ROLES = {"ada": "author", "bob": "author", "eve": "reader", "edith": "editor", "root": "admin"}
_NO_TEXT = re.compile(r"<(head|nav|script)\b.*?</\1>|<[^>]*>", re.DOTALL)


class Client(FlaskClient):
    """Notes what it was answered, for whoever must explain why a test failed."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        line = f"{answer.request.method} {answer.request.path}: {answer.status}"
        is_page = answer.mimetype == "text/html" and not answer.direct_passthrough and not answer.content_encoding
        LAST_ANSWERS.append((line, answer.text if is_page else ""))
        return answer


def text_of(page: str) -> str:
    """What a person reads first on a page of HTML."""
    lines = unescape(_NO_TEXT.sub("", page)).splitlines()
    return "\n".join(filter(None, map(str.strip, lines)))[:TEXT_LENGTH]


def populate(settings: dict[str, Any], password_hash: str) -> None:
    """Make an instance's database, with everybody in it."""
    initialise(settings)
    app = create_app(settings)
    with app.app_context(), db.writing() as session:
        for name, role in ROLES.items():
            users.create(session, name, f"{name}@example.org", password_hash, role)
    app.extensions["engine"].dispose()


def settings_for(folder: Path, **config: Any) -> dict[str, Any]:
    return {"INSTANCE": folder, "DATABASE_URL": url_of(folder), "TESTING": True} | config


def environ_of(app: Flask) -> dict[str, str]:
    """For a process that is to have the same site."""
    config = app.config
    return {"PRESSROOM_INSTANCE": str(config["INSTANCE"]), "PRESSROOM_DATABASE_URL": config["DATABASE_URL"]}


def url_of(folder: Path) -> str:
    """An empty database, where the instance has none yet."""
    if postgresql.IS_USED:
        return postgresql.server().url(postgresql.database_of(folder))
    return f"sqlite:///{folder / 'pressroom.db'}"


def refill(folder: Path, template_instance: Path) -> None:
    """Give the instance the database that every test begins with, and no pages; in the first epoch. It is no bench."""
    copy_database(template_instance, folder)
    Store(folder).clear()
    for name in (BENCH, epoch.FILE):
        (folder / name).unlink(missing_ok=True)
    for pictures in ("originals/*/*", "media/pictures/*", "tmp/uploads/*"):
        for file in folder.glob(pictures):
            file.unlink()
    for file in template_instance.glob("originals/*/*"):
        copy = folder / file.relative_to(template_instance)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())


def copy_database(source: Path, target: Path) -> None:
    """From one instance to another, or to any folder that stands for one."""
    if postgresql.IS_USED:
        postgresql.server().create(*map(postgresql.database_of, (target, source)))
        return
    old = sqlite3.connect(source / "pressroom.db")
    (target / "pressroom.db").touch(0o600)
    new = sqlite3.connect(target / "pressroom.db")
    old.backup(new)
    old.close()
    new.close()


def close(app: Flask) -> None:
    """Fails a test that kept a database session."""
    kept = app.extensions["engine"].pool.checkedout()
    app.extensions["engine"].dispose()
    app.extensions["channel"].close()
    assert kept == 0, f"{kept} database sessions are left"
