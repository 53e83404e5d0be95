"""A site's first minutes: its database, its first account, and what to say of both."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from .. import create_app, db
from ..content import search
from ..db import schema
from ..db.engine import make_engine
from ..models import User
from ..pages import repair
from ..people import passwords, users
from ..system.instance import BACKUPS
from ..system.screen import printable
from . import restore, snapshots
from .checks import CannotStart

ADMIN = "admin"
PASSWORD_BYTES = 10
AHEAD_SECONDS = 300  # machines differ
_NEWEST = text(
    "SELECT max(at) FROM (SELECT max(published_at) AS at FROM post WHERE status = 'published'"
    " UNION ALL SELECT max(event.at) FROM post JOIN event ON event.post_id = post.id AND event.seq = post.seq) AS times"
)


def initialise(settings: dict[str, Any]) -> str | None:
    """Make or upgrade the database. The admin's new password when nobody was in it, else None."""
    restore.finish(settings)
    upgrade_schema(settings)
    app = create_app(settings)
    try:
        repair.at_start(app)
        with app.app_context():
            return _add_admin()
    finally:
        db.ENGINE.of(app).dispose()


def _add_admin() -> str | None:
    if has_users(db.reading()):
        return None
    password = secrets.token_hex(PASSWORD_BYTES)
    password_hash = passwords.make_hash(password)
    with db.writing() as session:
        if has_users(session):  # another process was quicker
            return None
        users.create(session, ADMIN, None, password_hash, "admin")
    return password


def of_database(settings: dict[str, Any]) -> list[str]:
    """What is said at the start of what it holds."""
    engine = make_engine(settings["DATABASE_URL"], must_exist=True)
    try:
        with engine.connect() as connection:
            ahead = dated_ahead(connection)
    finally:
        engine.dispose()
    return [ahead] if ahead else []


def dated_ahead(connection: Connection) -> str | None:
    """What a clock that was ahead has left, or one that is behind makes of it."""
    newest = (connection.scalar(_NEWEST) or 0) / 1000
    if newest - time.time() < AHEAD_SECONDS:
        return None
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(newest))
    return (
        f"the newest post or update is dated {when}, which is in the future: the clock was ahead then, or is behind now"
        " (timedatectl). A post with such a date is listed first until then"
    )


def refuse_lost(settings: dict[str, Any]) -> None:
    """A site that was in use must not begin anew, empty, because its database isn't there. Raises CannotStart."""
    file, folder = snapshots.path_of(settings["DATABASE_URL"]), settings["INSTANCE"]
    if file is None or (file.exists() and file.stat().st_size):
        return
    if any(next((folder / name).glob("[!.]*"), None) for name in ("pages", BACKUPS)):
        raise CannotStart(
            f"{file} is missing, and this instance was in use: put it back, or restore the last backup into a new"
            f" folder. For a new, empty site: {program()} init"
        )


def has_users(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None


def first_words(password: str, note: str = "") -> str:
    """What to tell whoever made the site. systemd's journal is kept, and read by others: no password in there."""
    screen = os.fstat(1)
    change = f"{program()} user password {ADMIN}"
    if os.environ.get("JOURNAL_STREAM") == f"{screen.st_dev}:{screen.st_ino}":
        return f"The account is {ADMIN}. Set its password: {change}"
    return f"Log in as {ADMIN} with the password {password}{note}\nTo set another password: {change}"


def upgrade_schema(settings: dict[str, Any]) -> None:
    """To the newest, and a copy first when there is something to upgrade."""
    if copy := snapshots.before_upgrade(settings):
        click.echo(f"The database was copied to {printable(copy)} before its schema is upgraded.", err=True)
    schema.upgrade(settings["DATABASE_URL"])
    search.prepare_at(settings["DATABASE_URL"])


def upgrade_older(settings: dict[str, Any]) -> None:
    """The same, for every worker: it takes no lock where there is nothing to do."""
    if schema.older(settings["DATABASE_URL"]):
        upgrade_schema(settings)


def program() -> str:
    """How to call us without an activated environment, such as `.venv/bin/pressroom`."""
    script = Path(sys.prefix) / ("Scripts" if sys.platform == "win32" else "bin") / "pressroom"
    here = Path.cwd()
    return str(script.relative_to(here)) if script.is_relative_to(here) else str(script)
