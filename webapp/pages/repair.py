"""The repair of the page store: before the start, and within a second when somebody died half-way."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask

from .. import db
from ..errors import Moved, Refused
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

    Those are replaced in the background. What is newer than the database says was made from another one, of which
    this is an older copy: then every page is new, so that no browser keeps one.
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
    for put_aside in pages.store.root.parent.glob(".old-pages-*"):
        shutil.rmtree(put_aside, ignore_errors=True)
    pages.store.prepare()
    _forget_what_was_not_synced(pages)
    with app.app_context(), db.writing() as session:
        expected = versions.all_versions(session)
        stored = {path: pages.store.version(path) or 0 for path in pages.store.paths()}
        is_older_copy = any(version > versions.expected(expected, path) for path, version in stored.items())
        if is_older_copy or not versions.is_current(session, pages.build):
            versions.raise_all(session, pages.build, at_least=max(stored.values(), default=0) + 1)
    if is_older_copy:
        pages.store.clear()
    else:  # a hot page is made anew and not just removed: nginx serves it while the site starts
        wanted = {path: versions.expected(expected, path) for path in stored}
        pages.replace({path: version for path, version in wanted.items() if stored[path] < version})
    pages.store.sweep()
    pages.store.sweep_orphans()


def _forget_what_was_not_synced(pages: Pages) -> None:
    """After a power cut a page's file may be empty, with the right time."""
    boot = BOOT.read_text("ascii") if BOOT.is_file() else ""
    mark = pages.store.locks / "boot"
    if not boot or not mark.is_file() or mark.read_text("ascii") != boot:
        pages.store.clear()
        mark.write_text(boot, "ascii")


class Repair:
    """One worker's part in looking after the store: whoever gets the lock does it, the others stand by."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.healer = Healer(pages)
        self.begun = False
        self.held: int | None = None
        self.swept_at = time.monotonic()

    def look(self) -> None:
        """One round. The lock is kept also where no page is stored: it says that a site runs here."""
        self.begun = self.begun or _take_over(self.pages)
        self.held = self.held or try_lock(self.pages.store.locks / "healer")
        if not self.held or not self.pages.stored:
            return
        self.healer.look()
        if time.monotonic() - self.swept_at > SWEEP_SECONDS:
            self.swept_at = time.monotonic()
            self.pages.store.sweep()


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
    seen: int = 0
    suspects: set[str] = field(default_factory=set)

    def look(self) -> None:
        """One round: put right what was outdated in the last one too, find what is outdated since."""
        outdated = self._outdated(self.suspects)
        for path in sorted(outdated, key=lambda path: not self.pages.is_hot(path))[:AT_ONCE]:
            with contextlib.suppress(Refused, Moved):
                self.pages.make(path, outdated.pop(path))
            time.sleep(0)
        raised = self._raised()
        self.suspects = set(outdated) | set(self._outdated(self._stored_of(raised)))
        self.seen = max([self.seen, *raised.values()])

    def _raised(self) -> dict[str, int]:
        with self.pages.app.app_context():
            if not versions.is_current(db.reading(), self.pages.build):
                # During a chain reload: the new workers' pages aren't ours to replace.
                return {}
            return versions.raised_since(db.reading(), self.seen + 1)

    def _stored_of(self, raised: dict[str, int]) -> set[str]:
        paths: set[str] = set()
        for path in raised:
            paths.update(self.pages.store.paths(path.removesuffix("/*") or "/") if path.endswith("/*") else (path,))
        return paths

    def _outdated(self, paths: set[str]) -> dict[str, int]:
        """Those of the paths that are stored in an older version than they should be, with the right one."""
        if not paths:
            return {}
        with self.pages.app.app_context():
            table = versions.all_versions(db.reading())
        wanted = {path: versions.expected(table, path) for path in paths}
        return {
            path: version for path, version in wanted.items() if self.pages.store.version(path) not in (None, version)
        }
