"""Tables of what is said under a post: updates and comments, and what readers see of them."""

from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..system.clock import now_ms
from .accounts import User
from .base import Base, page_of
from .posts import Post


class Earlier(NamedTuple):
    """What a corrected update said `until` then, in ms."""

    title: str
    html: str
    until: int


class ShownUpdate(NamedTuple):
    """What readers see of an update. `author` is None for a deleted account.

    `earlier` is what it said before it was corrected, the newest first; `left_out` counts what has no room there.
    """

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
    earlier: tuple[Earlier, ...] = ()
    left_out: int = 0

    @property
    def page(self) -> int:
        return page_of(self.position)


SHOWN_COLUMNS = ShownUpdate._fields[: ShownUpdate._fields.index("author")]


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
    """`withdrawal` is `legal` for one whose texts are erased, else None."""

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
    withdrawal: Mapped[str | None]

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
        """Without what it said earlier: corrections.with_earlier adds that."""
        return ShownUpdate(**{name: getattr(self, name) for name in SHOWN_COLUMNS}, author=self.author.shown_name)


class Editing(Base):
    """Somebody has the form of an update open, as of `at`."""

    __tablename__ = "editing"

    update_id: Mapped[int] = mapped_column(ForeignKey("update.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, index=True)


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
        Index("ix_comment_author_withdrawn", "author_id", "withdrawn_by_id"),
    )

    @property
    def item(self) -> str:
        return f"comment-{self.n}"

    @property
    def withdrawal(self) -> str | None:
        """`legal` for one whose text is erased, as an update's; a comment that says something has a text."""
        return None if self.body or self.withdrawn_by_id == self.author_id else "legal"

    @property
    def shown(self) -> ShownComment:
        return ShownComment._make(
            [*(getattr(self, name) for name in ShownComment._fields[:-1]), self.author.shown_name]
        )

    @property
    def page(self) -> int:
        return page_of(self.position)
