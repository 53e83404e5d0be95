"""A live post as it stood at a moment, from the older texts and the events.

Event rows are kept for ever: the last one of an item by then says whether it was there (`remove` took it away, a
restored one came back as `update`), and `gone` that the post was taken back. Whatever is withdrawn for legal reasons
by now never was.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache

from flask import has_request_context, request
from sqlalchemy import ColumnElement, Select, String, cast, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from ..errors import NotFound
from ..http import rate_limits
from ..i18n import gettext as _
from ..models import ITEMS_PER_PAGE, Event, Post, Revision, ShownUpdate, Update
from . import corrections, rendering, updates

STOPS = 100  # of the slider
_renders = rate_limits.PerMinute("characters of earlier texts", 600_000)


@dataclass(frozen=True)
class Head:
    title: str
    summary: str
    html: str


@dataclass(frozen=True)
class Moment:
    """What stood there `at` that time, in ms; `older` counts the updates below the newest ITEMS_PER_PAGE.

    times: of all updates, the oldest first. stops: those of the slider, which may be fewer; keys: the places among
    them where a key moment is.
    """

    at: int
    head: Head
    updates: list[ShownUpdate]
    older: int
    times: list[int]
    stops: list[int]
    keys: list[int]

    @property
    def before(self) -> int | None:
        place = bisect_left(self.times, self.at)
        return self.times[place - 1] if place else None

    @property
    def after(self) -> int | None:
        place = bisect_right(self.times, self.at)
        return self.times[place] if place < len(self.times) else None

    @property
    def stop(self) -> int:
        """The place of the moment among the stops."""
        return max(0, bisect_right(self.stops, self.at) - 1)


def middle(session: Session, post: Post) -> int:
    """The time of the update in the middle, in ms. Raises NotFound for a post that has none."""
    times = [at for at, _key in _times(session, post.id)]
    return times[len(times) // 2]


def moment(session: Session, post: Post, at: int) -> Moment:
    """Raises NotFound for a post without updates, and for a moment at which it wasn't public."""
    times = _times(session, post.id)
    if at < (post.published_at or 0) or not _was_public(session, post.id, at):
        raise NotFound(_("This post wasn’t public at that time."))
    there = (Update.post_id == post.id, Update.created_at <= at, _is_open, _item.not_in(_withdrawn(post.id, at)))
    newest = updates.shown_rows().where(*there).order_by(Update.n.desc()).limit(ITEMS_PER_PAGE)
    newest_shown = [ShownUpdate(*row) for row in session.execute(newest)]
    count = session.scalar(select(func.count()).select_from(Update).where(*there)) or 0
    stops = _spread([time for time, _key in times])
    return Moment(
        at=at,
        head=_head(session, post, at),
        updates=corrections.as_of(session, post.id, newest_shown, at),
        older=count - len(newest_shown),
        times=[time for time, _key in times],
        stops=stops,
        keys=sorted({bisect_right(stops, time) - 1 for time, key in times if key}),
    )


_is_open = Update.withdrawal.is_(None)
_item: ColumnElement[str] = literal("update-").concat(cast(Update.n, String))


def _times(session: Session, post_id: int) -> list[tuple[int, bool]]:
    """When updates came, the oldest first, and which of them are key moments. Raises NotFound when there are none."""
    columns = select(Update.created_at, Update.key).where(Update.post_id == post_id, _is_open)
    times = [(row.created_at, row.key) for row in session.execute(columns.order_by(Update.created_at))]
    if not times:
        raise NotFound
    return times


def _spread(times: list[int]) -> list[int]:
    """At most STOPS of the times, the first and the last among them."""
    each = list(dict.fromkeys(times))
    if len(each) <= STOPS:
        return each
    return [each[place * (len(each) - 1) // (STOPS - 1)] for place in range(STOPS)]


def _was_public(session: Session, post_id: int, at: int) -> bool:
    about_post = or_(Event.kind == "gone", Event.item == f"post-{post_id}")
    last = select(Event.kind).where(Event.post_id == post_id, Event.at <= at, about_post)
    return session.scalar(last.order_by(Event.seq.desc()).limit(1)) != "gone"


def _withdrawn(post_id: int, at: int) -> Select[str]:
    """The items that were withdrawn by then, and had not come back."""
    later = aliased(Event)
    later_one = select(later.seq).where(
        later.post_id == post_id, later.item == Event.item, later.seq > Event.seq, later.at <= at
    )
    removed = (Event.post_id == post_id, Event.kind == "remove", Event.at <= at)
    return select(Event.item).where(*removed, ~later_one.exists())


def _head(session: Session, post: Post, at: int) -> Head:
    later = (Revision.kind == "post", Revision.item_id == post.id, Revision.replaced_at > at)
    texts = session.scalar(select(Revision.texts).where(*later).order_by(Revision.version).limit(1))
    if texts is None:
        return Head(post.title, post.summary, post.html)
    html = post.html if texts["body"] == post.body else _rendered(texts["body"])
    return Head(texts["title"], texts["summary"], html)


@lru_cache(16)  # up to 200 kB each; a slider asks for the same ones again
def _rendered(body: str) -> str:
    """Raises TooMany for an address that has too much rendered; 200 kB may take a second."""
    if has_request_context():
        _renders.use(rate_limits.network_of(request.remote_addr), len(body))
    return rendering.post(body).html
