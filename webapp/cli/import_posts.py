"""pressroom import: Markdown files become posts, and are taken back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

import click
from flask import current_app

from .. import changes, db
from ..content import foreign, importing, imports, intake, old_addresses, posts
from ..content.importing import CannotImport, File, Source
from ..content.pictures import Prepared
from ..errors import NotFound, Refused
from ..models import User
from ..ops.setup import program
from ..people import users
from ..system import screen
from ..system.screen import printable
from .common import Failed, on_instance
from .import_report import Report, counted

TOGETHER = 8  # posts in one transaction, which nobody else writes meanwhile: about 50 ms

T = TypeVar("T")


def _pattern(_context: click.Context, _option: click.Parameter, written: str | None) -> str:
    try:
        return old_addresses.checked_pattern(written) if written else ""
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("import")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--author", metavar="NAME", help="Whose posts they become. Default: the only account that may write.")
@click.option("--date-from", type=click.Choice(["mtime"]), help="Date what has no date by the file's last change.")
@click.option("--publish-undated", is_flag=True, help="Publish what has no date, also of the last import.")
@click.option(
    "--old-addresses", "pattern", metavar="PATTERN", callback=_pattern,
    help="Redirect from addresses such as /:year/:month/:slug.html, or jekyll, hexo, hugo, pelican, wordpress."
)  # fmt: skip
@click.option(
    "--static", type=click.Path(exists=True, file_okay=False, path_type=Path), multiple=True, metavar="FOLDER",
    help="Folder of the images that addresses such as /images/harbour.jpg name."
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--undo", metavar="NUMBER", type=int, help="Take back an import.")
@on_instance
def import_files(  # noqa: PLR0917 (click's, by name)
    paths: tuple[Path, ...],
    author: str | None,
    date_from: str | None,
    publish_undated: bool,
    pattern: str,
    static: tuple[Path, ...],
    dry_run: bool,
    undo: int | None,
) -> None:
    """Import Markdown files, or folders of them, as posts.

    Drafts, private texts, and what has no date or one in the future become drafts. A file that has changed since it was
    imported updates its post, unless somebody has changed that on the site.
    """
    if undo is not None:
        if paths:
            raise click.UsageError("--undo takes back an import by its number alone: name no files.")
        _undo(undo, dry_run)
        return
    if not paths:
        raise click.UsageError("Name files or folders to import.")
    config = current_app.config
    language = config["CONTENT_LANGUAGE"] or config["LANGUAGE"]
    options = importing.Options(config["TIMEZONE"], language, date_from == "mtime", publish_undated, pattern, static)
    files, refused = importing.files(list(paths))
    report = Report(frozenset(key for file in files for key in foreign.keys(file.below)), static)
    report.problems += [printable(f"{path}: {reason}") for path, reason in refused]
    person = users.by_name(db.reading(), author) if author else _only_writer()
    if person.role not in users.WRITER_ROLES:
        raise Failed(f"{person.username} may not write: {program()} user role {person.username} author")
    run = imports.Run(person.id, cache(_account_of), importing.digests(files))
    sources = _read(files, options, report)
    try:
        _plan(sources, run, report) if dry_run else _store(sources, run, report, static)
    except KeyboardInterrupt:
        report.stopped = True
    report.say(run, dry_run, len(files) + len(refused))


def _account_of(name: str) -> int | None:
    """Of those that may write."""
    wanted = users.by_login(db.reading(), name) or users.by_login(db.reading(), name.replace(" ", "-"))
    return wanted.id if wanted and wanted.role in users.WRITER_ROLES else None


def _read(files: list[File], options: importing.Options, report: Report) -> Iterator[Source]:
    began = time.monotonic()

    def rate(file: File | None) -> str:
        return f"{bar.pos / max(time.monotonic() - began, 0.001):.0f} files/s" if file else ""

    with click.progressbar(
        files, label="Importing", show_pos=True, item_show_func=rate, file=screen.unguarded()
    ) as bar:
        for file in bar:
            try:
                source = importing.read(file, options)
            except CannotImport as error:
                report.problems.append(printable(f"{file.path}: {error}"))
                continue
            report.look(source)
            yield source


def _plan(sources: Iterable[Source], run: imports.Run, report: Report) -> None:
    seen = set[str]()
    for source in sources:
        planned = imports.plan(db.reading(), run, source)
        if planned.action == imports.NEW and source.text_digest in seen:
            planned = imports.Plan(imports.SAME)
        if planned.post_id is not None:
            run.claimed.add(planned.post_id)
        if planned.action not in imports.UNTOUCHED:
            run.strangers.update(run.authors_of(source)[1])
            owners = old_addresses.owners(db.reading(), list(source.addresses))
            owners = dict.fromkeys((address for address in source.addresses if address in run.addresses), 0) | owners
            run.taken += [address for address, owner in owners.items() if owner != planned.post_id]
            run.addresses += [address for address in source.addresses if address not in run.taken]
        seen.add(source.text_digest)
        report.count(source, planned)


def _store(sources: Iterable[Source], run: imports.Run, report: Report, static: tuple[Path, ...]) -> None:
    """Whole posts, whenever it is stopped."""
    with changes.several() as change:
        try:
            for some in _together(sources):
                saved = run.saved()
                try:
                    with change() as session:
                        planned = [(source, imports.store(session, run, source)) for source in some]
                except BaseException:  # Ctrl-C, too: nothing of it was committed
                    run.restore(saved)
                    raise
                for each in planned:
                    report.count(*each)
        finally:
            for post_id, below in run.linking:
                with change() as session:
                    imports.link(session, run, post_id, below)
            for post_id, source in _with_progress(run.pictured):
                found = _pictures(source, static, report)
                with change() as session:
                    imports.show_pictures(session, run, post_id, source, found)
            if run.public:
                with change() as session:
                    imports.announce(session, run)


def _with_progress(pictured: list[tuple[int, Source]]) -> Iterator[tuple[int, Source]]:
    if pictured:
        with click.progressbar(pictured, label="Pictures", show_pos=True, file=screen.unguarded()) as bar:
            yield from bar


def _pictures(source: Source, static: tuple[Path, ...], report: Report) -> dict[str, Prepared]:
    """Those that are there and can be used, by what the file calls them."""
    found = {}
    for to in imports.images_of(source):
        path = importing.picture(source.file, to, static)
        if path is None:
            continue
        try:
            found[to] = intake.prepare(path)
            report.pictures.add(path)
        except (Refused, OSError) as error:
            reason = error.strerror or "can't be read" if isinstance(error, OSError) else str(error)
            report.unusable.append(printable(f"{path}: {reason}"))
    return found


def _together(each: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(each)
    while some := list(islice(rest, TOGETHER)):
        yield some


def _only_writer() -> User:
    writers = users.writers(db.reading())
    if len(writers) > 1:
        names = ", ".join(user.username for user in writers)
        raise Failed(f"Several accounts may write: {names}. Choose one with --author.")
    if not writers:
        raise Failed(f"No account may write. Create one: {program()} user create NAME --role author")
    return writers[0]


def _undo(number: int, dry_run: bool) -> None:
    try:
        post_ids = imports.files_of(db.reading(), number)
    except NotFound:
        raise Failed(f"There is no import {number}. {_imports()}") from None
    if not post_ids:
        raise Failed(f"Import {number} was undone before. {_imports()}")
    titles = {post_id: posts.written(db.reading(), post_id).title for post_id in post_ids}
    spared = dict[int, str]()
    if dry_run:
        click.echo("Dry run: this is what undoing would do.")
        spared = {
            post_id: imports.spared(db.reading(), number, posts.written(db.reading(), post_id)) for post_id in post_ids
        }
    else:
        with changes.several() as change, click.progressbar(post_ids, label="Undoing", file=screen.unguarded()) as bar:
            for some in _together(bar):
                with change() as session:
                    spared |= {post_id: imports.take_back(session, number, post_id) for post_id in some}
    left = {post_id: why for post_id, why in spared.items() if why}
    click.echo(f"{counted(len(post_ids) - len(left), 'post')} taken back, {len(left)} left as they are.")
    for post_id, why in left.items():
        click.echo(printable(f"Left as it is: post {post_id}, “{titles[post_id]}”: {why}"))


def _imports() -> str:
    """Those that can be undone."""
    zone = current_app.config["TIMEZONE"]
    known = [
        f"{each.id} ({datetime.fromtimestamp(each.at / 1000, zone):%Y-%m-%d %H:%M}, {counted(count, 'post')})"
        for each, count in imports.every(db.reading())
        if count
    ]
    return f"There are: {', '.join(known[:10])}." if known else "None can be undone."
