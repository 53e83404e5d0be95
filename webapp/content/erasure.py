"""Withdrawing for legal reasons: the text leaves no copy, neither for readers nor for those who write.

SQLite overwrites what is deleted (db/engine.py). After the commit `changes` empties its log, or vacuums PostgreSQL, and
takes away the copies of the database in the instance.
"""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..db.engine import WriteSession
from ..errors import Conflict, NotFound
from ..i18n import gettext as _
from ..models import Comment, Revision, Update
from . import comments, library, pictures, posts, search, updates


def update(session: WriteSession, post_id: int, n: int) -> Update:
    """Withdraw an update with all that it ever said."""
    erased = updates.withdraw(session, post_id, n)
    erased.withdrawal, erased.key = "legal", False
    erased.title = erased.body = erased.html = erased.correction = ""
    session.execute(delete(Revision).where(Revision.kind == "update", Revision.item_id == erased.id))
    pictures.note_uses(session, erased)
    _leave_no_copy(session)
    return erased


def comment(session: WriteSession, post_id: int, n: int, actor_id: int) -> Comment:
    erased = comments.withdraw(session, post_id, n, actor_id)
    erased.body = erased.html = ""
    _leave_no_copy(session)
    return erased


def earlier(session: WriteSession, post_id: int, revision_id: int) -> None:
    """Erase an older text of the post or of one of its updates. That it was there, and until when, stays.

    Raises NotFound, Conflict for one that is erased already.
    """
    posts.locked(session, post_id)
    revision = session.get(Revision, revision_id)
    if revision is None or not _belongs(session, revision, post_id):
        raise NotFound
    if revision.texts.get("legal"):
        raise Conflict(_("This text is already deleted."))
    words = {"title": _("Withdrawn for legal reasons"), "said": False, "legal": True}
    revision.texts = dict.fromkeys(revision.texts, "") | words
    if revision.kind == "update":
        updates.record(session, session.get_one(Update, revision.item_id))
    else:
        posts.forget_unused_tags(session)
    _leave_no_copy(session)


def picture(session: WriteSession, name: str) -> list[str]:
    """Delete a picture, and take it out of all texts, their earlier versions and their events.

    Its digest stays, so that the file isn't taken again. The names whose files are to be forgotten after the commit.
    """
    names = library.take_out(session, name)
    _leave_no_copy(session)
    return names


def post(session: WriteSession, post_id: int) -> None:
    """Delete a post with all that belongs to it."""
    posts.erase(session, post_id)
    posts.forget_unused_tags(session)  # that it had before, too
    _leave_no_copy(session)


def _belongs(session: Session, revision: Revision, post_id: int) -> bool:
    if revision.kind == "post":
        return revision.item_id == post_id
    of_post = select(Update.id).where(Update.id == revision.item_id, Update.post_id == post_id)
    return revision.kind == "update" and session.scalar(of_post) is not None


def _leave_no_copy(session: WriteSession) -> None:
    """What earlier events said of it, its withdrawal has emptied; that last event is still to be told."""
    search.forget_deleted(session)
    session.flush()
    session.erased = True
