"""Live posts that went quiet: their authors are asked whether it is over, and in the end they end by themselves.

A post is quiet since its newest update, or since it was published, became live, had its text changed, or an author said
that it goes on. After END_AFTER_HOURS of that the desk asks; after as long again it ends. A clock that is set ends
none: times that are still to come don't count, and when a day passes at once, the quiet begins anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from .. import changes, db
from ..db.engine import WriteSession
from ..errors import Conflict
from ..i18n import gettext as _
from ..models import Post, Update
from ..system import instance
from ..system.clock import now_ms
from . import posts

HOUR_MS = 3_600_000
STEP_MS = 60_000  # by less a clock is adjusted


@dataclass(frozen=True)
class Quiet:
    """How long nobody has updated a live post, in whole hours, and when it ends by itself."""

    hours: int
    ends_at: int


def asked_about(session: Session) -> dict[int, Quiet]:
    """The published live posts, by id, that have been quiet for so long that their authors are asked."""
    after_ms, now = _after_ms(), now_ms()
    if not after_ms:
        return {}
    quiet = ((post_id, since) for post_id, since in _quiet_since(session, now) if now - since >= after_ms)
    return {post_id: Quiet((now - since) // HOUR_MS, since + 2 * after_ms) for post_id, since in quiet}


def _after_ms() -> int:
    """0 for never. A bench's posts are as old as its figures want them to be, and stay live."""
    hours: int = current_app.config["END_AFTER_HOURS"]
    return 0 if instance.is_bench(current_app.config["INSTANCE"]) else hours * HOUR_MS


def _quiet_since(session: Session, now: int) -> list[tuple[int, int]]:
    newest = select(func.max(Update.created_at)).where(Update.post_id == Post.id, Update.created_at <= now)
    times = (Post.published_at, Post.changed_at, Post.kept_live_at, newest.scalar_subquery())
    rows = session.execute(select(Post.id, *times).where(Post.status == "published", Post.live).order_by(Post.id))
    return [(post_id, max((at for at in known if at and at <= now), default=now)) for post_id, *known in rows]


def keep_live(session: WriteSession, post_id: int) -> None:
    """It goes on, says an author. Raises Conflict when it has ended."""
    post = posts.locked(session, post_id)
    if not post.live:
        raise Conflict(_("This post is no longer live. To continue, turn on Live in its form."))
    post.kept_live_at = now_ms()


def end_quiet() -> list[int]:
    """End the posts whose time has come; their ids. Whoever updates or keeps one at this moment is not overtaken."""
    ended = []
    for post_id in _due(db.reading()):
        with changes.changing() as session:
            posts.locked(session, post_id)
            if post_id in _due(session):
                ended.append(posts.end(session, post_id).id)
    return ended


def _due(session: Session) -> list[int]:
    return [post_id for post_id, quiet in asked_about(session).items() if quiet.ends_at <= now_ms()]


class Looks:
    """One worker's looks for posts to end, between which the clock may be set."""

    def __init__(self) -> None:
        self.ahead_ms: int | None = None  # of a clock that nobody sets

    def look(self) -> list[int]:
        ahead_ms = now_ms() - round(time.monotonic() * 1000)
        if self.ahead_ms is not None and ahead_ms - self.ahead_ms > STEP_MS:
            _keep_all_live()
        self.ahead_ms = ahead_ms
        return end_quiet()


def _keep_all_live() -> None:
    with db.writing() as session:
        session.execute(update(Post).where(Post.status == "published", Post.live).values(kept_live_at=now_ms()))
