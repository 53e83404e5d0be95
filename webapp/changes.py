"""A change that readers see: commit it, wake the streams, replace the pages; in that order, and all of it here.

with changes.changing() as session:     # a transaction; its verbs touch pages and record events
    updates.add(session, …)
…                                       # here every page that it touched is current
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from flask import Flask, current_app
from sqlalchemy.exc import DatabaseError

from . import db
from .app_key import AppKey
from .db.engine import DatabaseBusy, WriteSession
from .live.channel import CHANNEL
from .pages import public, versions
from .system.instance import BACKUPS


@contextmanager
def changing(share: bool = False) -> Iterator[WriteSession]:
    """A write transaction, whose change readers see when the block has ended.

    share: wait a moment for others who change the same page, so that one rendering does for all.
    """
    with several(share) as change, change() as session:
        yield session


@contextmanager
def several(share: bool = False) -> Iterator[Callable[[], AbstractContextManager[WriteSession]]]:
    """For many transactions, each begun by what this gives; streams and pages hear of all of them at the end."""
    woken, touched, erased = set[int](), dict[str, int](), False

    @contextmanager
    def change() -> Iterator[WriteSession]:
        nonlocal erased
        with db.writing() as session:
            yield session
        woken.update(session.woken)
        touched.update(session.touched)
        erased = erased or session.erased

    try:
        yield change
    finally:
        for post_id in woken:
            CHANNEL.of(current_app).wake(post_id)
        public.of_app().replace(touched, share)
        if erased:
            leave_no_copy()


def leave_no_copy() -> None:
    """Of what a transaction has erased."""
    folder = current_app.config["INSTANCE"]
    for copies in (folder / BACKUPS, *(folder / "tmp").glob("backup-*")):  # and of a backup that was killed, or goes on
        shutil.rmtree(copies, ignore_errors=True)
    LOG_TO_EMPTY.of(current_app).is_due = True
    with suppress(DatabaseError, DatabaseBusy):  # such as on a full disk: the change is made, and the job tries again
        empty_log()


@dataclass
class LogToEmpty:
    """Whether SQLite's log still has what was deleted, because somebody reads from it or the disk is full: a job tries
    again (jobs.py)."""

    is_due: bool = False


LOG_TO_EMPTY = AppKey[LogToEmpty]("log_to_empty")


def init_app(app: Flask) -> None:
    LOG_TO_EMPTY.put(app, LogToEmpty())


def empty_log() -> None:
    """What an erasure left in it."""
    due = LOG_TO_EMPTY.of(current_app)
    if due.is_due:
        with db.writing() as session:
            versions.forget_tags(session)
        due.is_due = not db.empty_log()
