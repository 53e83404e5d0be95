"""A live post as it was at a moment, for the slider of its past."""

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from ..content import history as moments
from ..content import posts
from ..db import reading
from ..errors import Moved
from ..http import rate_limits
from ..http.links import relative
from ..system.clock import now_ms
from .views import reader

MOMENTS_PER_MINUTE = 60
_moments = rate_limits.PerMinute("moments", MOMENTS_PER_MINUTE)
LAST_SECOND = 253_402_300_799  # of the year 9999, where Python's calendar ends


@reader.get("/post/<int:post_id>/at")
def history(post_id: int) -> ResponseReturnValue:
    """Where the slider begins: between the first update and the last."""
    shown = posts.published(reading(), post_id)
    return redirect(_address_at(post_id, moments.middle(reading(), shown)))


@reader.get(f"/post/<int:post_id>/at/<int(max={LAST_SECOND}):when>")
def at_second(post_id: int, when: int) -> str:
    raise Moved(_address_at(post_id, when * 1000))


@reader.get(f"/post/<int:post_id>/at/<float(max={LAST_SECOND}):when>")
def at(post_id: int, when: float) -> ResponseReturnValue:
    """The post as it stood then. It isn't stored: anybody could fill the disk with moments."""
    _moments.use(rate_limits.network_of(request.remote_addr))
    shown = posts.published(reading(), post_id)
    at_ms = round(when * 1000)
    if at_ms > now_ms():
        return redirect(relative("reader.post", post_id=post_id))
    page = render_template("reader/history.html", post=shown, moment=moments.moment(reading(), shown, at_ms))
    return page, {"X-Robots-Tag": "noindex"}


def _address_at(post_id: int, at_ms: int) -> str:
    return relative("reader.at", post_id=post_id, when=at_ms / 1000)
