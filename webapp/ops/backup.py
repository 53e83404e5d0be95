"""Makes a backup of the whole site in one file, while it runs."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from ..config import SETTINGS
from ..db import faults, schema
from ..db.engine import DatabaseBusy, make_engine, snapshot, transaction
from ..media import storage
from ..models import Post
from ..system.clock import now_ms
from ..system.instance import sync
from ..system.locks import try_lock
from . import archive, copying, snapshots
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
    if source and not source.is_file():
        raise CannotBackUp(f"{source} doesn't exist: nothing to back up")
    if os.path.lexists(file):
        raise CannotBackUp(f"{file} already exists: choose another name, or remove it")
    if not file.parent.is_dir():
        raise CannotBackUp(f"{file.parent} isn't a folder: create it, or choose another")
    try:
        with _workplace(folder) as temporary:
            if source:
                database = snapshots.take_without_secrets(source, temporary, _half(report))
                return _make(file, settings, database, folder / archive.ORIGINALS, report)
            database = _of_postgresql(settings, temporary, _half(report))
            return _make(file, settings, database, temporary / archive.ORIGINALS, report)
    except archive.BadArchive as error:
        raise CannotBackUp(f"it couldn't be restored again, as it {error}: rename or remove it") from None
    except snapshots.Damaged as error:
        raise CannotBackUp(f"{error}; look at it with: sqlite3 {source} 'PRAGMA integrity_check'") from None
    except (sqlite3.Error, SQLAlchemyError, DatabaseBusy) as error:
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


def _of_postgresql(settings: Mapping[str, Any], folder: Path, report: Report) -> Path:
    """Database and originals in `folder`, as they are on SQLite: an archive can be restored wherever it comes from."""
    database = folder / archive.DATABASE
    schema.upgrade(f"sqlite:///{database}")
    source, copy = make_engine(settings["DATABASE_URL"]), make_engine(f"sqlite:///{database}")
    try:
        with snapshot(source) as session, transaction(copy) as into:
            if not copying.is_current(session):
                raise CannotBackUp("the database has an older schema: bring it up to date with pressroom init")
            originals = storage.of(source, settings["INSTANCE"])
            names, tables = list(originals.list()), copying.tables(snapshots.SECRET_TABLES)
            step = copying.progress(report, len(names) + sum(copying.count(session, each) for each in tables))
            into.execute(delete(Post))  # a new database has the front page's
            for each in tables:
                copying.copy(session, each, partial(copying.write, into, each), step)
                copying.copy_number(session, into, each)
        for name in names:
            _copy_original(originals, name, folder)
            step(1)
    finally:
        source.dispose()
        copy.dispose()
    snapshots.as_one_file(database)
    return database


def _copy_original(originals: storage.Storage, name: str, folder: Path) -> None:
    path = storage.Folder(folder / archive.ORIGINALS).path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError), originals.open(name) as file, path.open("xb") as copy:
        shutil.copyfileobj(file, copy)


def _make(file: Path, settings: Mapping[str, Any], database: Path, originals: Path, report: Report) -> Manifest:
    facts, media = snapshots.facts(database), settings["INSTANCE"] / archive.MEDIA
    files = {
        path.relative_to(folder.parent).as_posix(): path for folder in (media, originals) for path in _files(folder)
    }
    sources = [archive.source(archive.DATABASE, database), *map(archive.source, files, files.values())]
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
