"""The library of pictures: what is in it, and the verbs that change the texts which show a picture as well."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Select, String, cast, func, or_, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import Session, selectinload

from .. import db
from ..db.engine import WriteSession
from ..errors import NotFound, Refused
from ..i18n import gettext as _
from ..media import uploads, variants
from ..media.storage import STORAGE
from ..models import About, Event, Picture, PictureUse, Post, Revision, Update, User, page_of
from ..pages.paths import FEEDS
from ..system.clock import now_ms
from ..system.locks import try_lock
from . import events, invalidation, pictures, posts, rendering, revisions, updates

PAGE_SIZE = 60
UNUSED_MS = 7 * 86_400_000
SWEPT_AT_ONCE = 200
_IS_LISTED = Picture.erased_at.is_(None) & Picture.replaced_by_id.is_(None)
_LACKS_ALT = (Picture.alt == "") & ~Picture.decorative


@dataclass(frozen=True)
class Found:
    """A page of the library, the newest first; `has_more` beyond it. `without_alt`: how many lack alt text, of all."""

    pictures: list[Picture]
    has_more: bool
    without_alt: int


def search(session: Session, words: str, page: int, *, without_alt: bool = False) -> Found:
    """Pictures whose alt text, caption, credit, file name or uploader has each of the words; without any, all."""
    statement = select(Picture).where(_IS_LISTED)
    for word in words.split()[:10]:
        statement = statement.where(or_(*_having(word)))
    if without_alt:
        statement = statement.where(_LACKS_ALT)
    newest = statement.order_by(Picture.created_at.desc(), Picture.id.desc())
    on_page = newest.options(selectinload(Picture.uploader)).offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)
    rows = list(session.scalars(on_page))
    lacking = session.scalar(select(func.count()).select_from(Picture).where(_IS_LISTED, _LACKS_ALT)) or 0
    return Found(rows[:PAGE_SIZE], len(rows) > PAGE_SIZE, lacking)


def _having(word: str) -> Iterable[ColumnElement[bool]]:
    own = (Picture.alt, Picture.caption, Picture.credit, Picture.file_name)
    yield from (column.icontains(word, autoescape=True) for column in own)
    yield Picture.uploader_id.in_(select(User.id).where(User.username.icontains(word, autoescape=True)))


def written(session: Session, name: str) -> Picture:
    """Raises NotFound, also for one that was withdrawn or replaced."""
    picture = pictures.named(session, name)
    if picture is None or picture.erased_at is not None or picture.replaced_by_id is not None:
        raise NotFound
    return picture


def uses(session: Session, picture: Picture) -> list[Post | Update | About]:
    """The texts that show it, those that name one which it replaced included."""
    found: list[Post | Update | About] = []
    for model, kind in revisions.KINDS.items():
        found += session.scalars(select(model).where(model.id.in_(_ids(picture, kind))).order_by(model.id))
    return found


def _ids(picture: Picture, kind: str) -> Select[int]:
    replaced = select(Picture.id).where(Picture.replaced_by_id == picture.id)
    of_it = or_(PictureUse.picture_id == picture.id, PictureUse.picture_id.in_(replaced))
    return select(PictureUse.item_id).where(PictureUse.kind == kind, of_it)


def describe(session: WriteSession, name: str, *, alt: str, caption: str, credit: str, decorative: bool) -> Picture:
    """Its words, wherever it is shown."""
    picture = written(session, name)
    before = (picture.alt, picture.caption, picture.credit, picture.decorative)
    if before == (alt, caption, credit, decorative):
        return picture
    picture.alt, picture.caption, picture.credit, picture.decorative = alt, caption, credit, decorative
    session.flush()
    renew(session, picture)
    return picture


def replace(session: WriteSession, name: str, by: str, *, with_words: bool) -> None:
    """Show another picture wherever this one is shown. with_words: it takes over the words that it lacks.

    Raises NotFound, Refused where both are the same.
    """
    old, new = written(session, name), written(session, by)
    if old is new:
        raise Refused(_("This is the same picture."))
    for each in replaced(session, old):
        each.replaced_by_id = new.id
    old.replaced_by_id = new.id
    for word in ("alt", "caption", "credit") if with_words else ():
        setattr(new, word, getattr(new, word) or getattr(old, word))
    new.used_at = new.used_at or old.used_at
    session.flush()
    renew(session, new)


def restore(session: WriteSession, name: str) -> None:
    """Show a picture that was replaced in the texts that name it again. Raises NotFound for any other."""
    picture = pictures.named(session, name)
    if picture is None or picture.replaced_by_id is None:
        raise NotFound
    picture.replaced_by_id = None
    session.flush()
    renew(session, picture)


def pages_of(session: Session, name: str) -> list[str]:
    """The paths of the public pages and feeds that may show it."""
    pages = dict.fromkeys(("/", *(f"/{feed}" for feed in FEEDS)))
    for item in uses(session, written(session, name)):
        if isinstance(item, About):
            pages[f"/about/{item.name}"] = None
            continue
        post = f"/post/{item.id if isinstance(item, Post) else item.post_id}"
        pages |= dict.fromkeys((post, *(f"{post}/{feed}" for feed in FEEDS)))
        if isinstance(item, Update):
            pages |= dict.fromkeys((f"{post}/update/{item.n}", f"{post}/updates/{page_of(item.position)}"))
    return [*pages]


def replaced(session: Session, picture: Picture) -> list[Picture]:
    """Those in whose place it stands."""
    rows = select(Picture).where(Picture.replaced_by_id == picture.id).order_by(Picture.id)
    return list(session.scalars(rows))


def instead(session: Session, name: str) -> str | None:
    """The name of the picture that has replaced this one."""
    picture = pictures.named(session, name)
    by = session.get(Picture, picture.replaced_by_id) if picture and picture.replaced_by_id else None
    return by.name if by else None


def delete(session: WriteSession, name: str) -> list[str]:
    """Take it out of every text, which shows its alt text from then on where it has one of its own.

    The names whose files are to be forgotten after the commit (`forget_files`): of those that it replaced too.
    """
    picture = written(session, name)
    showing, rows = uses(session, picture), [*replaced(session, picture), picture]
    for row in rows:
        session.execute(sql_delete(PictureUse).where(PictureUse.picture_id == row.id))
        session.delete(row)
        session.flush()
    names = [row.name for row in rows]
    for item in showing:
        _forget_cover(item, names)
        _render_anew(session, item)
    return names


def delete_unused_of(session: WriteSession, uploader_ids: list[int]) -> list[str]:
    """Delete what these people uploaded, unless a text names it, or one that it has replaced. The rest as `delete`."""
    named = select(PictureUse.picture_id)
    by_others = or_(Picture.uploader_id.not_in(uploader_ids), Picture.id.in_(named))
    used = named.union(_replacing().where(by_others))
    mine = (Picture.erased_at.is_(None), Picture.uploader_id.in_(uploader_ids), Picture.id.not_in(used))
    rows = list(session.scalars(select(Picture).where(*mine)))
    for row in rows:
        row.replaced_by_id = None
    session.flush()
    for row in rows:
        session.delete(row)
    return [row.name for row in rows]


def _forget_cover(item: Post | Update | About, names: list[str]) -> None:
    """One that was chosen is the text's first picture from then on."""
    if isinstance(item, Post) and item.cover_name in names:
        item.cover_name = None


