"""Puts a backup into an empty instance: first everything is unpacked and checked beside it, then it is put in place.

STAGING is that folder in the instance. A file READY in it says that all is there and right: from then on the restore
goes forward, whoever is killed, at the next start; before that, what is found there is thrown away.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from .. import db
from ..content import search_index
from ..db import schema
from ..db.engine import make_engine, transaction
from ..pages import repair, versions
from ..pages.store import Store
from ..system import epoch, instance
from ..system.clock import now_ms
from ..system.locks import try_lock
from . import archive, checks, snapshots
from .archive import CACHE, DATABASE, FOLDERS, MEDIA, ORIGINALS, Manifest
from .diagnosis import DAY_SECONDS, name_of
from .snapshots import Report

STAGING = ".restoring"
READY = "ready"
SPARE_BYTES = 20_000_000
INDEX_SECONDS = 10.0
INSTEAD = "restore into another folder with PRESSROOM_INSTANCE"


class CannotRestore(Exception):
    """Why, in one line that names the cure."""


def restore(file: Path, settings: dict[str, Any], report: Report) -> Manifest:
    """Put the backup in place, in our schema. Raises CannotRestore, and then nothing was changed."""
    folder: Path = settings["INSTANCE"]
    database = _database(settings)
    with _explained(file, folder), archive.opened(file) as (manifest, unpack):
        _check_schema(file, manifest)
        with _prepared(folder), checks.alone(folder, INSTEAD):
            _finish(folder, database)
            _check_empty(folder, database)
            snapshots.as_one_file(database)
            _check_room(folder, manifest)
            with _staging(folder) as staging:
                unpack(staging, report)
                _check_database(file, staging / DATABASE, manifest)
                _bring_up_to_date(staging / DATABASE, folder, manifest.made_at)
                _mark_ready(staging)
                _place(folder, database)
    return manifest


def verify(file: Path, report: Report) -> Manifest:
    """Check all that a restore would, in a temporary folder. Raises CannotRestore."""
    with (
        _explained(file, Path("TMPDIR")),
        archive.opened(file) as (manifest, unpack),
        tempfile.TemporaryDirectory(prefix="pressroom-verify-") as temporary,
    ):
        folder = Path(temporary)
        _check_schema(file, manifest)
        _check_room(folder, manifest, "free some space there, or set TMPDIR")
        unpack(folder, report)
        _check_database(file, folder / DATABASE, manifest)
        schema.upgrade(f"sqlite:///{folder / DATABASE}")
        snapshots.check_rows(folder / DATABASE)
    return manifest


@contextlib.contextmanager
def _explained(file: Path, folder: Path) -> Iterator[None]:
    """What is wrong with either, as CannotRestore."""
    try:
        yield
    except checks.CannotStart as error:
        raise CannotRestore(str(error)) from None
    except archive.BadArchive as error:
        raise CannotRestore(f"{file} {error}. Nothing was changed.") from None
    except snapshots.Damaged as error:
        raise CannotRestore(f"{file} can't be restored: {error}. Nothing was changed.") from None
    except OSError as error:
        where = error.filename or folder
        raise CannotRestore(f"{where} can't be used ({error.strerror}): free some space, or see its owner") from None
    except (sqlite3.Error, SQLAlchemyError) as error:
        reason = getattr(error, "orig", error)
        raise CannotRestore(
            f"the database can't be put in place ({reason}): stop what uses it, or free some space"
        ) from None


def finish(settings: dict[str, Any]) -> None:
    """Go on with a restore that was killed after it was ready, or take away what another one left. At every start.

    Raises db.SchemaRefused while one is under way.
    """
    folder: Path = settings["INSTANCE"]
    if not os.path.lexists(folder / STAGING):
        return
    held = try_lock(folder / "locks" / "restore")
    if held is None:
        raise schema.SchemaRefused("a backup is being restored here: wait for it, then try again")
    try:
        _finish(folder, snapshots.path_of(settings["DATABASE_URL"]))
    except (OSError, sqlite3.Error) as error:
        where, reason = getattr(error, "filename", None) or folder / STAGING, getattr(error, "strerror", None) or error
        raise schema.SchemaRefused(
            f"what a restore left can't be finished or removed: {where} ({reason}). See its owner, or free some space"
        ) from None
    finally:
        os.close(held)


def _finish(folder: Path, database: Path | None) -> None:
    staging = folder / STAGING
    if staging.is_dir() and not staging.is_symlink():
        in_the_way = any((staging / name).is_dir() and _first_file(folder, name) for name in (MEDIA, ORIGINALS))
        if (staging / READY).is_file() and database and not in_the_way and not _found(database):
            _place(folder, database)
        _remove(staging / READY)  # first, so that half of the rest is never put in place
    _remove(staging)


def _remove(path: Path) -> None:
    """Whatever is there. Folders are taken apart at one level: until Python 3.13 rmtree ends in a RecursionError."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    folders = [path]
    for folder in folders:
        folder.chmod(0o700)
        for each in list(folder.iterdir()):
            if each.is_dir() and not each.is_symlink():
                each.chmod(0o700)  # else it can't be moved
                folders.append(each.rename(path / secrets.token_hex(16)))
            else:
                each.unlink()
    for folder in reversed(folders):
        folder.rmdir()


