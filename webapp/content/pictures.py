"""Pictures that texts name, and the verbs that make and describe one. `library` has those that change texts as well."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session, aliased

from .. import db
from ..db.engine import WriteSession
from ..errors import Conflict, Unusable
from ..i18n import gettext as _
from ..media import decoder, variants
from ..models import About, Picture, PictureUse, Post, Update
from ..system.clock import now_ms
from ..text import pictures as markup
from ..values import NOT_TEXT
from .revisions import KINDS

# Those whom a page is shared with don't show smaller ones. Source: Facebook, Images in Link Shares
COVER_PIXELS = 200
ALT_LENGTH, CAPTION_LENGTH, CREDIT_LENGTH, FILE_NAME_LENGTH = 1_000, 500, 200, 200


@dataclass(frozen=True)
class Prepared:
    """A file whose original is kept, as intake.prepare makes it.

    digest: its SHA-256; size: in bytes; decoded: None where the site has the picture already.
    """

    digest: str
    kind: str
    size: int
    decoded: variants.Decoded | None

    @property
    def name(self) -> str:
        return self.digest[:16]


def lookup(names: Collection[str]) -> Mapping[str, markup.Picture]:
    """For render_post and render_update: what stands where a text names these, those that replaced others included."""
    return shown(db.reading(), names)


def shown(session: Session, names: Collection[str]) -> dict[str, markup.Picture]:
    instead = aliased(Picture)
    pairs = select(Picture.name, Picture, instead).outerjoin(instead, Picture.replaced_by_id == instead.id)
    rows = session.execute(pairs.where(Picture.name.in_(names)))
    return {name: as_shown(by or own) for name, own, by in rows if (by or own).erased_at is None}


def as_shown(picture: Picture) -> markup.Picture:
    is_animated = picture.fallback == "webp"
    size = picture.width, picture.height
    widths = [variants.animated_width(*size)] if is_animated else decoder.widths(*size)
    alt = "" if picture.decorative else picture.alt
    return markup.Picture(
        picture.name,
        *size,
        tuple(widths),
        picture.fallback,
        picture.ground,
        alt,
        picture.caption,
        picture.credit,
    )


def named(session: Session, name: str) -> Picture | None:
    return session.scalar(select(Picture).where(Picture.name == name))


def submitted(session: Session, uploader_id: int, submission: str) -> Picture | None:
    """What this upload of this person has made."""
    statement = select(Picture).where(Picture.uploader_id == uploader_id, Picture.submission == submission)
    return session.scalar(statement)


def bytes_of(session: Session, uploader_id: int) -> int:
    """Of all originals that somebody uploaded."""
    total = select(func.coalesce(func.sum(Picture.bytes), 0)).where(Picture.uploader_id == uploader_id)
    return session.scalar(total) or 0


def withdrawn() -> Unusable:
    return Unusable(_("This picture was withdrawn for legal reasons and can’t be uploaded again."), 451)


def add(
    session: WriteSession, prepared: Prepared, *, file_name: str, uploader_id: int, submission: str | None
) -> Picture:
    """A new picture; the same content again is the one that is there. Raises Conflict where that has just
    gone, Unusable where it was withdrawn."""
    if there := named(session, prepared.name):
        if there.erased_at is not None:
            raise withdrawn()
        return there
    if prepared.decoded is None:
        raise Conflict(_("Someone deleted this picture just now. Upload it again."))
    decoded = prepared.decoded
    picture = Picture(
        name=prepared.name,
        digest=prepared.digest,
        kind=prepared.kind,
        width=decoded.width,
        height=decoded.height,
        bytes=prepared.size,
        fallback=decoded.fallback,
        ground=decoded.ground,
        file_name=NOT_TEXT.sub("", file_name)[:FILE_NAME_LENGTH],
        uploader_id=uploader_id,
        submission=submission,
    )
    session.add(picture)
    session.flush()
    return picture


def note_uses(session: Session, item: Post | Update | About, *, is_new: bool = False) -> None:
    """Which pictures the item's text names now. Called with every text that is written, in its transaction.

    is_new: it has named none before.
    """
    found = markup.names(f"{item.body}\n{item.html}")  # an address may be written with entities
    if isinstance(item, Post):
        if item.cover_name:
            found.append(item.cover_name)
        item.cover = cover(session, item)
    which = (PictureUse.kind == KINDS[type(item)], PictureUse.item_id == item.id)
    if not is_new:
        session.execute(delete(PictureUse).where(*which))
    if not found:
        return
    for picture in session.scalars(select(Picture).where(Picture.name.in_(found))):
        session.add(PictureUse(kind=KINDS[type(item)], item_id=item.id, picture_id=picture.id))
        picture.used_at = picture.used_at or now_ms()
    session.flush()


def cover(session: Session, post: Post) -> dict[str, Any] | None:
    """What lists and links show of the post: the picture that was chosen for it, or the first one of its text."""
    chosen = shown(session, [post.cover_name]).get(post.cover_name) if post.cover_name else None
    found = chosen if post.cover_name else first_shown(session, post.html)
    return found._asdict() if found else None


def first_shown(session: Session, html: str) -> markup.Picture | None:
    """The first picture of a text that isn't smaller than COVER_PIXELS."""
    names = markup.names(html)
    known = shown(session, names) if names else {}
    found = (known[name] for name in names if name in known)
    return next((each for each in found if min(each.width, each.height) >= COVER_PIXELS), None)


def as_cover(post: Post) -> markup.Picture | None:
    return markup.Picture(**post.cover | {"widths": tuple(post.cover["widths"])}) if post.cover else None


def forget_uses(session: Session, kind: str, ids: Iterable[int] | Select[int]) -> None:
    """Of items that are deleted."""
    session.execute(delete(PictureUse).where(PictureUse.kind == kind, PictureUse.item_id.in_(ids)))
