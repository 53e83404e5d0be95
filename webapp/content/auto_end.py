"""Live posts that went quiet: their authors are asked whether it is over, and in the end they end by themselves.

A post is quiet since its newest update, or since it was published, became live, had its text changed, or an author said
that it goes on. After END_AFTER_HOURS of that the desk asks; after as long again it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .. import changes, db
from ..db.engine import WriteSession
from ..errors import Conflict
from ..i18n import gettext as _
from ..models import Post, Update, now_ms
from ..system import instance
from . import posts

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Quiet:
    """How long nobody has updated a live post, in whole hours, and when it ends by itself."""

    hours: int
    ends_at: int


def asked_about(session: Session, now: int | None = None) -> dict[int, Quiet]:
    """The published live posts, by id, that have been quiet for so long that their authors are asked."""
    after_ms, now = _after_ms(), now or now_ms()
    if not after_ms:
        return {}
    quiet = ((post_id, since) for post_id, since in _quiet_since(session) if now - since >= after_ms)
    return {post_id: Quiet((now - since) // HOUR_MS, since + 2 * after_ms) for post_id, since in quiet}


def _after_ms() -> int:
    """0 for never. A bench's posts are as old as its figures want them to be, and stay live."""
    hours: int = current_app.config["END_AFTER_HOURS"]
    return 0 if instance.is_bench(current_app.config["INSTANCE"]) else hours * HOUR_MS


def _quiet_since(session: Session) -> list[tuple[int, int]]:
    newest = select(func.max(Update.created_at)).where(Update.post_id == Post.id).scalar_subquery()
    times = (Post.published_at, Post.changed_at, Post.kept_live_at, newest)
    rows = session.execute(select(Post.id, *times).where(Post.status == "published", Post.live).order_by(Post.id))
    return [(post_id, max(at or 0 for at in known)) for post_id, *known in rows]


def keep_live(session: WriteSession, post_id: int) -> None:
    """It goes on, says an author. Raises Conflict when it has ended."""
    post = posts.locked(session, post_id)
    if not post.live:
        raise Conflict(_("This post is no longer live. To continue, turn on Live in its form."))
    post.kept_live_at = now_ms()


def end_quiet(now: int | None = None) -> list[int]:
    """End the posts whose time has come; their ids. Whoever updates or keeps one at this moment is not overtaken."""
    now = now or now_ms()
    due = [post_id for post_id, quiet in asked_about(db.reading(), now).items() if quiet.ends_at <= now]
    ended = []
    for post_id in due:
        with changes.changing() as session:
            posts.locked(session, post_id)
            quiet = asked_about(session, now).get(post_id)
            if quiet and quiet.ends_at <= now:
                ended.append(posts.end(session, post_id).id)
    return ended