# What must be so before


def _database(settings: dict[str, Any]) -> Path:
    """Within the instance: only there it can be put in place by a rename."""
    database = snapshots.path_of(settings["DATABASE_URL"])
    if database is None:
        raise CannotRestore("a backup is restored to SQLite: unset PRESSROOM_DATABASE_URL, then pressroom move-to")
    if database.parent != settings["INSTANCE"]:
        raise CannotRestore(f"{database} isn't in the instance folder: unset PRESSROOM_DATABASE_URL, then move it")
    return database


def _check_schema(file: Path, manifest: Manifest) -> None:
    if manifest.schema not in schema.known():
        raise CannotRestore(
            f"{file} was made by a newer Pressroom ({manifest.version}, schema {manifest.schema}):"
            " install that version first. Nothing was changed."
        )


@contextlib.contextmanager
def _prepared(folder: Path) -> Iterator[None]:
    """The instance folder; one that wasn't there is gone again when the restore is refused."""
    is_new = not folder.exists()
    if not is_new:
        _check_owner(folder)
    try:
        instance.prepare(folder)
    except instance.InstanceError as error:
        raise CannotRestore(str(error)) from None
    try:
        yield
    except BaseException:
        if is_new and not (folder / STAGING).exists():
            _remove_empty(folder)
        raise


def _remove_empty(folder: Path) -> None:
    for lock in (folder / "locks").iterdir():
        lock.unlink()
    with contextlib.suppress(OSError):  # somebody put something there meanwhile
        for name in reversed(instance.SUBFOLDERS):
            (folder / name).rmdir()
        folder.rmdir()


def _check_owner(folder: Path) -> None:
    """root could write it, and the site couldn't use it afterwards."""
    if hasattr(os, "geteuid") and (owner := folder.stat().st_uid) != os.geteuid():
        raise CannotRestore(f"{folder} belongs to {name_of(owner)}: run this as {name_of(owner)}")


def _check_empty(folder: Path, database: Path) -> None:
    media = _first_file(folder, MEDIA) or _first_file(folder, ORIGINALS)
    contents = f"it has {media.relative_to(folder)}" if media else _found(database)
    if contents:
        raise CannotRestore(
            f"{folder} isn't empty ({contents}):"
            " restore into a new one with PRESSROOM_INSTANCE=…, or move this one away"
        )


def _first_file(folder: Path, name: str) -> Path | None:
    """Variants of pictures apart, which can be made again."""
    files = (path for path in (folder / name).rglob("*") if path.is_symlink() or not path.is_dir())
    return next((path for path in files if folder / CACHE not in path.parents), None)


