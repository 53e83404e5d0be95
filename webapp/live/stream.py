"""The stream's wire format, and what it reads: shared by the view (views.py) and the process that holds the streams.

Imports neither Flask nor gevent.
Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from sqlalchemy import Connection, text

from ..system.epoch import FIRST

FRONT = 0  # twin of models.FRONT
REPLAY_EVENTS = 200
REPLAY_BYTES = 32 * 1024
LARGEST = 2**31 - 1
# When a reader comes back, at random between these.
WAIT_SECONDS = (2, 10)
# Of a broadcaster's descriptors, those that are no streams.
RESERVED_DESCRIPTORS = 64
# What a reader's position may be besides a number: from now on; one that never was, or was in another epoch.
NOW, NEVER = -1, -2

_POSITION = re.compile(r"(?:(?P<epoch>[0-9]{1,15})-)?(?P<number>[0-9]{1,10})")

GONE = b"event: gone\ndata: {}\n\n"
# An event, as a page never sees a comment, and has to notice silence; without an id, as it is no position.
HEARTBEAT = b"event: beat\ndata: {}\n\n"


@dataclass(frozen=True)
class News:
    """What comes next for a reader who has everything up to some number, and the number that they have then.

    at: when the last of it was written, in milliseconds since 1970.
    is_over: the post isn't public; the stream ends with this.
    is_all: nothing is left that came before the question.
    last: the number to which it would go on.
    """

    seq: int
    content: bytes
    at: int = 0
    is_over: bool = False
    is_all: bool = True
    last: int = 0


def position_of(said: str | None, epoch: int) -> int:
    """The number in `Last-Event-ID` or `after`; NOW for none, NEVER for what is no number of an event in this epoch.

    A number alone is one of the first epoch.
    """
    if said is None:
        return NOW
    found = _POSITION.fullmatch(said)
    if not found or int(found["epoch"] or FIRST) != epoch or int(found["number"]) > LARGEST:
        return NEVER
    return int(found["number"])


def retry(low_seconds: float, high_seconds: float) -> bytes:
    """When to come back after a loss, at random, so that not all come at once."""
    return b"retry: %d\n\n" % _milliseconds(low_seconds, high_seconds)


def wait(low_seconds: float, high_seconds: float, polling: bool) -> bytes:
    """The last words of a stream that ends here on purpose: when to come back, for EventSource and for its script.

    polling: it was no more than a look at what is new, since nobody can hold it open.
    """
    ms = _milliseconds(low_seconds, high_seconds)
    return b'retry: %d\nevent: wait\ndata: {"ms": %d, "polling": %s}\n\n' % (ms, ms, b"true" if polling else b"false")


def _milliseconds(low_seconds: float, high_seconds: float) -> int:
    return int(random.uniform(low_seconds * 1000, high_seconds * 1000))  # noqa: S311


def readers(count: int) -> bytes:
    return b'event: readers\ndata: {"n": %d}\n\n' % count


# One statement, so that it is one state of the database. A post without newer events gives one row without an event.
_NEWS = text(
    "SELECT post.status, post.seq, event.seq, event.kind, event.payload, event.at FROM post"
    " LEFT JOIN event ON event.post_id = post.id AND event.seq > :after AND event.seq <= :up_to"
    " WHERE post.id = :post_id ORDER BY event.seq LIMIT :limit"
)


def news(connection: Connection, epoch: int, post_id: int, after: int, up_to: int = LARGEST) -> News:
    """What happened on a post, or on the front page, since number `after`: the first REPLAY_BYTES of it at most.

    A position that never was is told to load the page anew. So is whoever missed such an event.
    """
    rows = connection.execute(
        _NEWS,
        {"post_id": post_id, "after": LARGEST if after < 0 else after, "up_to": up_to, "limit": REPLAY_EVENTS + 1},
    ).all()
    if not rows or rows[0][0] not in ("published", "front"):
        return News(0, GONE, is_over=True)
    last = min(int(rows[0][1]), up_to)
    if after == NOW:  # a bare number, so that whoever is cut off at once comes back with a position
        return News(last, _id(epoch, last) + b"\n", last=last)
    if after == NEVER or after > last:
        return News(last, _reload(epoch, last), last=last)
    return _first_of([] if rows[0][2] is None else [tuple(row[2:]) for row in rows], epoch, after, last)


def _first_of(happened: list[tuple[int, str, str, int]], epoch: int, after: int, last: int) -> News:
    content, seq, at = [], after, 0
    size = 0
    for number, kind, payload, written_at in happened[:REPLAY_EVENTS]:
        frame = _frame(_id(epoch, number), kind, payload)
        if size + len(frame) > REPLAY_BYTES:
            break
        content.append(frame)
        size += len(frame)
        seq, at = number, max(at, written_at)
    else:
        seq = last if len(happened) <= REPLAY_EVENTS else seq
    is_reload = any(kind == "reload" for _number, kind, _payload, _at in happened[: len(content)])
    whole = _reload(epoch, seq) if is_reload else b"".join(content)
    return News(seq, whole, at, is_all=seq == last, last=last)


def caught_up(news: News, epoch: int) -> News:
    """For somebody who comes in: all of it, or one `reload` where that would be too much. The page has it all."""
    return news if news.is_all else News(news.last, _reload(epoch, news.last), news.at, last=news.last)


def _reload(epoch: int, number: int) -> bytes:
    """With a position, as a stream that goes on for other pages comes back with it, and is to have no second one."""
    return _id(epoch, number) + b"event: reload\ndata: {}\n\n"


def _id(epoch: int, number: int) -> bytes:
    return b"id: %d-%d\n" % (epoch, number)


def _frame(position: bytes, kind: str, payload: str) -> bytes:
    """One event. JSON has no line ends, so one `data:` holds it whole.

    Only the number is sent of what was corrected or withdrawn since, and of a `gone` from before the post was
    published again.
    """
    if not payload or kind == "gone":
        return position + b"\n"
    return position + b"event: %b\ndata: %b\n\n" % (kind.encode(), payload.encode())
