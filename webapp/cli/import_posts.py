"""pressroom import: Markdown files become posts."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask import current_app

from .. import changes, db
from ..content import importing
from ..people import users
from .common import on_instance


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--author", required=True, metavar="NAME", help="whose posts they become")
@on_instance
def import_files(paths: tuple[Path, ...], author: str) -> None:
    """Publish Markdown files, or folders of them, as posts; what was imported before is left alone."""
    person = users.by_name(db.reading(), author)
    zone = current_app.config["TIMEZONE"]
    files = importing.files(list(paths))
    stored, problems = 0, []
    with changes.several() as change, click.progressbar(files, label="Importing", file=sys.stderr) as bar:
        for path in bar:
            try:
                source = importing.read(path, zone, current_app.config["LANGUAGE"])
                with change() as session:
                    stored += importing.store(session, source, person.id)
            except importing.CannotImport as error:
                problems.append(f"{path}: {error}")
    click.echo(f"{stored} imported, {len(files) - stored - len(problems)} already there.")
    for problem in problems:
        click.echo(f"Skipped {problem}", err=True)
    if problems or not files:
        raise click.ClickException("Some files were skipped." if files else "No Markdown files found (.md, .markdown).")
