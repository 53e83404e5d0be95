"""The database within the app: one snapshot per request, opened by its first query, and write transactions.

Flask is imported by the functions that need it: the broadcaster imports this package's engine, and has no use for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ..app_key import AppKey
from . import engine as engines
from .engine import WriteSession, make_engine, snapshot, transaction
from .faults import FAULTS, Faults

if TYPE_CHECKING:
    from flask import Flask

ENGINE = AppKey[Engine]("engine")


def init_app(app: Flask) -> None:
    ENGINE.put(app, make_engine(app.config["DATABASE_URL"], must_exist=True))
    FAULTS.put(app, Faults())
    app.teardown_appcontext(_close)


def reading() -> Session:
    """This request's snapshot. It ends with the request, or with `release`."""
    from flask import current_app, g

    if "snapshot" not in g:
        opened = snapshot(ENGINE.of(current_app))
        g.reading = opened.__enter__()
        g.snapshot = opened
    session: Session = g.reading
    return session


@contextmanager
def writing() -> Iterator[WriteSession]:
    """A write transaction of the app's database; see `transaction`. What was read before is read anew after it."""
    from flask import current_app

    release()
    with transaction(ENGINE.of(current_app)) as session:
        yield session


def empty_log() -> bool:
    """As `engine.empty_log`. Not within a transaction."""
    from flask import current_app

    release()
    return engines.empty_log(ENGINE.of(current_app))


def release() -> None:
    """Give this request's snapshot back, before waiting on something or writing."""
    from flask import g

    context = g.pop("snapshot", None)
    if context is not None:
        g.pop("reading")
        context.__exit__(None, None, None)


def _close(_error: BaseException | None) -> None:
    release()
