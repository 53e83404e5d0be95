"""Live posts through every way in: nothing in front of the site holds a stream back, drops it or keeps it for ever."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from support.http_client import Browser
from support.live_page import LivePage
from support.proxies import WAYS, Way
from support.sse_client import Listener, numbers, retries
from tools.processes import until

pytestmark = pytest.mark.slow

READERS = 20


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest, copied_instance: Callable[[str], Path]) -> Iterator[Way]:
    with WAYS[request.param](copied_instance("way"), {"PRESSROOM_LIMITS": "off"}) as way:
        until(way.server.holds_streams, "streams are held")
        yield way
        assert "Traceback" not in way.server.log()


@pytest.fixture
def ada(way: Way) -> Browser:
    return Browser(way.url, "ada")


@pytest.fixture
def post_id(ada: Browser) -> int:
    return ada.write_post()


def held(way: Way) -> int:
    """Descriptors of those that hold the streams."""
    return sum(process.num_fds() for process in way.server.broadcasters())


def holds(way: Way, descriptors: int) -> bool:
    return held(way) >= descriptors


def test_people_read_and_write(way: Way, ada: Browser, post_id: int) -> None:
    n = ada.add_update(post_id, "Goal by number nine!")
    eve = Browser(way.url, "eve")
    assert eve.post(f"/post/{post_id}/comments", csrf_token=eve.token, body="Well played.").startswith(way.url)
    page = Browser(way.url).get(f"/post/{post_id}")
    assert f'id="update-{n}"' in page
    assert "Well played." in page


def test_an_update_arrives_by_itself(
    way: Way, ada: Browser, post_id: int, record_property: Callable[[str, object], None]
) -> None:
    """Nothing comes after it that would push it through a proxy's buffer."""
    start = ada.seq(post_id)
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(Listener(way.url, f"/post/{post_id}/live?after={start}")) for _reader in range(READERS)
        ]
        took = []
        for number in range(1, 6):
            asked_at = time.monotonic()
            n = ada.add_update(post_id, f"Goal {number}!")
            for listener in listeners:
                listener.until_number(n)
            took.append(time.monotonic() - asked_at)
        record_property("arrived_after_seconds", [round(seconds, 3) for seconds in took])
        for listener in listeners:
            assert numbers(listener.events) == list(range(start + 1, start + 6))
            assert listener.headers["content-type"] == "text/event-stream"
            assert listener.headers["cache-control"] == "no-store"
            assert "content-length" not in listener.headers
            assert "content-encoding" not in listener.headers
            assert retries(listener.text)


def test_what_was_missed_is_caught_up(way: Way, ada: Browser, post_id: int) -> None:
    page = LivePage(Browser(way.url).get(f"/post/{post_id}"))
    for missed in (0, 3, 1):
        for _number in range(missed):
            ada.add_update(post_id)
        with Listener(way.url, f"/post/{post_id}/live?after=0", last_event_id=str(page.position)) as listener:
            for event in listener.until_number(ada.add_update(post_id)):
                page.take(event)
    assert page.shown() == LivePage(Browser(way.url).get(f"/post/{post_id}")).shown()


def test_the_signs_of_life_come_through(way: Way, post_id: int) -> None:
    """Each stream has its own second of fifteen, so of so many some hear one soon. Proxies cut what is quiet for 60."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(way.url, f"/post/{post_id}/live")) for _reader in range(2 * READERS)]

        def heard_one() -> bool:
            for listener in listeners:
                listener.take(0.01)
            return any(":\n\n" in listener.text for listener in listeners)

        until(heard_one, "a sign of life came")


def test_who_leaves_is_noticed(way: Way, ada: Browser, post_id: int) -> None:
    before = held(way)
    listeners = []
    for number in range(1, READERS + 1):  # a server that is short of time turns away some who come all at once
        listeners.append(Listener(way.url, f"/post/{post_id}/live"))
        until(partial(holds, way, before + number), f"{number} were held")
    for listener in listeners:
        listener.close()

    def noticed() -> bool:
        if way.name == "Apache":  # it notices when it has something to say to them
            ada.add_update(post_id)
        return held(way) < before + READERS // 2

    until(noticed, "their departure was noticed")


def test_streams_outlive_workers(way: Way, ada: Browser, post_id: int) -> None:
    start = ada.seq(post_id)
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(Listener(way.url, f"/post/{post_id}/live?after={start}")) for _reader in range(READERS)
        ]
        added = [ada.add_update(post_id)]
        for listener in listeners:
            listener.until_number(added[-1])
        before = way.server.worker_pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not way.server.worker_pids() & before and way.server.all_ready(), "two new workers were there")
        added.append(ada.add_update(post_id))
        before = way.server.worker_pids()
        way.server.command_fifo("c")
        until(lambda: len(way.server.worker_pids() - before) == 2, "all workers were new")
        added.append(ada.add_update(post_id))
        for listener in listeners:
            assert numbers(listener.until_number(added[-1])) == added
            assert not listener.ended


def test_a_broadcaster_that_dies_ends_its_streams_and_they_come_back(way: Way, ada: Browser, post_id: int) -> None:
    """The proxy must pass the end on, or the browser would wait for ever."""
    start = ada.seq(post_id)
    with Listener(way.url, f"/post/{post_id}/live?after={start}") as listener:
        first = ada.add_update(post_id)
        listener.until_number(first)
        for process in way.server.broadcasters():
            process.kill()
        listener.until_end()
    second = ada.add_update(post_id)
    until(way.server.holds_streams, "streams were held again")
    with Listener(way.url, f"/post/{post_id}/live", last_event_id=str(first)) as listener:
        third = ada.add_update(post_id)
        assert numbers(listener.until_number(third)) == [second, third]


def test_a_post_that_is_unpublished_ends_its_streams(way: Way, ada: Browser, post_id: int) -> None:
    with Listener(way.url, f"/post/{post_id}/live?after={ada.seq(post_id)}") as listener:
        ada.post(f"/desk/post/{post_id}/unpublish", csrf_token=ada.token)
        assert "event: gone\n" in listener.until_end()


def test_head_has_an_end(way: Way, post_id: int) -> None:
    connection = HTTPConnection("127.0.0.1", way.port, timeout=60)
    try:
        connection.request("HEAD", f"/post/{post_id}/live")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Type"], answer.read()) == (200, "text/event-stream", b"")
    finally:
        connection.close()
