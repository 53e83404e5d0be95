"""What updates said before: what a correction shows of it, and the texts that they had at a moment."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from markupsafe import escape
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from ..models import Earlier, Revision, ShownUpdate, Update
from ..text.markdown import TextRefused
from . import rendering

EARLIER_SHOWN = 5
# Of an update with all that it said before. Its event has room for 8 kB (events.PAYLOAD_BYTES), with the markup around
# each text; without this bound, a correction would make every reader load the whole page.
ROOM_BYTES = 5 * 1024
NEVER = sys.maxsize


class _Text(NamedTuple):
    """What an update said until then. `said` is None unless a correction replaced it."""

    title: str
    html: str
    correction: str
    until: int
    said: bool | None

    def was_corrected(self, after: "_Text") -> bool:
        return self.said is not None or self.correction != after.correction

    def is_told(self, after: "_Text") -> bool:
        """Whether readers may see that it said this: they did, and then it was corrected to something else."""
        return self.was_corrected(after) and self.said is not False and self[:2] != after[:2]


# What is kept


def kept_of(update: Update) -> dict[str, Any]:
    """What a revision of the update keeps besides its texts.

    html: a live post's page is made anew with every update, and Markdown takes 0.3 ms for a text of 400 bytes,
    where reading its HTML takes 2 µs. It is also what readers saw, whatever later versions make of that Markdown.
    next_seen: whether readers have seen the texts that come after these.
    """
    return {"html": update.html, "next_seen": is_seen(update)}


def was_said(session: Session, update: Update) -> bool:
    """Whether readers ever saw the text that the update has now.

    One written while it is withdrawn, or while its post is a draft, they see when that is over (`see`).
    """
    last = session.scalars(_replaced_last().where(Update.id == update.id)).one_or_none()
    if is_seen(update) or last is None:
        return True
    return bool(last.texts.get("next_seen", last.replaced_at <= (update.withdrawn_at or NEVER)))


def is_seen(update: Update) -> bool:
    return update.withdrawn_at is None and update.post.status == "published"


def see(session: Session, *which: ColumnElement[bool]) -> None:
    """From now on readers see these updates, with the texts that they have."""
    for last in session.scalars(_replaced_last().where(*which)):
        last.texts = last.texts | {"next_seen": True}


def _replaced_last() -> Select[Revision]:
    """Of updates: what stood there before their present texts."""
    of_update = (Revision.kind == "update") & (Revision.item_id == Update.id)
    return select(Revision).join(Update, of_update & (Revision.version == Update.version - 1))


# What an update said before


def with_earlier(session: Session, post_id: int, updates: list[ShownUpdate], bounded: bool = True) -> list[ShownUpdate]:
    """The same updates of one post, corrected ones with what they said before; by one query, or none.

    bounded: as many as have room beside the update, see EARLIER_SHOWN and ROOM_BYTES.
    """
    corrected = [update.n for update in updates if update.corrected_at]
    if not corrected:
        return updates
    older = _older_texts(session, post_id, corrected)
    return [_telling(update, _earlier([*older[update.n], _now(update)]), bounded) for update in updates]


def as_of(session: Session, post_id: int, updates: list[ShownUpdate], moment: int) -> list[ShownUpdate]:
    """The same updates of one post with their texts of `moment`, in ms, and what had been corrected by then.

    Key moments are those of today, and none is pinned: nothing keeps since when they were.
    """
    older = _older_texts(session, post_id, [update.n for update in updates])
    return [_as_of(update, older[update.n], moment) for update in updates]


def _as_of(update: ShownUpdate, older: list[_Text], moment: int) -> ShownUpdate:
    known = [text for text in older if text.until <= moment]
    texts = [*known, *[*older[len(known) :], _now(update)][:1]]
    corrected = [text.until for text, after in pairwise(texts) if text.was_corrected(after)]
    return update._replace(
        title=texts[-1].title,
        html=texts[-1].html,
        correction=texts[-1].correction,
        corrected_at=corrected[-1] if corrected else None,
        pinned=False,
        earlier=_earlier(texts),
    )


def _older_texts(session: Session, post_id: int, numbers: list[int]) -> defaultdict[int, list[_Text]]:
    """By the updates' numbers, the oldest first."""
    of_update = (Revision.kind == "update") & (Revision.item_id == Update.id)
    columns = (Update.n, Revision.texts, Revision.replaced_at)
    statement = select(*columns).join(Revision, of_update).where(Update.post_id == post_id, Update.n.in_(numbers))
    texts_by_number = defaultdict[int, list[_Text]](list)
    for n, texts, until in session.execute(statement.order_by(Update.n, Revision.version)):
        html = texts["html"] if "html" in texts else _rendered(texts["body"])
        texts_by_number[n].append(_Text(texts["title"], html, texts["correction"], until, texts.get("said")))
    return texts_by_number


@lru_cache(200)
def _rendered(body: str) -> str:
    """For texts that were replaced before their HTML was kept."""
    try:
        return rendering.update(body)
    except TextRefused:  # the rules have become stricter since
        return f"<p>{escape(body)}</p>"


def _now(update: ShownUpdate) -> _Text:
    return _Text(update.title, update.html, update.correction, NEVER, None)


def _earlier(texts: Iterable[_Text]) -> tuple[Earlier, ...]:
    """Of an update's texts, the oldest first: those before the last that may be told, the newest first."""
    told = [Earlier(text.title, text.html, text.until) for text, after in pairwise(texts) if text.is_told(after)]
    return tuple(reversed(told))


def _telling(update: ShownUpdate, earlier: tuple[Earlier, ...], bounded: bool) -> ShownUpdate:
    shown = _with_room(update, earlier) if bounded else len(earlier)
    return update._replace(earlier=earlier[:shown], left_out=len(earlier) - shown)


def _with_room(update: ShownUpdate, earlier: tuple[Earlier, ...]) -> int:
    """How many of the earlier texts have room beside the update."""
    room = ROOM_BYTES - _bytes(update.title, update.html)
    for count, text in enumerate(earlier[:EARLIER_SHOWN]):
        room -= _bytes(text.title, text.html)
        if room < 0:
            return count
    return min(len(earlier), EARLIER_SHOWN)


def _bytes(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)
