"""pressroom post …: what a post's number is enough for."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .. import changes, db
from ..content import erasure, posts, revisions
from ..errors import NotFound
from ..system.screen import printable
from .common import Failed, on_instance
from .import_report import counted

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
    parts = ((found.update_count, "update"), (found.comment_count, "comment"), (versions, "earlier version"))
    along = ", ".join(counted(count, what) for count, what in parts if count)
    what = f"“{printable(found.title)}”" + (f" with {along}" if along else "")
    if not yes:
        click.confirm(f"This can't be undone. Delete {what}?", abort=True)
    with changes.changing() as session:
        erasure.post(session, number)
    click.echo(f"Deleted {what}.")
