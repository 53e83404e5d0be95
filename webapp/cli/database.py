"""pressroom init, and the database's schema."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from .. import config
from ..db import schema
from ..ops.checks import CannotStart, one_line
from ..ops.setup import first_words, initialise, upgrade_schema
from ..system import instance
from ..system.screen import printable
from .common import Failed, on_instance


@click.command()
def init() -> None:
    """Create or upgrade the instance folder and its database."""
    settings = config.read()
    click.echo(f"Instance: {printable(settings['INSTANCE'])}", err=True)
    try:
        instance.prepare(settings["INSTANCE"])
        with one_line(settings):
            password = initialise(settings)
    except (instance.InstanceError, CannotStart) as error:
        raise Failed(str(error)) from None
    click.echo("The database is ready.")
    if password:
        click.echo(first_words(password))


database = AppGroup("db", help="Upgrade or inspect the database schema (Alembic).")


@database.command("upgrade")
@on_instance
def upgrade() -> None:
    """Upgrade the schema to the newest version."""
    upgrade_schema(dict(current_app.config))
    click.echo("The schema is up to date.")


@database.command("current")
@on_instance
def current() -> None:
    """Show the version of the schema."""
    from alembic import command

    command.current(schema.alembic_config(current_app.config["DATABASE_URL"]), verbose=True)


@database.command("revision")
@click.argument("message")
@on_instance
def revision(message: str) -> None:
    """Create a migration from changed models (for developers)."""
    from alembic import command

    command.revision(schema.alembic_config(current_app.config["DATABASE_URL"]), message, autogenerate=True)
