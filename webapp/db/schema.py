"""The database's schema, and how Alembic brings it to the newest."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from .engine import DatabaseBusy, lacks_lock, make_engine, transaction

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
MOVING = "moving"  # in place of a revision, while another database is copied into this one (ops/move.py)
# The newest schema that the oldest code knows which may run on ours: on several machines old code goes on, and starts,
# until the last of them has the new one. See "Expand, then contract" in docs/build-on-it.md.
OLDEST = "0003"
# How long one who starts waits for another one's migration, and that for those who read and write.
PATIENCE_SECONDS = 60.0
_NO_LIMITS = """SELECT set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true)"""


class SchemaRefused(Exception):
    """The database can't be brought to our schema; a newer Pressroom made it, as a rule."""


def alembic_config(url: str, connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config(stdout=sys.stdout, attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def refuse_newer(connection: Connection) -> None:
    """Raises SchemaRefused for a database that isn't whole, or that a newer Pressroom has upgraded and this one can't
    run on.
    """
    refuse_unfinished(connection)
    if (newer := current(connection)) and not is_usable(connection, newer):
        raise SchemaRefused(
            f"the database was created by a newer Pressroom (schema {newer}): install that version again,"
            " or set PRESSROOM_DATABASE_URL to another database"
        )


def is_usable(connection: Connection, revision: str) -> bool:
    """Whether this code can run on the database's schema, or upgrade it: on a newer one, whose code says so there."""
    if revision in known():
        return True
    columns = {column["name"] for column in inspect(connection).get_columns("alembic_version")}
    oldest = connection.scalar(text("SELECT oldest FROM alembic_version")) if "oldest" in columns else None
    return oldest is not None and oldest <= newest() and revision != MOVING


def refuse_unfinished(connection: Connection) -> None:
    """Raises SchemaRefused for a database that another one was, or is, being copied into."""
    if current(connection) == MOVING:
        raise SchemaRefused("a move into this database didn't end: run pressroom move-to again, or set another one")


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


def older(url: str) -> str | None:
    """The database's where ours is newer. What can't be read is left for `upgrade` to refuse.

    Raises SchemaRefused for a database that isn't whole.
    """
    engine = make_engine(url, must_exist=True)
    try:
        with engine.connect() as connection:
            refuse_unfinished(connection)
            revision = current(connection)
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()
    return revision if revision in known() - {newest()} else None


def upgrade(url: str) -> None:
    """Bring the database to the newest schema, all or nothing. Raises SchemaRefused for a newer one."""
    engine = make_engine(url, answer_seconds=3_600)
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).touch(0o600)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    try:
        while not _upgraded(engine, url, is_last=time.monotonic() > give_up_at):
            time.sleep(0.1)
    finally:
        engine.dispose()


def _upgraded(engine: Engine, url: str, is_last: bool) -> bool:
    """False where somebody else holds the lock, or a table: to wait for one would hold up whoever comes later."""
    try:
        with transaction(engine) as session:
            _bring_up(session.connection(), url)
        return True
    except DatabaseBusy:
        if is_last:
            raise
    except OperationalError as error:
        if is_last or not lacks_lock(error):
            raise
    return False


def _bring_up(connection: Connection, url: str) -> None:
    refuse_newer(connection)
    if current(connection) in {None, *known()} - {newest()}:
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql(_NO_LIMITS)
        _migrate(url, connection)
        connection.execute(text("UPDATE alembic_version SET oldest = :oldest"), {"oldest": OLDEST})


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
