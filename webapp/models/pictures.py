"""Tables of pictures, of where they are used, and of their originals."""

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..system.clock import now_ms
from .accounts import User
from .base import Base


class Picture(Base):
    """A picture that somebody uploaded. Texts name it `/media/` and `name`, its original is kept under that name too.

    name: the first 16 hexadecimal digits of `digest`, the SHA-256 of the original.
    kind: jpeg, png, gif, webp or avif; width, height: upright, in pixels; bytes: of the original.
    fallback: the type of its variants for browsers without WebP: jpg, png, or webp for an animation.
    ground: its average colour, such as #a1b2c3; file_name: as its uploader's machine called it.
    decorative: it says nothing, so that it needs no alt text.
    replaced_by_id: the picture that stands wherever a text names this one.
    erased_at: when it was withdrawn for legal reasons. Its digest stays, so that the same file isn't taken again.
    used_at: when a text first named it; one that none ever did is deleted after a week.
    """

    __tablename__ = "picture"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str]
    kind: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int]
    fallback: Mapped[str]
    ground: Mapped[str]
    file_name: Mapped[str] = mapped_column(default="")
    alt: Mapped[str] = mapped_column(default="")
    caption: Mapped[str] = mapped_column(default="")
    credit: Mapped[str] = mapped_column(default="")
    decorative: Mapped[bool] = mapped_column(default=False)
    uploader_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    submission: Mapped[str | None]
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    erased_at: Mapped[int | None] = mapped_column(BigInteger)
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("picture.id"))

    uploader: Mapped[User] = relationship()

    __table_args__ = (
        UniqueConstraint("uploader_id", "submission"),
        Index("ix_picture_created", "erased_at", "created_at"),
        Index("ix_picture_used", "used_at"),
    )


class PictureUse(Base):
    """A text names a picture. `kind` is post, update or about, and `item_id` its row there, as a Revision's are."""

    __tablename__ = "picture_use"

    kind: Mapped[str] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[int] = mapped_column(ForeignKey("picture.id"), primary_key=True, index=True)


class OriginalPiece(Base):
    """A part of a picture's original, counted from 0. Only on PostgreSQL; see media/storage.py."""

    __tablename__ = "original_piece"

    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]
