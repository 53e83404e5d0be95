"""Posts, updates and comments by the dozen, and what is there of them."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask

from webapp import changes
from webapp.content import comments, importing, imports, posts, updates
from webapp.db.engine import WriteSession
from webapp.people import users
from webapp.text.render import Rendered


def add_many(app: Flask, post_id: int, count: int, kind: str = "updates") -> list[int]:
    """So many updates or comments of Ada's, in one transaction; their numbers."""
    add = {"updates": updates.add, "comments": comments.add}[kind]
    unlimited = {"per_minute": None} if kind == "comments" else {}
    with app.app_context(), changes.changing() as session:
        ada = users.by_name(session, "ada")
        return [
            add(session, post_id, ada.id, f"Number {i}.", f"<p>Number {i}.</p>", **unlimited).n for i in range(count)
        ]


def publish_many(app: Flask, count: int, **fields: object) -> list[int]:
    """So many posts of Ada's, an hour apart, the oldest first; their ids."""
    ids = []
    with app.app_context(), changes.changing() as session:
        ada = users.by_name(session, "ada")
        for number in range(count):
            writing = posts.Writing(f"Post {number}", "Text", Rendered("<p>Text</p>"), **fields)  # type: ignore[arg-type]
            post = posts.create(session, [ada], writing, actor_id=ada.id)
            posts.publish(session, post.id, 1_700_000_000_000 + number * 3_600_000)
            ids.append(post.id)
    return ids


def items(page: str, kind: str) -> list[int]:
    """The numbers of the updates or comments on a page, from the top."""
    return [int(n) for n in re.findall(rf'<article class="{kind}[^"]*" id="{kind}-(\d+)"', page)]


def import_file(session: WriteSession, path: Path, author_id: int) -> None:
    """Publish what the file says."""
    options = importing.Options(ZoneInfo("UTC"), undated=True)
    run = imports.Run(author_id, lambda name: None)
    imports.store(session, run, importing.read(importing.File(path, path.name), options))


def counts(app: Flask) -> dict[str, int]:
    """How many rows each table has; without what only counts up: the front page's events, versions of pages, and what
    keeps the numbers of deleted posts."""
    with closing(sqlite3.connect(app.config["INSTANCE"] / "pressroom.db")) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
            for name in names
            if name not in ("page", "event", "sqlite_sequence") and (name == "search" or not name.startswith("search_"))
        }
        found["event"] = connection.execute("SELECT count(*) FROM event WHERE post_id <> 0").fetchone()[0]
        found["post"] = connection.execute("SELECT count(*) FROM post WHERE status <> 'deleted'").fetchone()[0]
    return found
