"""Live posts under servers that can't hand a stream over: readers poll, and still get everything exactly once."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError

import pytest

from support.checkout import CHECKOUT
from support.http_client import Browser
from support.live_page import LivePage
from support.programs import Program
from support.sse_client import Listener, numbers, retries
from tools.processes import WAIT_SECONDS, family, free_port, until

pytestmark = pytest.mark.slow

# As deploy/README.md has them, but for the port.
READ = [
    line.removeprefix(".venv/bin/").replace(":8000", ":{port}")
    for line in (CHECKOUT / "deploy" / "README.md").read_text().splitlines()
    if line.endswith(" webapp.wsgi:app")
]
WITH_THE_FILE = next(line for line in READ if "gunicorn.conf.py" in line)
# And as a user types others.
COMMANDS = {
    "gunicorn": next(line for line in READ if line.startswith("gunicorn -w")),
    "gunicorn with threads": "gunicorn -w 2 --threads 4 -b 127.0.0.1:{port} webapp.wsgi:app",
    "gunicorn with gevent": "gunicorn -w 1 -k gevent -b 127.0.0.1:{port} webapp.wsgi:app",
    "waitress": next(line for line in READ if line.startswith("waitress")),
    "flask": "flask --app webapp run --port {port}",
}
WAITS_FOR_EACH = ["gunicorn", "gunicorn with threads"]
AT_ONCE_SECONDS = 20.0  # gunicorn's plain workers would take 30
UPLOAD = re.compile(r"/(?!wgunicorn)[^/]+ \(deleted\)$")
LOGO = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@dataclass
class Running:
    name: str
    program: Program
    ada: Browser

    @property
    def url(self) -> str:
        return self.program.url


@pytest.fixture(scope="module", params=COMMANDS)
def running(
    request: pytest.FixtureRequest, copied_instance: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    instance = copied_instance("other")
    (instance / "media" / "site" / "logo.svg").write_text(LOGO)
    environ = {"PRESSROOM_INSTANCE": str(instance), "PRESSROOM_LIMITS": "off", "PRESSROOM_ACCENT": "#7a1fa2"}
    command = COMMANDS[request.param].split()
    with Program(command, tmp_path_factory.mktemp("program"), environ) as program:
        yield Running(request.param, program, Browser(program.url, "ada"))
        said = program.screen()
        assert "Traceback" not in said, said
        assert "MonkeyPatchWarning" not in said, said


@pytest.fixture
def post_id(running: Running) -> int:
    return running.ada.write_post()


def poll(url: str, post_id: int, page: LivePage) -> Listener:
    """Ask once for what the page doesn't have yet, as EventSource does, and put it there."""
    with Listener(url, f"/post/{post_id}/live", last_event_id=str(page.position)) as listener:
        listener.until_end()
        for event in listener.events:
            page.take(event)
        return listener


def test_it_says_once_that_readers_poll(running: Running) -> None:
    if running.name != "flask":  # for developing
        assert (
            running.program.screen().count(
                "Live updates: readers poll every few seconds; server-sent events need uWSGI\n"
            )
            == 1
        )


def test_people_read_and_write(running: Running, post_id: int) -> None:
    n = running.ada.add_update(post_id, "Goal by number nine!")
    eve = Browser(running.url, "eve")
    eve.post(f"/post/{post_id}/comments", csrf_token=eve.token, body="Well played.")
    page = Browser(running.url).get(f"/post/{post_id}")
    assert f'id="update-{n}"' in page
    assert "Goal by number nine!" in page
    assert "Well played." in page
    assert f"/post/{post_id}" in Browser(running.url).get("/")


def test_logo_and_accent_are_served(running: Running) -> None:
    page = Browser(running.url).get("/")
    for pattern, said in (
        (r'src="(/media/site/logo.svg[^"]+)"', LOGO),
        (r'href="(/accent/[^"]+)"', "--brand: #7a1fa2"),
    ):
        found = re.search(pattern, page)
        assert found, pattern
        assert said in Browser(running.url).get(found[1])


