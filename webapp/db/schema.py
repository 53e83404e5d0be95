"""The database's schema, and how Alembic brings it to the newest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from .engine import begin_writing, make_engine

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaRefused(Exception):
    """The database can't be brought to our schema; a newer Pressroom made it, as a rule."""


def alembic_config(url: str, connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config(stdout=sys.stdout, attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def refuse_newer(connection: Connection) -> None:
    """Raises SchemaRefused for a database that a newer Pressroom has upgraded."""
    newer = current(connection)
    if newer and newer not in known():
        raise SchemaRefused(
            f"the database was created by a newer Pressroom (schema {newer}): install that version again,"
            " or set PRESSROOM_DATABASE_URL to another database"
        )


def known() -> frozenset[str]:
    """Every one that this code can upgrade from, or has."""
    return _in(MIGRATIONS)


@cache
def _in(folder: Path) -> frozenset[str]:
    """As the process began: other code may lie there meanwhile."""
    return frozenset(script.name[:4] for script in (folder / "versions").glob("[0-9]*.py"))


def newest() -> str:
    """The one that this code wants."""
    return max(known())


def current(connection: Connection) -> str | None:
    """The one that the database has; None while it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def upgrade(url: str) -> None:
    """Bring the database to the newest schema, all or nothing. Raises SchemaRefused for a newer one."""
    engine = make_engine(url)
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).touch(0o600)
    try:
        with begin_writing(engine) as session:
            if current(session.connection()) == newest():
                return
            refuse_newer(session.connection())
            _migrate(url, session.connection())
            session.commit()
    finally:
        engine.dispose()


def _migrate(url: str, connection: Connection) -> None:
    from alembic import command  # takes long to import, and most starts upgrade nothing
    from alembic.util import CommandError

    try:
        with without_triggers(connection):
            command.upgrade(alembic_config(url, connection), "head")
    except CommandError as error:
        raise SchemaRefused(f"The database has another schema than this Pressroom: {error}") from error


@contextmanager
def without_triggers(connection: Connection) -> Iterator[None]:
    """Those of the search's index. A table that is made anew would lose its own, and others' forbid to rename it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    for trigger in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{trigger.name}"')
    yield
    for trigger in triggers:
        connection.exec_driver_sql(trigger.sql)
