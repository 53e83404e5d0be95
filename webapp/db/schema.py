"""The database's schema, and how Alembic brings it to the newest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from .engine import begin_writing, make_engine

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaRefused(Exception):
    """The database can't be brought to our schema; a newer Pressroom made it, as a rule."""


def alembic_config(url: str, connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config(stdout=sys.stdout, attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def refuse_newer(connection: Connection) -> None:
    """Raises SchemaRefused for a database that a newer Pressroom has upgraded."""
    from alembic.runtime.migration import MigrationContext

    newer = set(MigrationContext.configure(connection).get_current_heads()) - known()
    if newer:
        raise SchemaRefused(
            f"the database is of a newer Pressroom (schema {', '.join(sorted(newer))}): install that version again,"
            " or set PRESSROOM_DATABASE_URL to another database"
        )


def known() -> set[str]:
    """Every one that this code can upgrade from, or has."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()}


def newest() -> str:
    """The one that this code wants."""
    return max(script.name[:4] for script in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(session: Session) -> str | None:
    """The one that the database has."""
    revision: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def upgrade(url: str) -> None:
    """Bring the database to the newest schema, all or nothing. Raises SchemaRefused for a newer one."""
    from alembic import command
    from alembic.util import CommandError

    engine = make_engine(url)
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).touch(0o600)
    try:
        with begin_writing(engine) as session:
            refuse_newer(session.connection())
            command.upgrade(alembic_config(url, session.connection()), "head")
            session.commit()
    except CommandError as error:
        raise SchemaRefused(f"The database has another schema than this Pressroom: {error}") from error
    finally:
        engine.dispose()
