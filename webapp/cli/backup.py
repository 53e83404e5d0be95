"""`pressroom backup FILE` while the site runs, and `pressroom restore FILE` into an empty instance."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from .. import config
from ..db import schema
from ..db.engine import DatabaseBusy
from ..ops import backup, restore
from ..ops.archive import Manifest
from ..system.screen import printable
from .common import Failed, bar, on_instance


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Check an existing backup completely instead, without restoring it.")
def back_up(file: Path, verify: bool) -> None:
    """Back up database, images and settings to FILE (.tar.gz) while the site runs.

    Sessions, one-time links and the secret key are left out. Keep the file private: it contains password hashes,
    email addresses and drafts.
    """
    if verify:
        _verify(file)
    else:
        _back_up(file)


def _verify(file: Path) -> None:
    """On any machine: it takes no instance, and as much room in TMPDIR as the backup unpacked."""
    with _one_line(), bar("Verifying") as report:
        manifest = restore.verify(file, report)
    click.echo(f"{printable(file)} is complete and can be restored: as of {_made_at(manifest)}, {_contents(manifest)}.")


@on_instance
def _back_up(file: Path) -> None:
    try:
        with bar("Backing up") as report:
            manifest = backup.make(file.absolute(), current_app.config, report)
    except backup.CannotBackUp as error:
        raise Failed(str(error)) from None
    click.echo(f"{printable(file)}: {_contents(manifest)}, {file.stat().st_size / 1000:,.0f} kB.")
    click.echo("Keep it private: it contains password hashes, email addresses and drafts, but no sessions or links.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
def put_back(file: Path) -> None:
    """Restore a backup into an empty instance on which no site runs.

    The file is checked completely before anything is written.
    """
    settings = config.read()
    click.echo(f"Instance: {printable(settings['INSTANCE'])}", err=True)
    with _one_line(), bar("Restoring") as report:
        manifest = restore.restore(file, settings, report)
    with contextlib.suppress(OSError, SQLAlchemyError, DatabaseBusy):  # the next start does it
        restore.renew_pages(settings)
    click.echo(f"Restored as of {_made_at(manifest)}: {_contents(manifest)}.")
    click.echo("Everyone has to log in again, with the password they had then.")
    for line in _differences(manifest.settings, backup.in_force(settings)):
        click.echo(f"Setting differs: {printable(line)}")


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """What is wrong with an archive, or in the way of it."""
    try:
        yield
    except (restore.CannotRestore, schema.SchemaRefused, DatabaseBusy) as error:
        raise Failed(str(error) or "The database is busy. Try again.") from None


def _made_at(manifest: Manifest) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest.made_at // 1000))


def _contents(manifest: Manifest) -> str:
    media = len(manifest.members) - 1
    return ", ".join([*(f"{number:,} {name}" for name, number in manifest.counts.items()), f"{media:,} media files"])


def _differences(before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    for name in sorted(before | now):
        if before.get(name) != now.get(name):
            was, here = (repr(values[name]) if name in values else "unset" for values in (before, now))
            yield f"{config.PREFIX}{name} was {was}, and here it is {here}."
