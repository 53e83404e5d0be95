"""Events: every visible change of a post, numbered without a gap, in the same transaction as the change.

n = events.next_number(session, post_id)     # first, so that the order of numbers is the order of commits
…                                            # the change itself
events.record(session, post_id, n, "update", item=update.item, html=html)
"""

import json
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from ..db.engine import WriteSession
from ..errors import NotFound
from ..models import FRONT, Event, Post
from ..system.clock import now_ms
from . import fragments

PAYLOAD_BYTES = 8 * 1024


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


def record_front(session: WriteSession, post: Post, kind: str = "card") -> None:
    """Tell the front page of a post's new card, or of its removal."""
    html = fragments.card(post) if kind == "card" else ""
    record(session, FRONT, next_number(session, FRONT), kind, item=f"post-{post.id}", html=html)


def last_number(session: Session, post_id: int) -> int:
    return session.scalar(select(Post.seq).where(Post.id == post_id)) or 0
