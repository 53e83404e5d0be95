"""The readers of each post, as the broadcaster holds them."""

from __future__ import annotations

import os
import select
import socket
from itertools import pairwise

import pytest
from flask import Flask

from support.persons import Person
from webapp.live.topics import PROXY_SECONDS, Topic, Topics


def test_a_stream_is_sent_what_there_is_at_once(app: Flask, ada: Person) -> None:
    """An answer's head is held back until there is more of it (server.send_answers_whole); a stream's must not be."""
    post_id = ada.write_post(live="y")
    topics = Topics(app.extensions["engine"], 1, select.epoll(), 10, 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        with socket.create_connection(listener.getsockname()):
            held, _address = listener.accept()
            assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK) == 1
            topics.join(held.fileno(), post_id, 0, "")
            options = (socket.TCP_CORK, socket.TCP_NODELAY)
            assert [held.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [0, 1]
            assert not os.get_blocking(held.fileno()), "one reader who takes nothing would stop all others"
            held.close()
    topics.epoll.close()


def test_a_crowd_is_told_of_its_size_less_often(app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    post_id = ada.write_post(live="y")
    topics = Topics(app.extensions["engine"], 1, select.epoll(), 10, 0)
    told: list[float] = []
    now = 1_000.0
    monkeypatch.setattr("webapp.live.topics.time.monotonic", lambda: now)
    monkeypatch.setattr(Topics, "_deliver", lambda *_args: told.append(now))
    for count, seconds in ((10, 5.0), (60_000, 60.0)):
        topics.topics_by_post[post_id] = topic = Topic(0, set(range(count)))
        told.clear()
        for _second in range(180):
            now += 1.0
            topic.said = 0  # somebody came or left
            topics.say_readers({})
        assert {later - earlier for earlier, later in pairwise(told)} == {seconds}
    topics.epoll.close()


def test_posts_that_went_on_without_a_wake_up_are_noticed(app: Flask, ada: Person) -> None:
    quiet, busy = ada.write_post(live="y"), ada.write_post(live="y")
    topics = Topics(app.extensions["engine"], 1, select.epoll(), 10, 0)
    ends = [socket.socketpair() for _ in range(2)]
    for post_id, (held, _other) in zip((quiet, busy), ends, strict=True):
        topics.join(held.fileno(), post_id, 0, "")
    assert topics.changed() == set()
    ada.add_update(busy)
    assert topics.changed() == {busy}
    ada.post(f"/desk/post/{quiet}/unpublish")
    assert topics.changed() == {quiet, busy}
    for held, other in ends:
        held.close()
        other.close()
    topics.epoll.close()


@pytest.mark.parametrize("works", [True, False])
def test_a_proxy_is_never_far_behind_and_one_that_hangs_is_not_waited_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    """It comes to a page view only after all that it was sent before."""
    monkeypatch.setattr("webapp.live.topics.AT_ONCE", 20)
    ends = [socket.socketpair() for _ in range(200)]
    theirs = {held.fileno(): other for held, other in ends}
    topics, behind, slept = Topics(app.extensions["engine"], 1, select.epoll(), 1000, 0), list[int](), list[float]()
    topics.topics_by_post[1] = topic = Topic(0, set(theirs))
    unread = list(topic.readers)  # a proxy gets to them in the order in which they were written to

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        behind.append(sum(bool(select.select([theirs[reader]], [], [], 0)[0]) for reader in unread))
        for _ in range(3 if works else 0):
            theirs[unread.pop(0)].recv(100)

    monkeypatch.setattr("webapp.live.topics.time.sleep", sleep)
    monkeypatch.setattr("webapp.live.topics.time.monotonic", lambda: sum(slept))
    assert topics._deliver(topic, b"an update") == 200
    assert {theirs[reader].recv(100) for reader in unread} == {b"an update"}
    if works:
        assert max(behind) <= 60, "three times AT_ONCE"
    else:
        assert sum(slept) == pytest.approx(9 * PROXY_SECONDS, rel=0.2)
    for held, other in ends:
        held.close()
        other.close()
    topics.epoll.close()


def test_nobody_waits_for_a_reader(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.live.topics.AT_ONCE", 2)
    monkeypatch.setattr("webapp.live.topics.time.sleep", lambda _seconds: pytest.fail("somebody waited"))
    topics = Topics(app.extensions["engine"], 1, select.epoll(), 10, 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = [socket.create_connection(listener.getsockname()) for _ in range(8)]
        held = [listener.accept()[0] for _ in there]
        topics.topics_by_post[1] = topic = Topic(0, {one.fileno() for one in held})
        assert topics._deliver(topic, b"an update") == 8
        for one in (*there, *held):
            one.close()
    topics.epoll.close()