def test_the_stream_ends_at_once_and_says_when_to_come_back(running: Running, post_id: int) -> None:
    n = running.ada.add_update(post_id)
    said = set()
    for _time in range(4):
        with Listener(running.url, f"/post/{post_id}/live?after={n - 1}") as listener:
            text = listener.until_end()
            assert "event: beat" not in text, "no sign of life, as of a stream that is held"
            assert listener.head.startswith(b"HTTP/1.1 200 ")
            assert listener.headers["content-type"] == "text/event-stream"
            assert listener.headers["cache-control"] == "no-store"
            assert listener.headers["x-accel-buffering"] == "no"
            assert "set-cookie" not in listener.headers
            assert int(listener.headers.get("content-length", len(text.encode()))) == len(text.encode())
        assert numbers(listener.events) == [n]
        assert 2000 <= retries(text)[-1] <= 10_000
        said.add(retries(text)[-1])
    assert len(said) > 1, "all would come back at once"


def test_whoever_asks_for_it_gets_the_connection_closed(running: Running, post_id: int) -> None:
    with socket.create_connection(("127.0.0.1", running.program.port), timeout=AT_ONCE_SECONDS) as client:
        client.sendall(f"GET /post/{post_id}/live?after=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := client.recv(65_536):
            answer += more
    assert b"retry: " in answer


def test_head_says_the_same_without_a_body(running: Running, post_id: int) -> None:
    connection = HTTPConnection("127.0.0.1", running.program.port, timeout=AT_ONCE_SECONDS)
    try:
        for path in (f"/post/{post_id}/live", "/live?after=0"):
            connection.request("HEAD", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
            assert answer.headers["Content-Type"] == "text/event-stream"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Accel-Buffering"] == "no"
            assert answer.headers["Content-Length"] is None
            connection.request("GET", "/hello")  # nothing of a body is in its way
            assert connection.getresponse().read() == b"Hello, World!"
    finally:
        connection.close()


def test_who_polls_gets_everything_once(running: Running, post_id: int) -> None:
    reader = Browser(running.url)
    page = LivePage(reader.get(f"/post/{post_id}"))
    start = page.position
    for written in (0, 1, 3, 0, 2):
        added = [running.ada.add_update(post_id, f"Goal {number}!") for number in range(written)]
        assert numbers(poll(running.url, post_id, page).events) == added
    running.ada.post(f"/desk/post/{post_id}/update/{start + 1}/withdraw", csrf_token=running.ada.token)
    poll(running.url, post_id, page)
    assert page.position == start + 7
    assert page.shown() == LivePage(reader.get(f"/post/{post_id}")).shown()


def test_who_polls_while_others_write_gets_everything_once(running: Running, post_id: int) -> None:
    pages = [LivePage(Browser(running.url).get(f"/post/{post_id}")) for _reader in range(3)]
    authors = [Browser(running.url, name) for name in ("ada", "edith")]

    def write(author: Browser) -> None:
        for number in range(8):
            author.add_update(post_id, f"Goal {number}!")

    writers = [threading.Thread(target=write, args=(author,)) for author in authors]
    for writer in writers:
        writer.start()
    polls = 0
    while any(writer.is_alive() for writer in writers):
        for page in pages:
            poll(running.url, post_id, page)
            polls += 1
    for writer in writers:
        writer.join()
    assert polls > len(pages)
    fresh = LivePage(Browser(running.url).get(f"/post/{post_id}"))
    assert len(fresh.items) == 17
    for page in pages:
        poll(running.url, post_id, page)
        assert page.shown() == fresh.shown()
        assert page.position == fresh.position == running.ada.seq(post_id)


def test_what_can_not_be_caught_up_is_loaded_anew(running: Running, post_id: int) -> None:
    for after in ("999", "x"):
        with Listener(running.url, f"/post/{post_id}/live?after={after}") as listener:
            listener.until_end()
            assert [event.kind for event in listener.events if event.kind != "wait"] == ["reload"]
    running.ada.post(f"/desk/post/{post_id}/unpublish", csrf_token=running.ada.token)
    with Listener(running.url, f"/post/{post_id}/live?after=1") as listener:
        listener.until_end()
        assert "gone" in [event.kind for event in listener.events]


def test_the_front_page_polls_too(running: Running) -> None:
    page = LivePage(Browser(running.url).get("/"))
    post_id = running.ada.write_post()
    with Listener(running.url, "/live", last_event_id=str(page.position)) as listener:
        listener.until_end()
        cards = [event for event in listener.events if event.kind == "card"]
    assert [(card.number, card.data["id"]) for card in cards] == [(page.position + 1, f"post-{post_id}")]


def test_40_readers_poll_at_once(running: Running, post_id: int) -> None:
    n = running.ada.add_update(post_id)
    page = Browser(running.url).get(f"/post/{post_id}")

    def read(_number: int) -> int:
        own = LivePage(page)
        own.position = n - 1
        poll(running.url, post_id, own)
        return own.position

    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(read, range(40))) == [n] * 40


@pytest.mark.parametrize("sent", ["GET /live?after=0 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /live?after=0 HTTP/1.1\r\nHos"])
def test_40_slow_clients_hold_nobody_up(running: Running, sent: str) -> None:
    """They read nothing of the answer, or have sent half a request. Gunicorn's plain workers wait for each of those."""
    if running.name in WAITS_FOR_EACH:
        return
    slow = [socket.create_connection(("127.0.0.1", running.program.port)) for _client in range(40)]
    try:
        for client in slow:
            client.sendall(sent.encode())
        asked_at = time.monotonic()
        assert Browser(running.url).get("/hello") == "Hello, World!"
        assert time.monotonic() - asked_at < AT_ONCE_SECONDS
    finally:
        for client in slow:
            client.close()


@pytest.mark.parametrize(("command", "heartbeats"), [(WITH_THE_FILE, 2), (COMMANDS["waitress"], 0)])
def test_nothing_is_written_outside_the_instance(
    command: str, heartbeats: int, copied_instance: Callable[[str], Path], tmp_path: Path
) -> None:
    """Neither in one's home, nor where the system has a place for such things."""
    instance, port = copied_instance("inside"), free_port()
    environ = {"PRESSROOM_INSTANCE": str(instance), "PRESSROOM_HTTP": f"127.0.0.1:{port}", "PRESSROOM_WORKERS": "2"}
    environ["XDG_RUNTIME_DIR"] = str(tmp_path)
    with Program(command.split(), tmp_path, environ, port) as program:
        until(lambda: "Live updates: " in program.screen(), "a worker has begun")
        with half_an_upload(port):
            until(lambda: any(map(UPLOAD.search, written(program))), "the upload is in a file")
            paths = written(program)
            assert [path.name for path in tmp_path.iterdir()] == ["screen"]
        assert len([path for path in paths if "wgunicorn" in path]) == heartbeats
        assert {path for path in paths if not path.startswith(f"{instance}/")} == {str(tmp_path / "screen")}
        ends_at_sigterm(program)
        assert "ontrol socket" not in program.screen()


@pytest.mark.parametrize("name", ["gunicorn with threads", "waitress"])
def test_it_says_that_there_is_no_database_yet(name: str, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    with Program(COMMANDS[name].split(), tmp_path, {"PRESSROOM_INSTANCE": str(instance)}) as program:
        with pytest.raises(HTTPError) as refused:
            Browser(program.url).get("/")
        with refused.value:
            assert refused.value.code == 503
        said = program.screen()
    assert f"{instance} doesn't exist: create it with .venv/bin/pressroom init\n" in said
    assert "Traceback" not in said


@contextmanager
def half_an_upload(port: int) -> Iterator[None]:
    """More than is kept in memory."""
    head = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            b"POST /desk/new HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 900000\r\n\r\n" + head + b"x" * 800_000
        )
        yield


def written(program: Program) -> set[str]:
    """The files that it and its children have open for writing."""
    found = set()
    for process in family(program.pid):
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                flags = re.search(r"flags:\s+(\d+)", Path(f"/proc/{process.pid}/fdinfo/{descriptor.name}").read_text())
                assert flags
                if stat.S_ISREG(descriptor.stat().st_mode) and int(flags[1], 8) & (os.O_WRONLY | os.O_RDWR):
                    found.add(str(descriptor.readlink()))
    return found


def ends_at_sigterm(program: Program) -> None:
    """By itself, with every process."""
    processes = family(program.pid)
    program.process.terminate()
    assert program.process.wait(WAIT_SECONDS) in (0, -signal.SIGTERM)
    until(lambda: not any(process.is_running() for process in processes), "its processes had ended")


# Last, because it stops the server


def test_it_ends_with_all_its_processes(running: Running) -> None:
    ends_at_sigterm(running.program)
