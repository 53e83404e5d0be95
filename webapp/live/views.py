"""The stream's endpoint: what happens on a post, or on the front page, from the reader's own position on.

Under uWSGI the answer's socket is handed over to the broadcaster, and the worker is free. Elsewhere, and where nobody
takes it, the answer is what was missed and a `retry`: the same reader comes back and has polled.
"""

from collections.abc import Callable, Iterator
from functools import partial

from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ..db import ENGINE
from ..http import metrics, rate_limits
from ..models import FRONT
from ..system import epoch
from . import stream
from .channel import CHANNEL, Channel

live = Blueprint("live", __name__)


def init_app(app: Flask) -> None:
    counts = app.config["BROADCASTERS"], app.config["STREAMS_PER_ADDRESS"]
    app.config["EPOCH"] = epoch.read(app.config["INSTANCE"]).epoch
    CHANNEL.put(app, Channel(app.config["INSTANCE"], *counts))
    app.register_blueprint(live)


@live.get("/live", defaults={"post_id": FRONT}, endpoint="front")
@live.get("/post/<int:post_id>/live")
def post(post_id: int) -> Response:
    current = current_app.config["EPOCH"]
    after = stream.position_of(request.headers.get("Last-Event-ID", request.args.get("after")), current)
    # A page asks for no stream where none came through, and says so when one that was open fell silent.
    is_held = request.method == "GET" and "poll" not in request.args
    channel, address = CHANNEL.of(current_app), rate_limits.network_of(request.remote_addr)
    hand_over = partial(channel.hand_over, post_id, after, address) if is_held else None
    missed = partial(_missed, ENGINE.of(current_app), current, post_id, after)
    if "silent" in request.args:
        metrics.count("silent_streams_total")
    answer = Response(_stream(hand_over, missed), content_type="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _missed(engine: Engine, current: int, post_id: int, after: int) -> stream.News:
    with engine.connect() as connection:
        return stream.caught_up(stream.news(connection, current, post_id, after), current)


def _stream(hand_over: Callable[[], bool] | None, missed: Callable[[], stream.News]) -> Iterator[bytes]:
    """Runs when the request's context is gone."""
    yield stream.retry(*stream.WAIT_SECONDS)
    # Here the head is sent, and the socket is to carry nothing but the stream.
    if hand_over and hand_over():
        return
    try:
        news = missed()
    except SQLAlchemyError:  # the head is sent; whoever asks for a page meets the error's own
        news = stream.News(0, b"")
    yield news.content if news.is_over else news.content + stream.wait(*stream.WAIT_SECONDS, polling=True)
