"""Updates of a live post: reading them, and the verbs that change them, each with its event."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, select
from sqlalchemy.orm import Session

from ..db.engine import WriteSession
from ..errors import Conflict, NotFound
from ..i18n import gettext as _
from ..models import ITEMS_PER_PAGE, SHOWN_COLUMNS, Post, ShownUpdate, Update, User
from ..system.clock import now_ms
from . import corrections, events, fragments, invalidation, items, pictures, posts, rendering, revisions, search


@dataclass(frozen=True)
class Latest:
    """What a post's page shows: the pinned update (or None), the newest others, every key moment (oldest first).

    `older` is the number of the page that goes on where `updates` end, or None.
    """

    pinned: ShownUpdate | None
    updates: list[ShownUpdate]
    keys: list[ShownUpdate]
    older: int | None


# Columns instead of objects: a live post's page is made anew with every update, and this is most of its cost.
_author = case((User.deleted_at.is_(None), User.username))
_columns = (*(getattr(Update, name) for name in SHOWN_COLUMNS), _author)


def shown_rows() -> Select[Any]:
    """Rows for ShownUpdate, of all updates whatsoever."""
    return select(*_columns).join(User, User.id == Update.author_id)


def _shown(post_id: int) -> Select[Any]:
    return shown_rows().where(Update.post_id == post_id, Update.withdrawn_at.is_(None))


def _found(session: Session, statement: Select[Any]) -> list[ShownUpdate]:
    return [ShownUpdate(*row) for row in session.execute(statement)]


def latest(session: Session, post: Post) -> Latest:
    shown = _shown(post.id)
    newest_first = shown.where(~Update.pinned).order_by(Update.n.desc()).limit(ITEMS_PER_PAGE + 1)
    newest_shown = _found(session, newest_first)
    older = newest_shown[ITEMS_PER_PAGE].page if len(newest_shown) > ITEMS_PER_PAGE else None
    pinned = _found(session, shown.where(Update.pinned).limit(1))
    on_page = corrections.with_earlier(session, post.id, pinned + newest_shown[:ITEMS_PER_PAGE])
    return Latest(
        pinned=on_page[0] if pinned else None,
        updates=on_page[len(pinned) :],
        keys=_found(session, shown.where(Update.key).order_by(Update.n)),
        older=older,
    )


def newest(session: Session, post: Post) -> list[ShownUpdate]:
    """The newest ITEMS_PER_PAGE, the pinned one in its place."""
    newest_shown = _found(session, _shown(post.id).order_by(Update.n.desc()).limit(ITEMS_PER_PAGE))
    return corrections.with_earlier(session, post.id, newest_shown)


def page(session: Session, post: Post, number: int) -> list[ShownUpdate]:
    """As `items.on_page`; within a page the newest stands first."""
    within = _shown(post.id).where(*items.on_page(Update, post.update_count, number))
    return corrections.with_earlier(session, post.id, _found(session, within.order_by(Update.n.desc())))


def shown(session: Session, post_id: int, n: int) -> ShownUpdate:
    """One update of a published post, with all that it said before. Raises NotFound, also when it was withdrawn."""
    matching = _found(session, _shown(post_id).where(Update.n == n))
    if not matching:
        raise NotFound
    return corrections.with_earlier(session, post_id, matching, bounded=False)[0]


def on_desk(session: Session, post_id: int, limit: int = 100) -> list[Update]:
    return items.on_desk(session, Update, post_id, limit)


def written(session: Session, post_id: int, n: int) -> Update:
    return items.written(session, Update, post_id, n)


def add(
    session: WriteSession,
    post_id: int,
    author_id: int,
    body: str,
    html: str,
    *,
    title: str = "",
    key: bool = False,
    submission: str | None = None,
    at_ms: int | None = None,
) -> Update:
    """A new update of a live post; the same `submission` of the same person again gives the one that it made.

    at_ms: its time, now unless given.
    Raises Conflict when the post isn't live any more, NotFound when it isn't published.
    """
    post = posts.locked(session, post_id)
    if made := items.submitted(session, Update, author_id, submission, post_id=post_id, title=title, body=body):
        return made
    _check_live(post)
    n = events.next_number(session, post_id)
    post.update_count += 1
    update = Update(
        post_id=post_id,
        n=n,
        position=post.update_count,
        title=title,
        body=body,
        html=html,
        key=key,
        author_id=author_id,
        submission=submission,
        created_at=at_ms or now_ms(),
    )
    session.add(update)
    session.flush()
    pictures.note_uses(session, update, is_new=True)
    record(session, update, n)
    return update


def _check_live(post: Post) -> None:
    if post.status != "published":
        raise NotFound
    if not post.live:
        raise Conflict(_("This post is no longer live, so updates are closed."))


def edit(
    session: WriteSession, post_id: int, n: int, *, title: str, body: str, html: str, version: int | None, actor_id: int
) -> Update:
    """Mend a slip; readers see the new text without a word. Raises Conflict as `revisions.save`."""
    update = items.locked(session, Update, post_id, n)
    items.refuse_erased(update)
    also = corrections.kept_of(update)
    html = _html_of(update, body, html)
    if revisions.change(session, update, actor_id, version, title=title, body=body, also=also):
        update.html = html
        pictures.note_uses(session, update)
        record(session, update)
    return update


def correct(
    session: WriteSession,
    post_id: int,
    n: int,
    *,
    title: str,
    body: str,
    html: str,
    note: str,
    version: int | None,
    actor_id: int,
) -> Update:
    """Change what was said and say so: readers see `note` and the text before. Raises Conflict as `revisions.save`."""
    update = items.locked(session, Update, post_id, n)
    items.refuse_erased(update)
    also = corrections.kept_of(update) | {"said": corrections.was_said(session, update)}
    html = _html_of(update, body, html)
    if revisions.change(session, update, actor_id, version, title=title, body=body, correction=note, also=also):
        update.html = html
        update.corrected_at = now_ms()
        pictures.note_uses(session, update)
        record(session, update)
    return update


def render_anew(session: WriteSession, post_id: int, n: int) -> None:
    """The same text, whose pictures have changed."""
    update = items.locked(session, Update, post_id, n)
    html = rendering.update(update.body, session)
    if html != update.html:
        update.html = html
        record(session, update)


def _html_of(update: Update, body: str, html: str) -> str:
    """The HTML of the new body. Of the same body it stays, or readers would be shown a change that nobody made."""
    return update.html if body == update.body else html


def withdraw(session: WriteSession, post_id: int, n: int) -> Update:
    """Take it away from readers; the history goes on showing it."""
    update = items.locked(session, Update, post_id, n)
    if update.withdrawn_at is None:
        update.withdrawn_at, update.pinned = now_ms(), False
        session.flush()
        search.put(session, update)
        events.record(session, post_id, events.next_number(session, post_id), "remove", item=update.item)
        invalidation.update(session, update)
    return update


def restore(session: WriteSession, post_id: int, n: int) -> Update:
    """Raises Conflict for one that was withdrawn for legal reasons."""
    update = items.locked(session, Update, post_id, n)
    if update.withdrawn_at is not None:
        items.refuse_erased(update)
        update.withdrawn_at = None
        if corrections.is_seen(update):
            corrections.see(session, Update.id == update.id)
        record(session, update)
    return update


def pin(session: WriteSession, post_id: int, n: int, pinned: bool) -> Update:
    """One update at most is pinned; pinning another unpins it."""
    update = items.locked(session, Update, post_id, n)
    if update.withdrawn_at is not None:
        raise Conflict(_("This update was withdrawn. Restore it first."))
    before = session.scalar(select(Update).where(Update.post_id == post_id, Update.pinned))
    if pinned and before is not None and before is not update:
        before.pinned = False
        record(session, before)
    if update.pinned != pinned:
        update.pinned = pinned
        record(session, update)
    return update


def mark_key(session: WriteSession, post_id: int, n: int, key: bool) -> Update:
    update = items.locked(session, Update, post_id, n)
    if update.key != key:
        update.key = key
        record(session, update)
    return update


def record(session: WriteSession, update: Update, number: int | None = None) -> None:
    """The update as readers see it now. A withdrawn one is changed in silence: there is nothing to see."""
    session.flush()
    search.put(session, update)
    if update.withdrawn_at is not None:
        return
    number = number or events.next_number(session, update.post_id)
    html = fragment(session, update)
    events.record(session, update.post_id, number, "update", item=update.item, html=html)
    invalidation.update(session, update)


def fragment(session: Session, update: Update) -> str:
    """The update's HTML as the post's page has it."""
    (shown,) = corrections.with_earlier(session, update.post_id, [update.shown])
    return fragments.fragment("update", update.post, shown)
