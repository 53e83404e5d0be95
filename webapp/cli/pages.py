"""`pressroom pages …`: what the page store holds, to empty it, to fill it before everyone arrives."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .. import db
from ..errors import Moved, Refused
from ..pages import versions
from ..pages.public import of_app
from ..reader import crawlers
from ..system import screen
from ..system.screen import printable
from .common import Failed, on_instance

pages = AppGroup("pages", help="Count, render or remove stored pages.")


@pages.command()
@on_instance
def status() -> None:
    """Count the stored pages, current and stale."""
    store = of_app().store
    stored = {path: store.version(path) or 0 for path in store.paths()}
    expected = versions.expected(db.reading(), stored)
    outdated = [path for path, version in stored.items() if version != expected[path]]
    click.echo(f"Folder: {printable(store.root)}")
    click.echo(
        f"Stored: {len(stored)} pages, {sum(map(store.size_bytes, stored)) / 1000:,.0f} kB with compressed copies"
    )
    click.echo(f"Stale: {len(outdated)}")
    for path in outdated[:20]:
        click.echo(f"  {printable(path)}")
    if trouble := of_app().trouble():
        raise Failed(trouble)


@pages.command()
@on_instance
def clear() -> None:
    """Remove all stored pages; no post is lost. Each page is rendered again on its first request."""
    store = of_app().store
    count = len(list(store.paths()))
    store.clear()
    click.echo(f"{count} removed.")


@pages.command()
@on_instance
def warm() -> None:
    """Render all pages that aren't stored, before a rush."""
    site = of_app()
    if not versions.is_current(db.reading(), site.build):
        raise Failed(
            "The running site has different code or settings than this command, so its pages differ."
            " Restart the site, or run the command with the same PRESSROOM_… settings."
        )
    made = 0
    with click.progressbar(crawlers.paths(), label="Warming", file=screen.unguarded()) as bar:
        for path in bar:
            try:
                if site.store.version(path) is None:
                    site.make(path)
                    made += 1
            except (Refused, Moved):
                continue
            except OSError as error:
                raise Failed(f"The page store isn't writable: {error}") from None
    click.echo(f"{made} made.")
