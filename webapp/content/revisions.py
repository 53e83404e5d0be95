"""Older texts: every text that is changed keeps the one before, and an edit of an outdated one is refused."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, selectinload

from ..errors import Conflict
from ..i18n import gettext as _
from ..models import About, Comment, Post, Revision, Update

T = TypeVar("T", Post, Update, Comment)

KINDS: dict[type[Post] | type[Update] | type[About], str] = {Post: "post", Update: "update", About: "about"}


def texts_of(item: Update | About) -> dict[str, Any]:
    names = ("title", "body", "correction") if isinstance(item, Update) else ("title", "body")
    return {name: getattr(item, name) for name in names}


def change(
    session: Session,
    item: Update | About,
    actor_id: int | None,
    version: int | None,
    *,
    also: dict[str, Any] | None = None,
    **texts: str,
) -> bool:
    """Give `item` new texts; the rest as `save`."""
    old = texts_of(item)
    if not save(session, item, actor_id, version, old=old, new=old | texts, also=also):
        return False
    for name, text in texts.items():
        setattr(item, name, text)
    return True


def save(
    session: Session,
    item: Post | Update | About,
    actor_id: int | None,
    version: int | None,
    *,
    old: dict[str, Any],
    new: dict[str, Any],
    also: dict[str, Any] | None = None,
) -> bool:
    """Keep what `item` was before a change from `old` to `new`; False when nothing is different.

    also: what else is kept with `old`, without being a text that can change.
    version: the revision that the editor's form was opened from, None for "whatever is there".
    Raises Conflict when that is an older one.
    """
    if old == new:
        return False
    if version is not None and version != item.version:
        raise Conflict
    kept = old | (also or {})
    session.add(
        Revision(kind=KINDS[type(item)], item_id=item.id, version=item.version, texts=kept, replaced_by_id=actor_id)
    )
    item.version += 1
    return True


def made_before(made: T | None, **texts: Any) -> T | None:
    """What the same `submission` made before. Raises Conflict when it said something else: both must stay."""
    if made is not None and any(getattr(made, name) != text for name, text in texts.items()):
        raise Conflict(_("This form was already sent with different text. Reload the page and try again."))
    return made


def of(session: Session, kind: str, item_id: int, limit: int = 20) -> list[Revision]:
    """The newest older texts of one item, newest first."""
    statement = select(Revision).where(Revision.kind == kind, Revision.item_id == item_id)
    return list(
        session.scalars(
            statement.options(selectinload(Revision.replaced_by)).order_by(Revision.version.desc()).limit(limit)
        )
    )


def of_post_and_updates(post_id: int) -> ColumnElement[bool]:
    of_post = (Revision.kind == "post") & (Revision.item_id == post_id)
    updates = select(Update.id).where(Update.post_id == post_id)
    return of_post | ((Revision.kind == "update") & Revision.item_id.in_(updates))


def count(session: Session, post_id: int) -> int:
    """Older texts of a post and of its updates."""
    return session.scalar(select(func.count()).select_from(Revision).where(of_post_and_updates(post_id))) or 0


def rename_author(session: Session, is_theirs: Callable[[str], bool], name: str) -> None:
    """Let earlier versions of posts call an author so, wherever they have a name that is theirs."""
    named = select(Revision.id, Revision.texts["authors"].as_string()).where(Revision.kind == "post")
    for revision_id, authors in session.execute(named).all():
        names = (authors or "").split(", ")
        if any(map(is_theirs, names)):
            revision = session.get_one(Revision, revision_id)
            renamed = dict.fromkeys(name if is_theirs(each) else each for each in names)
            revision.texts = revision.texts | {"authors": ", ".join(renamed)}
    session.flush()
