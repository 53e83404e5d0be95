"""Tables of what has happened: older texts, events, and the versions of pages."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..system.clock import now_ms
from .accounts import User
from .base import Base

SEARCH_TABLE = "search"  # of SQLite's FTS5, which no class here stands for


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
    """One visible change of a post (or of the front page), numbered from 1 without a gap. See content/events.py."""

    __tablename__ = "event"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    item: Mapped[str]
    payload: Mapped[str]
    at: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_event_item", "post_id", "item"),)


class Page(Base):
    """The version of a public page, or of all that a pattern such as /post/7/* covers. See pages/versions.py."""

    __tablename__ = "page"

    path: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, index=True)
