"""Tables of what came from elsewhere: imports, their files, and where posts were before."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ..system.clock import now_ms
from .base import Base


class Import(Base):
    """A run of `pressroom import` that changed something. An undone one stays, and its number with it."""

    __tablename__ = "import"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, default=now_ms)


class ImportedFile(Base):
    """A post that an import made or changed, and the file that it came from. The last of a post's rows counts.

    path: of the file below the folder that was named, with `/`; only its digest once the post is deleted.
    place: digest of its whole path. A changed file is known by it, or by two of `title_digest`, `body_digest` and
        `dated_at`, as two blogs may each have an about.md.
    digest: of the file's bytes; `text_digest`: of title, text, date and language, which tell a copy of it.
    version, status: the post's afterwards; others mean that somebody has changed it since.
    reason: why it is a draft, as `draft: true`; empty for a published one.
    dated_at: when the file says that it was, or is to be, published.
    kept: what can't be shown yet: `byline` and `image`.
    before: `status`, `published_at` and `authors` of a post that was changed, the version `edited_at` under
        which its text was kept if it `is_edited`, and the `addresses` that it was given; None for one that was made.
    """

    __tablename__ = "imported_file"

    import_id: Mapped[int] = mapped_column(ForeignKey("import.id"), primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True, index=True)
    path: Mapped[str] = mapped_column(index=True)
    place: Mapped[str] = mapped_column(index=True)
    digest: Mapped[str]
    title_digest: Mapped[str] = mapped_column(index=True)
    body_digest: Mapped[str]
    text_digest: Mapped[str] = mapped_column(index=True)
    version: Mapped[int]
    status: Mapped[str]
    reason: Mapped[str]
    dated_at: Mapped[int | None] = mapped_column(BigInteger)
    kept: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class OldAddress(Base):
    """Where a post was on the site that it comes from, such as /2014/03/09/harbour; it redirects from there."""

    __tablename__ = "old_address"

    path: Mapped[str] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
