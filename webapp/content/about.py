"""Pages of the site itself, such as Imprint and Privacy."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import db
from ..db.engine import WriteSession
from ..errors import Conflict, NotFound
from ..i18n import gettext as _
from ..models import About
from ..system.clock import now_ms
from . import invalidation, pictures, revisions

NAME = re.compile(r"[a-z0-9]+(?:[-/][a-z0-9]+)*")
NAME_LENGTH = 100


def shown(session: Session, name: str) -> About:
    """Raises NotFound."""
    page = session.scalar(select(About).where(About.name == name))
    if page is None:
        raise NotFound
    return page


def every(session: Session) -> list[About]:
    return list(session.scalars(select(About).order_by(About.name)))


def linked() -> list[tuple[str, str]]:
    """Name and title of each, by name, as every page's footer links to them."""
    rows = db.reading().execute(select(About.name, About.title).order_by(About.name))
    return [(row.name, row.title) for row in rows]


def create(session: WriteSession, name: str, *, title: str, body: str, html: str) -> About:
    """Raises Conflict when the name is taken."""
    taken = session.scalar(select(About).where(About.name == name))
    if taken is not None:
        raise Conflict(_("A page with that name already exists."))
    page = About(name=name, title=title, body=body, html=html)
    session.add(page)
    session.flush()
    pictures.note_uses(session, page, is_new=True)
    invalidation.about(session, name, listed_anew=True)
    return page


def edit(
    session: WriteSession, name: str, *, title: str, body: str, html: str, version: int | None, actor_id: int
) -> About:
    """Raises Conflict as `revisions.save`."""
    page = shown(session, name)
    listed_anew = title != page.title
    if revisions.change(session, page, actor_id, version, title=title, body=body):
        page.html = html
        page.changed_at = now_ms()
        pictures.note_uses(session, page)
        invalidation.about(session, name, listed_anew)
    return page


def delete(session: WriteSession, name: str, actor_id: int) -> None:
    """Its last text is kept among the revisions."""
    page = shown(session, name)
    revisions.save(session, page, actor_id, None, old=revisions.texts_of(page), new={})
    pictures.forget_uses(session, "about", [page.id])
    session.delete(page)
    invalidation.about(session, name, listed_anew=True)
