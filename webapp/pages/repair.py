"""The repair of the page store: before the start, and within a second when somebody died half-way."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from .. import db
from ..errors import Moved, Refused
from ..system import epoch
from ..system.epoch import History
from ..system.instance import InstanceError
from ..system.locks import try_lock
from . import versions
from .public import PAGES, Pages

HEAL_SECONDS = 0.4
SWEEP_SECONDS = 10.0
# So many pages at a time are made anew, and then it looks again whether something is more urgent.
AT_ONCE = 20
BOOT = Path("/proc/sys/kernel/random/boot_id")


def at_start(app: Flask) -> None:
    """Before the site serves: no outdated page is left, unless other code or templates made it.

    Those are replaced in the background. Where there were newer pages than the database knows, this is an older copy
    of another one: then every page is new, so that no browser keeps one, and so is the epoch, since numbers of events
    are used again.
    """
    pages = PAGES.of(app)
    held = pages.stored and try_lock(pages.store.locks / "healer")
    if not held:  # by a site that runs
        return
    try:
        _at_start(app, pages)
    finally:
        os.close(held)


def _at_start(app: Flask, pages: Pages) -> None:
    pages.store.prepare()
    for put_aside in pages.store.root.parent.glob(".old-pages-*"):
        put_aside.rename(pages.store.root / ".retired" / f"0-{put_aside.name}")
    _forget_what_was_not_synced(pages)
    folder: Path = app.config["INSTANCE"]
    history = epoch.read(folder)
    with app.app_context(), db.writing() as session:
        seen = versions.latest(session)
        is_older_copy = seen < history.version
        outdated = {} if is_older_copy else _outdated(session, pages, versions.raised_since(session, history.seen + 1))
        if is_older_copy or not versions.is_current(session, pages.build):
            versions.raise_all(session, pages.build, at_least=pages.store.latest() + 1 if is_older_copy else 0)
        version = versions.latest(session)
    if is_older_copy:
        pages.store.clear()
        history, seen = epoch.change(folder), version
        app.config["EPOCH"] = history.epoch
    if pages.store.is_empty():
        pages.store.note_renewed(version)
    pages.replace(outdated)  # a hot page is made anew and not just removed: nginx serves it while the site starts
    with contextlib.suppress(OSError):  # a full disk is no reason not to serve; the worker that repairs says it
        epoch.write(folder, replace(history, version=version, seen=seen))


def _forget_what_was_not_synced(pages: Pages) -> None:
    """After a power cut a page's file may be empty, with the right time."""
    boot = BOOT.read_text("ascii") if BOOT.is_file() else ""
    mark = pages.store.locks / "boot"
    if not boot or not mark.is_file() or mark.read_text("ascii") != boot:
        pages.store.clear()
        mark.write_text(boot, "ascii")


@contextlib.contextmanager
def noted(app: Flask) -> Iterator[None]:
    """While no site runs, the next start is to know the database by what a command changes in it. Where it is an older
    one than before already, that start is to notice it, however new the command makes it.
    """
    _note(app, lambda latest, history: sys.maxsize if latest < history.version else history.version)
    try:
        yield
    finally:
        _note(app, lambda latest, history: max(latest, history.version))


def _note(app: Flask, version: Callable[[int, History], int]) -> None:
    folder: Path = app.config["INSTANCE"]
    with contextlib.suppress(OSError, InstanceError, SQLAlchemyError):
        with app.app_context():
            latest = versions.latest(db.reading())
        history = epoch.read(folder)
        new = replace(history, version=version(latest, history))
        if new == history or (held := try_lock(folder / "locks" / "healer")) is None:
            return
        try:
            epoch.write(folder, new)
        finally:
            os.close(held)


