"""Makes a backup of the whole site in one file, while it runs."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..config import SETTINGS
from ..db import faults
from ..system.clock import now_ms
from ..system.instance import sync
from ..system.locks import try_lock
from . import archive, snapshots
from .archive import Manifest
from .snapshots import Report

# Of this machine, and maybe with a password in it.
LEFT_OUT = ("INSTANCE", "DATABASE_URL")
SECRET_WORDS = ("PASSWORD", "SECRET", "TOKEN", "KEY")


class CannotBackUp(Exception):
    """Why, in one line that names the cure."""


def make(file: Path, settings: Mapping[str, Any], report: Report) -> Manifest:
    """Write the backup to `file` (0600), which isn't there before and appears only when it is whole.

    The database is that of one moment after the start of this call. Raises CannotBackUp.
    """
    folder: Path = settings["INSTANCE"]
    source = snapshots.path_of(settings["DATABASE_URL"])
    if source is None:
        raise CannotBackUp("this backs up SQLite only: use pg_dump for the database, and copy media/ and originals/")
    if not source.is_file():
        raise CannotBackUp(f"{source} doesn't exist: nothing to back up")
    if os.path.lexists(file):
        raise CannotBackUp(f"{file} already exists: choose another name, or remove it")
    if not file.parent.is_dir():
        raise CannotBackUp(f"{file.parent} isn't a folder: create it, or choose another")
    try:
        with _workplace(folder) as temporary:
            return _make(
                file, folder, settings, snapshots.take_without_secrets(source, temporary, _half(report)), report
            )
    except archive.BadArchive as error:
        raise CannotBackUp(f"it couldn't be restored again, as it {error}: rename or remove it") from None
    except snapshots.Damaged as error:
        raise CannotBackUp(f"{error}; look at it with: sqlite3 {source} 'PRAGMA integrity_check'") from None
    except sqlite3.Error as error:
        raise CannotBackUp(f"the database can't be copied: {faults.line(error)}") from None
    except OSError as error:
        raise CannotBackUp(f"{error.filename or file} can't be used ({error.strerror}): {_cure(error)}") from None


def _cure(error: OSError) -> str:
    if error.errno == errno.EROFS:
        return "stop the site, then copy its whole folder to another disk"
    return (
        "run this as the user that runs the site"
        if isinstance(error, PermissionError)
        else "free some space, or try again"
    )


def _half(report: Report, first: float = 0.0) -> Report:
    return lambda fraction: report(first + fraction / 2)


@contextlib.contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A private folder for the copy. What a backup that was killed left there is removed by the next one."""
    held = try_lock(folder / "locks" / "backup")
    if held is None:
        raise CannotBackUp("another backup is in progress: wait for it")
    try:
        for left in (folder / "tmp").glob("backup-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="backup-", dir=folder / "tmp") as temporary:
            yield Path(temporary)
    finally:
        os.close(held)


def _make(file: Path, folder: Path, settings: Mapping[str, Any], database: Path, report: Report) -> Manifest:
    facts = snapshots.facts(database)
    media = [path for name in (archive.MEDIA, archive.ORIGINALS) for path in _files(folder / name)]
    names = [path.relative_to(folder).as_posix() for path in media]
    sources = [archive.source(archive.DATABASE, database), *map(archive.source, names, media)]
    members = [each.member for each in sources]
    manifest = Manifest(our_version(), facts.schema, now_ms(), facts.counts, in_force(settings), members)
    _write(file, manifest, sources, _half(report, 0.5))
    return manifest


def _files(folder: Path) -> Iterator[Path]:
    """Files only: a link could lead anywhere. Without variants of pictures."""
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if Path(top, name) != folder.parent / archive.CACHE)
        for name in sorted(files):
            path = Path(top, name)
            if path.is_file() and not path.is_symlink():
                yield path


def our_version() -> str:
    try:
        return version("pressroom")
    except PackageNotFoundError:
        return "unknown"


def in_force(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings as text, without those that are secret."""
    names = [setting.name for setting in SETTINGS if setting.name not in LEFT_OUT]
    open_ones = [name for name in names if not any(word in name for word in SECRET_WORDS)]
    return {name: str(settings[name]) for name in open_ones if settings.get(name) is not None}


def _write(file: Path, manifest: Manifest, sources: list[archive.Source], report: Report) -> None:
    draft = file.with_name(f".{file.name}.part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target:
            archive.write(target, manifest, sources, report)
            target.flush()
            os.fsync(target.fileno())
        _put(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    sync(file.parent)


def _put(draft: Path, file: Path) -> None:
    """A link never replaces what is there; not every disk that one carries away knows links."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise CannotBackUp(f"{file} already exists: choose another name, or remove it") from None
    except OSError:
        draft.rename(file)
