"""Tables of what is published as a whole: posts with their authors and tags, and the site's own pages."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..system.clock import now_ms
from .accounts import User
from .base import Base

FRONT = 0  # the row of `post` that numbers the front page's events; it is no post and is never shown


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
    """`status` is draft, published, deleted, or front for the one row FRONT. An ended live post has `ended_at`.

    `cover_name` is the picture that was chosen for lists and links, None for the first one of the text; `cover` has
    what these know of it, the fields of a text.pictures.Picture.
    `comments` is open, slow or closed. `kept_live_at` is when an author last said that a quiet live post goes on.
    """

    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default="draft")
    title: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    body: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")
    toc: Mapped[list[Any]] = mapped_column(default=list)
    cover_name: Mapped[str | None]
    cover: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
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
    kept_live_at: Mapped[int | None] = mapped_column(BigInteger)

    authors: Mapped[list[User]] = relationship(secondary=post_author, order_by=User.id)
    tags: Mapped[list[Tag]] = relationship(secondary=post_tag, order_by=Tag.key)

    __table_args__ = (
        UniqueConstraint("created_by_id", "submission"),
        Index("ix_post_listed", "status", "live", "published_at"),
        Index("ix_post_published", "status", "published_at"),
        Index("ix_post_changed", "status", "live", "changed_at"),
    )


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
