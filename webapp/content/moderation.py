"""What moderators see of the comments: the newest over all their posts, with who wrote them, and the posts' switches.

`author_id` is whose posts, None for everybody's. Only published posts take comments, so only those count.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, joinedload, load_only, raiseload

from ..errors import NotFound
from ..models import Comment, Post, post_author
from . import posts

NEWEST = 100
RECENT = 10_000  # of the whole site's newest comments so many are looked through; one request must not be long
SWITCHES = 50
COUNTED = 100  # twin in templates/desk/_commenter.html

_of_post = load_only(Post.title, Post.language, Post.live, Post.comments, Post.status, raiseload=True)
_whole = (joinedload(Comment.author), joinedload(Comment.post).options(_of_post, raiseload("*")), raiseload("*"))


@dataclass(frozen=True)
class Moderated:
    """A comment, and of its author how many there are in all, and how many of them moderators withdrew: COUNTED + 1
    for more than COUNTED, since those who comment for years write thousands."""

    comment: Comment
    count: int
    withdrawn: int

    @property
    def item(self) -> str:
        """Its id on a page with comments of several posts."""
        return f"post-{self.comment.post_id}-{self.comment.item}"


def _is_by(author_id: int, post_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Tried for each row from the newest on, instead of all of theirs being sorted."""
    return exists().where(post_author.c.post_id == post_id, post_author.c.user_id == author_id)


def newest(session: Session, author_id: int | None, limit: int = NEWEST) -> list[Moderated]:
    """The newest comments, withdrawn ones included, the newest first."""
    last = select(func.max(Comment.id)).scalar_subquery()
    ids = select(Comment.id).where(posts.is_published(Comment.post_id))
    if author_id is not None:
        ids = ids.where(_is_by(author_id, Comment.post_id))
    recent = ids.where(Comment.id > last - RECENT).order_by(Comment.id.desc())
    return _found(session, recent.limit(min(limit, NEWEST)))


def one(session: Session, post_id: int, n: int) -> Moderated:
    """Raises NotFound."""
    comments = _found(session, select(Comment.id).where(Comment.post_id == post_id, Comment.n == n))
    if not comments:
        raise NotFound
    return comments[0]


def _found(session: Session, ids: Select[int]) -> list[Moderated]:
    """One query: these comments, their posts, their authors, and what is known of those."""
    theirs = aliased(Comment)
    every = select(theirs.id).where(theirs.author_id == Comment.author_id)
    withdrawn = every.where(theirs.withdrawn_by_id > 0)  # an index has these in a row
    by_moderators = withdrawn.where(theirs.withdrawn_by_id != Comment.author_id)
    rows = session.execute(
        select(Comment, _counted(every), _counted(by_moderators))
        .where(Comment.id.in_(ids))
        .order_by(Comment.id.desc())
        .options(*_whole)
    )
    return [Moderated(*row) for row in rows]


def _counted(comments: Select[int]) -> ScalarSelect[int]:
    some = comments.limit(COUNTED + 1).correlate(Comment).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def switches(session: Session, author_id: int | None, found: list[Moderated]) -> list[Post]:
    """The posts whose comments may need a switch: the live ones, and those of the comments `found`; the live first."""
    ids = {moderated.comment.post_id for moderated in found}
    live = select(Post.id).where(Post.status == "published", Post.live)
    chosen = live.union(select(Post.id).where(Post.status == "published", Post.id.in_(ids)))
    statement = select(Post).where(Post.id.in_(chosen))
    if author_id is not None:
        statement = statement.where(_is_by(author_id, Post.id))
    newest_first = statement.order_by(Post.live.desc(), Post.id.desc()).limit(SWITCHES)
    return list(session.scalars(newest_first.options(_of_post, raiseload("*"))))
