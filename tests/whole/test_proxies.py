"""Live posts through every way in: nothing in front of the site holds a stream back, drops it or keeps it for ever."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.deployments import say
from support.http_client import Browser
from support.live_page import LivePage
from support.persons import PASSWORD
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


def status_of(answer: bytes) -> int:
    """0 for one without a head, as HTTP/0.9 has it."""
    found = re.match(rb"HTTP/\d\.\d (\d{3}) ", answer)
    return int(found[1]) if found else 0


def held(way: Way) -> int:
    """Descriptors of those that hold the streams."""
    return sum(process.num_fds() for process in way.server.broadcasters())


def begun(listener: Listener) -> bool:
    return "retry: " in listener.text


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
        with Listener(way.url, f"/post/{post_id}/live?after=0", last_event_id=page.last_event_id) as listener:
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
            return any("event: beat" in listener.text for listener in listeners)

        until(heard_one, "a sign of life came")


def test_who_leaves_is_noticed(way: Way, ada: Browser, post_id: int) -> None:
    before = held(way)
    listeners = []
    for _reader in range(READERS):  # a server that is short of time turns away some who come all at once
        listeners.append(Listener(way.url, f"/post/{post_id}/live"))
        listeners[-1].until(partial(begun, listeners[-1]))
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


def test_a_chunked_form_is_read_or_refused(way: Way) -> None:
    """Never taken for an empty one: that would lose what was sent without a word."""
    visitor = Browser(way.url)
    visitor.take_token("/login")
    form = urlencode({"csrf_token": visitor.token, "username": "ada", "password": PASSWORD})
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.cookies)
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{way.port}\r\nCookie: {cookies}\r\nConnection: close\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = say(way, f"{head}{len(form):x}\r\n{form}\r\n0\r\n\r\n".encode())
    if way.name in ("uWSGI", "Apache"):
        assert status_of(answer) == 411
    else:
        assert b"signed_in=" in answer


# These in each place, after a byte that begins a character, and as %XX; tests/http/test_raw_bytes.py has all of them.
BYTES = b"\0\t\n\r\x1b \x7f\x80\xc3\xed\xff"
HEADERS = (
    "Cookie User-Agent Referer Accept Accept-Language Accept-Encoding If-Modified-Since If-None-Match Range "
    "Last-Event-ID X-Forwarded-For Authorization Origin X-Request-ID"
).split()
LOG_BYTES = 400


def hostile(byte: bytes, post_id: int) -> Iterator[bytes]:
    """Requests without Host and end of the head."""
    live = b"/post/%d/live?after=%%s" % post_id
    for path in (b"/%s", b"/tag/%s", b"/post/%s", b"/search?q=%s", b"/login?next=%s", live):
        yield b"GET " + path % byte + b" HTTP/1.1"
    for name in HEADERS:
        yield b"GET /search HTTP/1.1\r\n%s: %s" % (name.encode(), byte)
    yield b"GET /search HTTP/1.1\r\nCookie: session=%s; %s=1" % (byte, byte)
    form = b"csrf_token=%s&%s=%s" % (byte, byte, byte)
    kind = b"Content-Type: application/x-www-form-urlencoded"
    yield b"POST /login HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(form), form)


def beginning(way: Way, request: bytes) -> bytes:
    """Of the answer, which may be a stream; b"" of a server that hangs up without a word."""
    with socket.create_connection(("127.0.0.1", way.port), timeout=30) as client:
        client.sendall(request)
        try:
            return client.recv(65_536)
        except ConnectionResetError:
            return b""


def test_no_byte_is_an_error_of_ours_or_a_long_log(way: Way, post_id: int) -> None:
    before, asked = len(way.server.log()), 0
    for number in BYTES:
        for byte in (bytes([number]), b"\xc3" + bytes([number]), b"%%%02X" % number):
            for request in hostile(byte, post_id):
                line, _, rest = request.partition(b"\r\n")
                host = b"Host: 127.0.0.1:%d\r\nConnection: close" % way.port
                answer = beginning(way, b"\r\n".join([line, host, *([rest] if rest else [])]) + b"\r\n\r\n")
                assert status_of(answer) < 500, request
                asked += 1
    assert len(way.server.log()) - before <= LOG_BYTES * asked
