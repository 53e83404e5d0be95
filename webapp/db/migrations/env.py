"""How Alembic runs: on the connection that it is given, inside its transaction. See schema.upgrade."""

from typing import Any

from alembic import context

from webapp.db.engine import make_engine, transaction
from webapp.models import SEARCH_TABLE, Base


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """FTS5's own tables are none of ours: autogenerate would drop them."""
    return kind != "table" or not (name or "").startswith(SEARCH_TABLE)


def run(connection: Any) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        render_as_batch=True,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with transaction(make_engine(context.config.get_main_option("sqlalchemy.url") or "")) as session:
        run(session.connection())
