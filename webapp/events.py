"""Events: every visible change of a post, numbered without a gap, in the same transaction as the change.

n = events.next_number(session, post_id)     # first, so that the order of numbers is the order of commits
…                                            # the change itself
events.record(session, post_id, n, "update", item=update.item, html=html)
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, render_template
from markupsafe import Markup
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from .app_key import AppKey
from .db import WriteSession
from .errors import NotFound
from .models import FRONT, Event, Post, ShownComment, ShownUpdate, now_ms

PAYLOAD_BYTES = 8 * 1024
ITEMS_KEPT = 2_000  # rendered, a few KB each
ITEMS = AppKey[Callable[..., Markup]]("items")


def next_number(session: Session, post_id: int) -> int:
    """Take the post's next event number. The row stays locked until the transaction ends.

    Raises NotFound when there is no such post.
    """
    statement = update(Post).where(Post.id == post_id).values(seq=Post.seq + 1).returning(Post.seq)
    seq = session.scalar(statement.execution_options(synchronize_session=False))
    if seq is None:
        raise NotFound
    return seq


def record(session: WriteSession, post_id: int, seq: int, kind: str, *, item: str = "", html: str = "") -> None:
    """Write the event with a number from `next_number`. Earlier events of the same item lose their payload."""
    at = now_ms()
    data: dict[str, Any] = {"id": item} if item else {}
    if html:
        data |= {"html": html, "at": at}
    payload = json.dumps(data, ensure_ascii=False)
    if len(payload.encode()) > PAYLOAD_BYTES:
        kind, payload = "reload", "{}"
    if item:
        forget(session, Event.post_id == post_id, Event.item == item)
    session.woken.add(post_id)
    session.add(Event(post_id=post_id, seq=seq, kind=kind, item=item, payload=payload, at=at))
    session.flush()


def forget(session: Session, *which: ColumnElement[bool]) -> None:
    """Empty the payloads of earlier events; a replay still counts their numbers."""
    emptied = update(Event).where(*which, Event.payload != "").values(payload="")
    session.execute(emptied.execution_options(synchronize_session=False))


def init_app(app: Flask) -> None:
    ITEMS.put(app, lru_cache(ITEMS_KEPT)(_item))
    app.jinja_env.globals["fragment"] = fragment


def fragment(kind: str, post: Post, shown: ShownUpdate | ShownComment) -> Markup:
    """The HTML of one update or comment, on the page and in its event.

    Rendered once for all pages: a live post's page is made anew with every update, and 99 of its items are the same.
    """
    return ITEMS.of(current_app)(kind, post.id, post.language, shown)


def correction(post: Post, shown: ShownUpdate) -> Markup:
    """The part of an update that says how it was corrected; empty for any other."""
    if not shown.corrected_at:
        return Markup()
    return _rendered("correction", post_id=post.id, lang=_language_of(post.language), update=shown)


def _item(kind: str, post_id: int, language: str, shown: ShownUpdate | ShownComment) -> Markup:
    return _rendered(kind, post_id=post_id, lang=_language_of(language), **{kind: shown})


def _language_of(language: str) -> str:
    return language or str(current_app.jinja_env.globals["html_lang"])


def _rendered(partial: str, **values: Any) -> Markup:
    return Markup(render_template(f"reader/_{partial}.html", **values).strip())  # noqa: S704


def head(post: Post) -> str:
    return _rendered("head", post=post)


def record_front(session: WriteSession, post: Post, kind: str = "card") -> None:
    """Tell the front page of a post's new card, or of its removal."""
    html = _rendered("card", post=post) if kind == "card" else ""
    record(session, FRONT, next_number(session, FRONT), kind, item=f"post-{post.id}", html=html)


def last_number(session: Session, post_id: int) -> int:
    return session.scalar(select(Post.seq).where(Post.id == post_id)) or 0
