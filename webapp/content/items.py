"""What updates and comments share: both are items of a post, numbered by the event that brought them."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, raiseload, selectinload

from ..db.engine import WriteSession
from ..errors import Conflict, NotFound
from ..i18n import gettext as _
from ..models import ITEMS_PER_PAGE, Comment, Update, page_of
from . import posts, revisions

T = TypeVar("T", Update, Comment)


def written(session: Session, kind: type[T], post_id: int, n: int) -> T:
    """An item, withdrawn or not, with its author. Raises NotFound."""
    statement = select(kind).where(kind.post_id == post_id, kind.n == n)
    item = session.scalar(statement.options(selectinload(kind.author), raiseload("*")))
    if item is None:
        raise NotFound
    return item


def on_desk(session: Session, kind: type[T], post_id: int, limit: int) -> list[T]:
    """The newest items, withdrawn ones included, with their authors."""
    statement = select(kind).where(kind.post_id == post_id).order_by(kind.n.desc()).limit(limit)
    return list(session.scalars(statement.options(selectinload(kind.author), raiseload("*"))))


def locked(session: WriteSession, kind: type[T], post_id: int, n: int) -> T:
    """An item to change, with its post locked. Raises NotFound."""
    posts.locked(session, post_id)
    item = session.scalar(select(kind).where(kind.post_id == post_id, kind.n == n))
    if item is None:
        raise NotFound
    return item


def refuse_erased(item: Update | Comment) -> None:
    """Raises Conflict for what was withdrawn for legal reasons: nothing can be brought back or changed."""
    if item.withdrawal == "legal":
        raise Conflict(_("This was withdrawn for legal reasons. Its text is deleted."))


def submitted(session: Session, kind: type[T], author_id: int, submission: str | None, **texts: Any) -> T | None:
    """What the same `submission` of the same person has made. Raises Conflict when it said something else."""
    if not submission:
        return None
    made = session.scalar(select(kind).where(kind.author_id == author_id, kind.submission == submission))
    return revisions.made_before(made, **texts)


def on_page(kind: type[Update] | type[Comment], count: int, number: int) -> tuple[ColumnElement[bool], ...]:
    """Where the items of page `number` are, of `count` in all. Page 1 is the oldest.

    A full page never changes, so the one after it is there at once, though empty. Raises NotFound beyond.
    """
    if not 1 <= number <= page_of(count + 1):
        raise NotFound
    first = (number - 1) * ITEMS_PER_PAGE
    return kind.position > first, kind.position <= first + ITEMS_PER_PAGE