def take_out(session: WriteSession, name: str) -> list[str]:
    """For legal reasons (erasure.picture). The names of its files, and of those that it replaced."""
    picture = written(session, name)
    showing, rows = uses(session, picture), [*replaced(session, picture), picture]
    names = [row.name for row in rows]
    for row in rows:
        row.erased_at, row.replaced_by_id, row.decorative = now_ms(), None, False
        row.alt = row.caption = row.credit = row.file_name = ""
        session.execute(sql_delete(PictureUse).where(PictureUse.picture_id == row.id))
        for revision in session.scalars(select(Revision).where(cast(Revision.texts, String).contains(row.name))):
            revision.texts = {key: _without(text, names) for key, text in revision.texts.items()}
        events.forget(session, Event.payload.contains(row.name))
    session.flush()
    for item in showing:
        _forget_cover(item, names)
        item.body = _without(item.body, names)
        session.flush()
        _render_anew(session, item)
    return names


def _without(text: Any, names: list[str]) -> Any:
    """A text, in Markdown or HTML, that doesn't name these pictures."""
    if not isinstance(text, str):
        return text
    any_of = "|".join(names)
    shown = re.sub(rf'<figure class="picture"><a href="/media/(?:{any_of})-.*?</figure>', "", text, flags=re.DOTALL)
    shown = re.sub(rf"<picture><source [^>]*/media/(?:{any_of})-.*?</picture>", "", shown, flags=re.DOTALL)
    title = r"""(?:\s+(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\((?:\\.|[^)\\])*\)))?"""
    target = rf"\s*<?/media/(?:{any_of})[\w.-]*>?{title}\s*"
    shown = re.sub(rf"!\[(?:[^\[\]]|\[[^\[\]]*\])*\]\({target}\)", "", shown)
    shown = re.sub(rf"^ {{0,3}}\[[^\[\]]+\]:{target}$", "", shown, flags=re.MULTILINE)
    return re.sub(rf"/media/(?:{any_of})[\w.-]*", "", shown)


