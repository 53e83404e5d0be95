"""What only the real server shows: gevent, workers that die, and many people at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from support.apps import settings_for
from support.http_client import Browser
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import create_app, db
from webapp.models import Event, Post

pytestmark = pytest.mark.slow

MANY = 500
T = TypeVar("T")


@pytest.fixture(scope="module")
def server(copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    environ = {"PRESSROOM_REGISTRATION": "open", "PRESSROOM_LIMITS": "off"}
    with UwsgiServer(copied_instance("uwsgi"), workers=2, module="support.waiting_site:app", environ=environ) as server:
        yield server


def in_a_thread(work: Coroutine[Any, Any, T]) -> T:
    """Playwright keeps a loop running in ours."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_500_requests_wait_for_another_socket_at_once(server: UwsgiServer) -> None:
    """The other socket says nothing until all 500 are there: were they taken in turn, none would be answered."""

    async def run() -> list[bytes]:
        everybody, waiting = asyncio.Event(), []

        async def peer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            waiting.append(writer)
            if len(waiting) == MANY:
                everybody.set()
            await everybody.wait()
            writer.write(b"now")
            await writer.drain()
            writer.close()

        async def ask(port: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"GET /wait/{port} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        other = await asyncio.start_server(peer, "127.0.0.1", 0, backlog=1024)
        async with other:
            port = other.sockets[0].getsockname()[1]
            return await asyncio.wait_for(asyncio.gather(*(ask(port) for _ in range(MANY))), 60)

    answers = in_a_thread(run())
    assert sum(answer.endswith(b"now") for answer in answers) == MANY


def test_hello_answers_while_50_log_ins_hash(server: UwsgiServer) -> None:
    names = ("ada", "bob", "edith", "eve", "root")  # of each account's sessions the twenty newest stay
    for name in names:
        Browser(server.url, name)  # its quick hash, made for the tests, becomes a real one
    with ThreadPoolExecutor(50) as pool:
        log_ins = [pool.submit(Browser, server.url, name) for name in names * 10]
        answered_early = 0
        while not all(log_in.done() for log_in in log_ins):
            assert Browser(server.url).get("/hello") == "Hello, World!"
            answered_early += not all(log_in.done() for log_in in log_ins)
        for log_in in log_ins:
            log_in.result()
    assert answered_early >= 3


def test_a_killed_worker_takes_no_acknowledged_comment_with_it(server: UwsgiServer) -> None:
    ada, eve = Browser(server.url, "ada"), Browser(server.url, "eve")
    post_id = ada.write_post()
    acknowledged: list[str] = []
    stop = threading.Event()

    def comment(lane: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            word = f"word-{lane}-{number}-end"
            try:
                eve.post(f"/post/{post_id}/comments", csrf_token=eve.token, body=word)
            except OSError:  # the worker that had it is gone, and the comment with it or not
                continue
            acknowledged.append(word)

    lanes = [threading.Thread(target=comment, args=(lane,)) for lane in range(4)]
    for lane in lanes:
        lane.start()
    before = server.worker_pids()
    for kill in range(2):
        until(lambda kill=kill: len(acknowledged) > 20 * (kill + 1), "more comments were acknowledged")
        victim = min(server.worker_pids())
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: victim not in server.worker_pids(), "the worker was gone")
        until(lambda: len(server.worker_pids()) == 2, "a new worker was there")
    stop.set()
    for lane in lanes:
        lane.join()
    assert server.worker_pids() != before
    kept = texts_of(server, post_id)
    assert [word for word in acknowledged if word not in kept] == []
    assert len(set(acknowledged)) == len(acknowledged)
    assert numbers_are_gapless(server, post_id)


def texts_of(server: UwsgiServer, post_id: int) -> str:
    """All pages of comments."""
    pages = []
    while True:
        pages.append(Browser(server.url).get(f"/post/{post_id}/comments/{len(pages) + 1}"))
        if f'href="/post/{post_id}/comments/{len(pages) + 1}"' not in pages[-1]:
            return "".join(pages)


def numbers_are_gapless(server: UwsgiServer, post_id: int) -> bool:
    app = create_app(settings_for(server.instance))
    with app.app_context():
        numbers = [n for (n,) in db.reading().query(Event.seq).filter_by(post_id=post_id).order_by(Event.seq)]
        seq = db.reading().get_one(Post, post_id).seq
    app.extensions["engine"].dispose()
    return numbers == list(range(1, seq + 1))


def test_a_vanished_client_harms_nobody(server: UwsgiServer) -> None:
    """Fifty readers hang up in the middle of their request, or of the answer."""

    async def vanish(half: bool) -> None:
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(request[:9] if half else request)
        await writer.drain()
        writer.transport.abort()

    async def run() -> None:
        await asyncio.gather(*(vanish(n % 2 == 0) for n in range(50)))

    workers = server.worker_pids()
    in_a_thread(run())
    assert Browser(server.url).get("/hello") == "Hello, World!"
    assert server.worker_pids() == workers
    assert "Traceback" not in server.log()
