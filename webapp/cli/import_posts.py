"""pressroom import: Markdown files become posts."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app

from .. import changes, db
from ..content import importing
from ..models import User
from ..ops.setup import program
from ..people import users
from ..system import screen
from ..system.screen import printable
from .common import Failed, on_instance


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--author", metavar="NAME", help="Whose posts they become. Default: the only account that may write.")
@on_instance
def import_files(paths: tuple[Path, ...], author: str | None) -> None:
    """Publish Markdown files, or folders of them, as posts.

    Drafts and files with a date in the future are left out. A file that was imported before stays as it is on the site,
    even if the file has changed.
    """
    person = users.by_name(db.reading(), author) if author else _only_writer()
    zone = current_app.config["TIMEZONE"]
    language = current_app.config["CONTENT_LANGUAGE"] or current_app.config["LANGUAGE"]
    files, refused = importing.files(list(paths))
    stored, left_out, problems = 0, list[str](), [printable(f"{path}: {reason}") for path, reason in refused]
    with changes.several() as change, click.progressbar(files, label="Importing", file=screen.unguarded()) as bar:
        for path in bar:
            try:
                source = importing.read(path, zone, language)
                with change() as session:
                    stored += importing.store(session, source, person.id)
            except importing.NotForReaders as error:
                left_out.append(printable(f"{path}: {error}"))
            except importing.CannotImport as error:
                problems.append(printable(f"{path}: {error}"))
    total = len(files) + len(refused)
    there = total - stored - len(left_out) - len(problems)
    others = f", {len(left_out)} not for readers" if left_out else ""
    click.echo(f"{stored} imported, {there} already there{others}.")
    for path_and_reason in left_out:
        click.echo(f"Not for readers: {path_and_reason}")
    for problem in problems:
        click.echo(f"Not imported: {problem}", err=True)
    if problems:
        raise Failed(f"{len(problems)} of {total} files couldn't be imported.")
    if not files:
        raise Failed("No Markdown files found (.md, .markdown, .mdown, .mkd, .mdx).")


def _only_writer() -> User:
    writers = users.writers(db.reading())
    if len(writers) > 1:
        names = ", ".join(user.username for user in writers)
        raise Failed(f"Several accounts may write: {names}. Choose one with --author.")
    if not writers:
        raise Failed(f"No account may write. Create one: {program()} user create NAME --role author")
    return writers[0]