def _found(database: Path) -> str:
    """What would be lost with the database; nothing when there is none, or it is as `init` leaves it."""
    if not database.exists() or database.stat().st_size == 0:
        return ""
    try:
        with closing(sqlite3.connect(database)) as opened:
            users, about, posts = opened.execute(
                "SELECT (SELECT count(*) FROM user), (SELECT count(*) FROM about),"
                " (SELECT count(*) FROM post WHERE status NOT IN ('front', 'deleted'))"
            ).fetchone()
    except sqlite3.Error as error:
        return f"a database of another kind: {error}"
    return "" if users <= 1 and posts == about == 0 else f"{posts} posts, {users} accounts, {about} site pages"


def _check_room(folder: Path, manifest: Manifest, cure: str = "free some space") -> None:
    needed, free = manifest.bytes + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        room = f"it takes {needed // 1_000_000} MB, and {free // 1_000_000} MB are free in {folder}"
        raise CannotRestore(f"{room}: {cure}")


# The steps


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Kept only when it is ready and something went wrong after that."""
    staging = folder / STAGING
    staging.mkdir(mode=0o700)
    try:
        yield staging
        _remove(staging)
    except BaseException:
        if not (staging / READY).exists():
            with contextlib.suppress(OSError):
                _remove(staging)
        raise


def _check_database(file: Path, database: Path, manifest: Manifest) -> None:
    facts = snapshots.facts(database)
    if (facts.schema, facts.counts) != (manifest.schema, manifest.counts):
        raise CannotRestore(f"{file} doesn't match its manifest: {DATABASE}. Nothing was changed.")


def _bring_up_to_date(database: Path, folder: Path, made_at: int) -> None:
    """Our schema; and every page is newer than any that this folder, a proxy or a browser may have.

    Since the backup was made, the lost site had a change a second at most, and in bursts those of a day.
    """
    url = f"sqlite:///{database}"
    schema.upgrade(url)
    snapshots.check_rows(database)
    engine = make_engine(url)
    try:
        with transaction(engine) as session:
            since = now_ms() // 1000 - made_at // 1000 + DAY_SECONDS
            lost = min(versions.latest(session) + since, now_ms() // 1000)
            versions.raise_all(session, "restored", at_least=max(Store(folder).latest(), lost) + 1)
        _index(engine)
    finally:
        engine.dispose()
    snapshots.as_one_file(database)


def _index(engine: Engine) -> None:
    """What a backup leaves out; of a large site the rest is done while it runs."""
    end = time.monotonic() + INDEX_SECONDS
    is_done = False
    while not is_done and time.monotonic() < end:
        with transaction(engine) as session:
            search_index.work(session)
            is_done = not search_index.has_work(session)


def _mark_ready(staging: Path) -> None:
    instance.sync(staging / DATABASE)
    for top, _, _ in os.walk(staging):
        instance.sync(Path(top))
    (staging / READY).touch(0o600)
    instance.sync(staging)


def _place(folder: Path, database: Path) -> None:
    """By renames, of which each may have been done before. The database comes last: with it the site is restored."""
    staging = folder / STAGING
    if not (staging / DATABASE).exists():
        return
    snapshots.as_one_file(database)
    for file in (folder / CACHE).glob("*"):  # of the pictures that were here
        file.unlink()
    for name in (MEDIA, ORIGINALS):
        if (staging / name).is_dir():
            _make_way(folder, name)
            (staging / name).rename(folder / name)
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    epoch.change(folder)
    (staging / DATABASE).replace(database)
    instance.sync(folder)
    instance.prepare(folder)


def _make_way(folder: Path, name: str) -> None:
    """Nothing is there but empty folders."""
    for empty in (*((folder / each) for each in FOLDERS if name == MEDIA), *(folder / name).glob("*"), folder / name):
        with contextlib.suppress(FileNotFoundError):
            empty.rmdir()


def renew_pages(settings: dict[str, Any]) -> None:
    """After a restore: no page is left that was made from another database. Each start does the same."""
    from .. import create_app

    app = create_app(settings)
    repair.at_start(app)
    db.ENGINE.of(app).dispose()