def renew(session: WriteSession, picture: Picture) -> None:
    """Render anew what shows it."""
    for item in uses(session, picture):
        _render_anew(session, item)


def _render_anew(session: WriteSession, item: Post | Update | About) -> None:
    if isinstance(item, Post):
        posts.render_anew(session, item.id)
    elif isinstance(item, Update):
        updates.render_anew(session, item.post_id, item.n)
    else:
        item.html = rendering.post(item.body, session).html
        session.flush()
        invalidation.about(session, item.name, listed_anew=False)


def missing_originals(session: Session) -> list[str]:
    """The names of pictures whose original is nowhere."""
    there = set(STORAGE.of(current_app).list())
    names = session.scalars(select(Picture.name).where(Picture.erased_at.is_(None)).order_by(Picture.id))
    return [name for name in names if name not in there]


@dataclass
class Sweep:
    """Deletes what nobody uses: uploads that were never finished, pictures that no text ever named, and originals that
    have no row, as a crash leaves them. `_strays`: the originals that had none the last time either."""

    _strays: frozenset[str] = frozenset()

    def run(self) -> None:
        """In every worker again and again; one of them does it."""
        instance = current_app.config["INSTANCE"]
        held = try_lock(instance / "locks" / "pictures")
        if held is None:
            return
        try:
            uploads.sweep(instance)
            variants.sweep(instance)
            with db.writing() as session:
                unused = _delete_unused(session)
            if unused:
                forget_files(unused)
            strays = frozenset(_strays())
            if strays & self._strays:
                forget_files(strays & self._strays)
            self._strays = strays - self._strays
        finally:
            os.close(held)


def _delete_unused(session: WriteSession) -> list[str]:
    old = (Picture.used_at.is_(None), Picture.created_at < now_ms() - UNUSED_MS, Picture.erased_at.is_(None))
    rows = list(session.scalars(select(Picture).where(*old, Picture.id.not_in(_replacing())).limit(SWEPT_AT_ONCE)))
    for row in rows:
        session.delete(row)
    return [row.name for row in rows]


def _replacing() -> Select[int | None]:
    """The ids of pictures that have replaced others."""
    return select(Picture.replaced_by_id).where(Picture.replaced_by_id.is_not(None))


def _strays() -> Iterator[str]:
    """Originals and variants without a row."""
    every = iter({*STORAGE.of(current_app).list(), *variants.names(current_app.config["INSTANCE"])})
    while names := list(islice(every, SWEPT_AT_ONCE)):
        known = db.reading().scalars(select(Picture.name).where(Picture.name.in_(names), Picture.erased_at.is_(None)))
        yield from set(names) - set(known)


def forget_uploads(names: Iterable[str]) -> None:
    """What is on its way of pictures that were withdrawn for legal reasons, before their files are forgotten."""
    for name in names:
        with suppress(FileNotFoundError), STORAGE.of(current_app).open(name) as original:
            uploads.forget(current_app.config["INSTANCE"], original)


def forget_files(names: Iterable[str]) -> list[str]:
    """After the commit that deleted them; the paths of the variants that there were. A crash leaves it to Sweep."""
    instance, paths = current_app.config["INSTANCE"], list[str]()
    with variants.nothing_made(instance):
        for name in names:
            STORAGE.of(current_app).delete(name)
            paths += [f"/media/{file}" for file in variants.delete(instance, name)]
    return paths