class Repair:
    """One worker's part in looking after the store: whoever gets the lock does it, the others stand by."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.healer: Healer | None = None
        self.begun = False
        self.held: int | None = None
        self.sweeping: Iterator[None] | None = None

    def look(self) -> None:
        """One round. The lock is kept also where no page is stored: it says that a site runs here."""
        self.begun = self.begun or _take_over(self.pages)
        self.held = self.held or try_lock(self.pages.store.locks / "healer")
        if not self.held or not self.pages.stored:
            return
        folder = self.pages.app.config["INSTANCE"]
        self.healer = self.healer or Healer(self.pages, epoch.read(folder))
        if (history := self.healer.look()) != epoch.read(folder):
            epoch.write(folder, history)
        sweeping, self.sweeping = self.sweeping or _sweep(self.pages), None
        next(sweeping)
        self.sweeping = sweeping  # after a fault it begins anew


def _sweep(pages: Pages) -> Iterator[None]:
    """A step at a time, for as long as this worker looks after the store."""
    orphans = pages.store.sweep_orphans()
    while True:
        for _ in pages.store.sweep():
            yield next(orphans, None)
        swept_at = time.monotonic()
        yield next(orphans, None)
        while time.monotonic() - swept_at < SWEEP_SECONDS:
            yield next(orphans, None)


def is_kept(folder: Path) -> bool:
    """Whether a site serves here at this moment, under whichever server; False where that can't be found out."""
    try:
        held = try_lock(folder / "locks" / "healer")
    except OSError:
        return False
    if held is not None:
        os.close(held)
    return held is None


def _take_over(pages: Pages) -> bool:
    """After a chain reload with new code or templates every page is to be made by those."""
    with pages.app.app_context():
        if not versions.is_current(db.reading(), pages.build):
            with db.writing() as session:
                if not versions.is_current(session, pages.build):  # another worker may have been faster
                    versions.raise_all(session, pages.build)
    return True


@dataclass
class Healer:
    """Looks for outdated files. One that is found outdated twice has nobody who is about to replace it."""

    pages: Pages
    history: History = field(default_factory=History)
    suspects: set[str] = field(default_factory=set)
    looked: int = field(init=False)

    def __post_init__(self) -> None:
        self.looked = self.history.seen

    def look(self) -> History:
        """One round: put right what was outdated in the last one too, find what is outdated since."""
        with self.pages.app.app_context():
            outdated = _outdated(db.reading(), self.pages, self.suspects)
        if versions.ALL in outdated:
            self.pages.replace({versions.ALL: outdated.pop(versions.ALL)})
        for path in sorted(outdated, key=lambda path: not self.pages.is_hot(path))[:AT_ONCE]:
            with contextlib.suppress(Refused, Moved):
                self.pages.make(path, outdated.pop(path))
            time.sleep(0)
        with self.pages.app.app_context():
            raised = self._raised(db.reading())
            self.suspects = set(outdated) | set(_outdated(db.reading(), self.pages, raised))
        self.looked = max([self.looked, *raised.values()])
        seen = self.history.seen if self.suspects else self.looked
        self.history = replace(self.history, version=max(self.history.version, self.looked), seen=seen)
        return self.history

    def _raised(self, session: Session) -> dict[str, int]:
        if not versions.is_current(session, self.pages.build):
            # During a chain reload: the new workers' pages aren't ours to replace.
            return {}
        return versions.raised_since(session, self.looked + 1)


def _outdated(session: Session, pages: Pages, raised: Iterable[str]) -> dict[str, int]:
    """The stored pages, by paths and patterns, that are in another version than they should be, with the right one; as
    ALL, when all are older than that."""
    paths: set[str] = set()
    for path in {*raised} - {versions.ALL}:
        paths.update(pages.store.paths(path.removesuffix("/*")) if path.endswith("/*") else (path,))
    wanted = versions.expected(session, paths)
    outdated = {path: version for path, version in wanted.items() if pages.store.version(path) not in (None, version)}
    if versions.ALL in raised and pages.store.renewed_at() < (version := versions.of_all(session)):
        outdated = {versions.ALL: version} | outdated
    return outdated
