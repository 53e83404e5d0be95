"""Tables of people: accounts, their sessions and links, and attempts at what is limited."""

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..system.clock import now_ms
from .base import Base

ROLES = ("reader", "author", "editor", "admin")


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
