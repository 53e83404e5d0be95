"""Comments: reading them, and the verbs that change them, each with its event."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, raiseload, selectinload

from ..db.engine import WriteSession
from ..errors import Conflict, NotFound, TooMany
from ..i18n import gettext as _
from ..models import ITEMS_PER_PAGE, Comment, Post, ShownComment, User
from ..system.clock import now_ms
from . import events, fragments, invalidation, items, posts

PER_MINUTE = 5
SLOW_MS = 300_000  # one comment each on a post whose comments are slow


@dataclass(frozen=True)
class Latest:
    """The latest comments, oldest first; `older` is the number of the page before them, or None."""

    comments: list[ShownComment]
    older: int | None


_author = case((User.deleted_at.is_(None), User.username))
_columns = (*(getattr(Comment, name) for name in ShownComment._fields[:-1]), _author)


def _shown(post_id: int) -> Select[Any]:
    joined = select(*_columns).join(User, User.id == Comment.author_id)
    return joined.where(Comment.post_id == post_id, Comment.withdrawn_at.is_(None))


def _found(session: Session, statement: Select[Any]) -> list[ShownComment]:
    return [ShownComment(*row) for row in session.execute(statement)]


def latest(session: Session, post: Post) -> Latest:
    newest_shown = _found(session, _shown(post.id).order_by(Comment.n.desc()).limit(ITEMS_PER_PAGE + 1))
    older = newest_shown[ITEMS_PER_PAGE].page if len(newest_shown) > ITEMS_PER_PAGE else None
    return Latest(newest_shown[:ITEMS_PER_PAGE][::-1], older)


def page(session: Session, post: Post, number: int) -> list[ShownComment]:
    """As `items.on_page`, the oldest first."""
    within = _shown(post.id).where(*items.on_page(Comment, post.comment_count, number))
    return _found(session, within.order_by(Comment.n))


def on_desk(session: Session, post_id: int, limit: int = 100) -> list[Comment]:
    return items.on_desk(session, Comment, post_id, limit)


def by_user(session: Session, user_id: int, limit: int = 100) -> list[Comment]:
    """A person's own newest comments, each with its post; those that a moderator withdrew too."""
    is_deleted = Comment.withdrawn_by_id == Comment.author_id
    statement = (
        select(Comment)
        .join(Comment.post)
        .where(Comment.author_id == user_id, is_deleted.is_not(True), Post.status == "published")
    )
    newest = statement.order_by(Comment.id.desc()).limit(limit)
    return list(session.scalars(newest.options(selectinload(Comment.post), raiseload("*"))))


def written(session: Session, post_id: int, n: int) -> Comment:
    return items.written(session, Comment, post_id, n)


def add(
    session: WriteSession,
    post_id: int,
    author_id: int,
    body: str,
    html: str,
    *,
    submission: str | None = None,
    per_minute: int | None = PER_MINUTE,
    at_ms: int | None = None,
) -> Comment:
    """A new comment; the same `submission` of the same person again gives the one that it made.

    at_ms: its time, now unless given.
    Raises NotFound, Conflict when comments are closed, TooMany after `per_minute` in the last 60 seconds, or less than
    SLOW_MS after the last one where they are slow.
    """
    post = posts.locked(session, post_id)
    if made := items.submitted(session, Comment, author_id, submission, post_id=post_id, body=body):
        return made
    _check_open(session, post, author_id, per_minute)
    n = events.next_number(session, post_id)
    post.comment_count += 1
    comment = Comment(
        post_id=post_id,
        n=n,
        position=post.comment_count,
        body=body,
        html=html,
        author_id=author_id,
        submission=submission,
        created_at=at_ms or now_ms(),
    )
    session.add(comment)
    session.flush()
    _record(session, comment, n)
    return comment


def _check_open(session: Session, post: Post, author_id: int, per_minute: int | None) -> None:
    """Raises what `add` does when this person may not comment here now."""
    if post.status != "published":
        raise NotFound
    if post.comments == "closed":
        raise Conflict(_("Comments on this post are closed."))
    if post.comments == "slow" and (wait := _ms_to_next(session, post.id, author_id)) > 0:
        raise TooMany(_("Slow mode: one comment per person every five minutes."), -(-wait // 1000))
    if per_minute is not None and _in_last_minute(session, author_id) >= per_minute:
        raise TooMany(_("You’re doing that too often. Wait a minute, then try again."), 60)


def _ms_to_next(session: Session, post_id: int, author_id: int) -> int:
    """Withdrawn ones count: deleting one is no way to be faster. Those of before the clock was set back don't."""
    now = now_ms()
    own = (Comment.author_id == author_id, Comment.post_id == post_id, Comment.created_at <= now)
    return (session.scalar(select(func.max(Comment.created_at)).where(*own)) or 0) + SLOW_MS - now


def _in_last_minute(session: Session, author_id: int) -> int:
    now = now_ms()
    recent = (Comment.author_id == author_id, Comment.created_at.between(now - 59_999, now))
    return session.scalar(select(func.count()).where(*recent)) or 0


def withdraw(session: WriteSession, post_id: int, n: int, actor_id: int) -> Comment:
    """Take it away from readers. What its own author deletes is gone for good, whoever was faster."""
    comment = items.locked(session, Comment, post_id, n)
    if comment.withdrawn_at is None:
        comment.withdrawn_at, comment.withdrawn_by_id = now_ms(), actor_id
        events.record(session, post_id, events.next_number(session, post_id), "remove", item=comment.item)
        invalidation.comment(session, comment)
    if actor_id == comment.author_id:
        comment.withdrawn_by_id = actor_id
        comment.body = comment.html = ""
    return comment


def restore(session: WriteSession, post_id: int, n: int) -> Comment:
    """Bring back what a moderator withdrew. What its author deleted or what was erased stays so (Conflict)."""
    comment = items.locked(session, Comment, post_id, n)
    if comment.withdrawn_at is None:
        return comment
    items.refuse_erased(comment)
    if comment.withdrawn_by_id == comment.author_id:
        raise Conflict(_("The author deleted this comment. It can’t be restored."))
    comment.withdrawn_at = comment.withdrawn_by_id = None
    session.flush()
    _record(session, comment, events.next_number(session, post_id))
    return comment


def _record(session: WriteSession, comment: Comment, number: int) -> None:
    html = fragments.fragment("comment", comment.post, comment.shown)
    events.record(session, comment.post_id, number, "comment", item=comment.item, html=html)
    invalidation.comment(session, comment)
