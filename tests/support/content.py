"""Posts, updates and comments by the dozen, and what is there of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import Connection, inspect, text

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
    with app.extensions["engine"].connect() as connection:
        found = {
            name: _count(connection, f'"{name}"')
            for name in inspect(connection).get_table_names()
            if name not in ("page", "event", "sqlite_sequence") and (name == "search" or not name.startswith("search_"))
        }
        found["event"] = _count(connection, "event WHERE post_id <> 0")
        found["post"] = _count(connection, "post WHERE status <> 'deleted'")
    return found


def _count(connection: Connection, rows: str) -> int:
    return connection.scalar(text(f"SELECT count(*) FROM {rows}")) or 0  # noqa: S608


def all_rows(app: Flask) -> Iterator[str]:
    """Each row of the database as a line that begins with its table's name."""
    with app.extensions["engine"].connect() as connection:
        for name in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):  # noqa: S608
                yield f"{name}: {tuple(row)}"
