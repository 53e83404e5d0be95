"""Older texts: every text that is changed keeps the one before, and an edit of an outdated one is refused."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from .errors import Conflict
from .models import About, Post, Revision, Update

KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    Post: ("post", ("title", "summary", "body", "language")),
    Update: ("update", ("title", "body", "correction")),
    About: ("about", ("title", "body")),
}


def texts_of(item: Post | Update | About) -> dict[str, Any]:
    return {name: getattr(item, name) for name in KINDS[type(item)][1]}


def change(
    session: Session, item: Post | Update | About, actor_id: int | None, version: int | None, **texts: str
) -> bool:
    """Give `item` new texts and keep the old ones; False when nothing is different.

    version: the revision that the editor's form was opened from, None for "whatever is there".
    Raises Conflict with the item as it is when that is an older one and the texts differ.
    """
    old = texts_of(item)
    if all(old[name] == text for name, text in texts.items()):
        return False
    if version is not None and version != item.version:
        raise Conflict(current=item)
    session.add(
        Revision(kind=KINDS[type(item)][0], item_id=item.id, version=item.version, texts=old, replaced_by_id=actor_id)
    )
    for name, text in texts.items():
        setattr(item, name, text)
    item.version += 1
    return True


def of(session: Session, kind: str, item_id: int) -> list[Revision]:
    """The older texts of one item, newest first."""
    statement = select(Revision).where(Revision.kind == kind, Revision.item_id == item_id)
    return list(
        session.scalars(statement.options(selectinload(Revision.replaced_by)).order_by(Revision.version.desc()))
    )
