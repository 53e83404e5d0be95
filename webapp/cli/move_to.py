"""`pressroom move-to URL`: the site into an empty PostgreSQL database."""

from __future__ import annotations

import click
from flask import current_app

from ..ops import move
from ..system.screen import printable
from .common import Failed, bar, on_instance


@click.command("move-to")
@click.argument("url")
@on_instance
def move_to(url: str) -> None:
    """Copy a stopped site into an empty PostgreSQL database.

    URL is postgresql://USER:PASSWORD@HOST/DATABASE. What is copied is compared afterwards. The site's own database and
    files stay as they are.
    """
    try:
        with bar("Moving") as report:
            moved = move.move(dict(current_app.config), url, report)
    except move.CannotMove as error:
        raise Failed(str(error)) from None
    click.echo(f"Copied and compared: {moved.rows:,} rows of {moved.tables} tables, {moved.originals:,} originals.")
    instead = " (*** is your password)" if "***" in moved.url else ""
    click.echo(f"To use it, set PRESSROOM_DATABASE_URL={printable(moved.url)}{instead}, then start the site.")
    click.echo("Keep the old database until you are sure: pressroom.db and originals/ are as they were.")
