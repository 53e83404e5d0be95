"""What moderators see of the comments: the newest over all their posts, with who wrote them, and the posts' switches.

`author_id` is whose posts, None for everybody's. Only published posts take comments, so only those count.
"""

from dataclasses import dataclass

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import Session, joinedload, load_only, raiseload

from ..errors import NotFound
from ..models import Comment, Post, post_author

NEWEST = 100
RECENT = 10_000  # of the whole site's newest comments so many are looked through; one request must not be long
SWITCHES = 50

_of_post = load_only(Post.title, Post.language, Post.live, Post.comments, Post.status, raiseload=True)
_whole = (joinedload(Comment.author), joinedload(Comment.post).options(_of_post, raiseload("*")), raiseload("*"))


@dataclass(frozen=True)
class Moderated:
    """A comment, and of its author how many there are in all, and how many of them moderators withdrew."""

    comment: Comment
    count: int
    withdrawn: int

    @property
    def item(self) -> str:
        """Its id on a page with comments of several posts."""
        return f"post-{self.comment.post_id}-{self.comment.item}"


def newest(session: Session, author_id: int | None, limit: int = NEWEST) -> list[Moderated]:
    """The newest comments, withdrawn ones included, the newest first."""
    own = select(post_author.c.post_id).where(
        post_author.c.user_id == author_id, post_author.c.post_id == Comment.post_id
    )
    last = select(func.max(Comment.id)).scalar_subquery()
    ids = select(Comment.id, Comment.author_id).join(Post, Post.id == Comment.post_id).where(Post.status == "published")
    if author_id is not None:
        ids = ids.where(own.exists())  # tried for each from the newest on, instead of all of theirs being sorted
    recent = ids.where(Comment.id > last - RECENT).order_by(Comment.id.desc())
    return _found(session, recent.limit(min(limit, NEWEST)))


def one(session: Session, post_id: int, n: int) -> Moderated:
    """Raises NotFound."""
    comments = _found(session, select(Comment.id, Comment.author_id).where(Comment.post_id == post_id, Comment.n == n))
    if not comments:
        raise NotFound
    return comments[0]


def _found(session: Session, ids: Select[int, int]) -> list[Moderated]:
    """One query: these comments, their posts, their authors, and what is known of those."""
    chosen = ids.cte("chosen")
    by_moderators = case((Comment.withdrawn_by_id != Comment.author_id, 1))
    known = (
        select(Comment.author_id, func.count().label("count"), func.count(by_moderators).label("withdrawn"))
        .where(Comment.author_id.in_(select(chosen.c.author_id)))
        .group_by(Comment.author_id)
        .subquery()
    )
    rows = session.execute(
        select(Comment, known.c.count, known.c.withdrawn)
        .join(chosen, chosen.c.id == Comment.id)
        .join(known, known.c.author_id == Comment.author_id)
        .order_by(Comment.id.desc())
        .options(*_whole)
    )
    return [Moderated(*row) for row in rows]


def switches(session: Session, author_id: int | None, found: list[Moderated]) -> list[Post]:
    """The posts whose comments may need a switch: the live ones, and those of the comments `found`; the live first."""
    ids = {moderated.comment.post_id for moderated in found}
    statement = select(Post).where(Post.status == "published", or_(Post.live, Post.id.in_(ids)))
    if author_id is not None:
        own = select(post_author.c.post_id).where(post_author.c.user_id == author_id)
        statement = statement.where(Post.id.in_(own))
    newest_first = statement.order_by(Post.live.desc(), Post.id.desc()).limit(SWITCHES)
    return list(session.scalars(newest_first.options(_of_post, raiseload("*"))))
