"""The tables. Their verbs stand beside them: posts, updates, comments, events, people.

Every time is a whole number of milliseconds since 1970, UTC, in a column named `…_at`.
`n` of an update or comment is the number of the event that brought it: it names the item in URLs and pages.
`position` counts a post's updates (or comments) from 1, withdrawn ones included, so that older pages never shift.
"""

import time
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, MetaData, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

ROLES = ("reader", "author", "editor", "admin")
FRONT = 0  # the row of `post` that numbers the front page's events; it is no post and is never shown


ITEMS_PER_PAGE = 50  # of updates, or of comments


def page_of(position: int) -> int:
    """The number of the page of older updates or comments on which a position stands."""
    return -(-position // ITEMS_PER_PAGE)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {dict[str, Any]: JSON, list[Any]: JSON}


class User(Base):
    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    username_key: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str | None]
    email_key: Mapped[str | None] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    role: Mapped[str]
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)

    @property
    def shown_name(self) -> str | None:
        """None for a deleted account."""
        return None if self.deleted_at else self.username


class OldName(Base):
    """A name that a user had before: its page redirects, and nobody else can take it."""

    __tablename__ = "old_name"

    username_key: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)


class LoginSession(Base):
    """One signed-in browser. Only the SHA-256 of its cookie's value is kept."""

    __tablename__ = "session"

    sid_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    agent: Mapped[str]

    user: Mapped[User] = relationship()


class OneTimeLink(Base):
    """An invitation (makes an account with `role`) or a new password for `user`. Used once."""

    __tablename__ = "one_time_link"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    role: Mapped[str | None]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class Attempt(Base):
    """One try at something limited, such as `login ada 203.0.113.7`."""

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_attempt_key_at", "key", "at"), Index("ix_attempt_at", "at"))


post_author = Table(
    "post_author",
    Base.metadata,
    Column("post_id", ForeignKey("post.id"), primary_key=True),
    Column("user_id", ForeignKey("user.id"), primary_key=True, index=True),
)

post_tag = Table(
    "post_tag",
    Base.metadata,
    Column("post_id", ForeignKey("post.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True, index=True),
)


class Tag(Base):
    """`key` is the tag in URLs; `name` is as its first user wrote it."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class Post(Base):
    """`status` is draft, published, or front for the one row FRONT. An ended live post has `ended_at`."""

    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default="draft")
    title: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    body: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")
    toc: Mapped[list[Any]] = mapped_column(default=list)
    language: Mapped[str] = mapped_column(default="")
    live: Mapped[bool] = mapped_column(default=False)
    comments: Mapped[str] = mapped_column(default="open")
    seq: Mapped[int] = mapped_column(default=0)
    update_count: Mapped[int] = mapped_column(default=0)
    comment_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    submission: Mapped[str | None]
    draft_token: Mapped[str | None] = mapped_column(unique=True)
    source: Mapped[str | None] = mapped_column(unique=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    changed_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    published_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)

    authors: Mapped[list[User]] = relationship(secondary=post_author, order_by=User.id)
    tags: Mapped[list[Tag]] = relationship(secondary=post_tag, order_by=Tag.key)

    __table_args__ = (
        UniqueConstraint("created_by_id", "submission"),
        Index("ix_post_listed", "status", "live", "published_at"),
    )


class ShownUpdate(NamedTuple):
    """What readers see of an update. `author` is None for a deleted account."""

    n: int
    title: str
    html: str
    key: bool
    pinned: bool
    created_at: int
    corrected_at: int | None
    correction: str
    position: int
    author: str | None

    @property
    def page(self) -> int:
        return page_of(self.position)


class ShownComment(NamedTuple):
    """What readers see of a comment. `author` is None for a deleted account."""

    n: int
    html: str
    created_at: int
    position: int
    author: str | None

    @property
    def page(self) -> int:
        return page_of(self.position)


class Update(Base):
    __tablename__ = "update"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    n: Mapped[int]
    position: Mapped[int]
    title: Mapped[str] = mapped_column(default="")
    body: Mapped[str]
    html: Mapped[str]
    key: Mapped[bool] = mapped_column(default=False)
    pinned: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    submission: Mapped[str | None]
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    corrected_at: Mapped[int | None] = mapped_column(BigInteger)
    correction: Mapped[str] = mapped_column(default="")
    withdrawn_at: Mapped[int | None] = mapped_column(BigInteger)

    post: Mapped[Post] = relationship()
    author: Mapped[User] = relationship()

    __table_args__ = (
        UniqueConstraint("post_id", "n"),
        UniqueConstraint("post_id", "position", name="uq_update_position"),
        UniqueConstraint("author_id", "submission"),
    )

    @property
    def item(self) -> str:
        return f"update-{self.n}"

    @property
    def shown(self) -> ShownUpdate:
        return ShownUpdate._make([*(getattr(self, name) for name in ShownUpdate._fields[:-1]), self.author.shown_name])


class Comment(Base):
    __tablename__ = "comment"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    n: Mapped[int]
    position: Mapped[int]
    body: Mapped[str]
    html: Mapped[str]
    submission: Mapped[str | None]
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    withdrawn_at: Mapped[int | None] = mapped_column(BigInteger)
    withdrawn_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    post: Mapped[Post] = relationship()
    author: Mapped[User] = relationship(foreign_keys=author_id)

    __table_args__ = (
        UniqueConstraint("post_id", "n"),
        UniqueConstraint("post_id", "position", name="uq_comment_position"),
        UniqueConstraint("author_id", "submission"),
        Index("ix_comment_author_created", "author_id", "created_at"),
    )

    @property
    def item(self) -> str:
        return f"comment-{self.n}"

    @property
    def shown(self) -> ShownComment:
        return ShownComment._make(
            [*(getattr(self, name) for name in ShownComment._fields[:-1]), self.author.shown_name]
        )

    @property
    def page(self) -> int:
        return page_of(self.position)


class About(Base):
    """A page of the site itself, such as `imprint`."""

    __tablename__ = "about"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    body: Mapped[str]
    html: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)

    # A page can be deleted; its revisions must not become those of the next one.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012


class Revision(Base):
    """A text as it was before a change. `kind` is post, update or about, and `item_id` its row there."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    item_id: Mapped[int]
    version: Mapped[int]
    texts: Mapped[dict[str, Any]]
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    replaced_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)

    replaced_by: Mapped[User | None] = relationship()

    __table_args__ = (UniqueConstraint("kind", "item_id", "version"),)


class Event(Base):
    """One visible change of a post (or of the front page), numbered from 1 without a gap. DESIGN: "Events"."""

    __tablename__ = "event"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    item: Mapped[str]
    payload: Mapped[str]
    at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_event_item", "post_id", "item"),)


class Page(Base):
    """The version of a public page, or of all that a pattern such as /post/7/* covers. See versions.py."""

    __tablename__ = "page"

    path: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, index=True)
