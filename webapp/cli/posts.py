"""pressroom post …: what a post's number is enough for."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .. import changes, db
from ..content import erasure, posts, revisions
from ..errors import NotFound
from ..system.screen import printable
from .common import Failed, on_instance

post = AppGroup("post", help="Delete posts.")


@post.command("delete")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Don't ask.")
@on_instance
def delete(number: int, yes: bool) -> None:
    """Delete a post permanently. NUMBER is the one in its address."""
    try:
        found = posts.written(db.reading(), number)
    except NotFound:
        raise Failed(f"No post has the number {number}.") from None
    versions = revisions.count(db.reading(), number)
    parts = f"{found.update_count} updates, {found.comment_count} comments and {versions} earlier versions"
    name = f"“{printable(found.title)}”"
    if not yes:
        click.confirm(f"Delete {name} with {parts}? This can't be undone", abort=True)
    with changes.changing() as session:
        erasure.post(session, number)
    click.echo(f"Deleted {name} with {parts}.")
