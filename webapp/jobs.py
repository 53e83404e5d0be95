"""What a worker does besides answering: it puts stored pages right, indexes, ends live posts that went quiet,
deletes pictures that nobody uses, and empties SQLite's log of what was deleted while somebody read from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import DatabaseError

from . import changes, db
from .content import auto_end, library, search
from .db.faults import FAULTS
from .pages import repair
from .pages.public import PAGES

QUIET_POSTS_SECONDS = 60.0
INDEX_SECONDS = 1.0
BETWEEN_BATCHES_SECONDS = 0.1  # others write meanwhile, and this worker answers
LOG_SECONDS = 60.0
PICTURES_SECONDS = 3_600.0


def start(app: Flask) -> None:
    """From now on. A developer has no one look after the store.

    Every worker looks for quiet posts: it is one small query, ending twice is ending once, and so it needs no lock,
    which not every server's machine has.
    """
    if not app.config["INSTANCE"].is_dir():
        return
    every(LOG_SECONDS, changes.empty_log, app, "SQLite's log can't be emptied of what was deleted")
    if not app.debug:
        every(repair.HEAL_SECONDS, repair.Repair(PAGES.of(app)).look, app, "Outdated pages can't be looked for")
    every(PICTURES_SECONDS, library.Sweep().run, app, "Unused pictures can't be looked for")
    every(INDEX_SECONDS, index, app, "Posts can't be indexed")
    if app.config["END_AFTER_HOURS"]:
        every(QUIET_POSTS_SECONDS, auto_end.Looks().look, app, "Quiet live posts can't be looked for")


def index() -> None:
    """Index what was changed by a worker of the last release, and all when the index is new."""
    while search.has_work(db.reading()):
        with db.writing() as session:
            search.work(session)
        time.sleep(BETWEEN_BATCHES_SECONDS)


def every(seconds: float, work: Callable[[], object], app: Flask, complaint: str) -> None:
    """Do `work` in the app's context again and again, in a greenlet (or thread) of this worker."""
    threading.Thread(target=_run, args=(seconds, work, app, complaint), name=complaint, daemon=True).start()


def _run(seconds: float, work: Callable[[], object], app: Flask, complaint: str) -> None:
    last_error = ""
    while True:
        try:
            with app.app_context():
                work()
            last_error = ""
        except DatabaseError as error:
            FAULTS.of(app).log(app, complaint, error)
        except Exception as error:  # it must go on, whatever is broken at the moment
            if last_error != (last_error := str(error)):
                app.logger.warning("%s: %s", complaint, error)
        time.sleep(seconds)
