"""Nobody waits for others behind nginx: neither for a database that is locked, nor for clients that are slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from night import Night, serving
from proxies import Way
from test_faults import follows
from test_uwsgi import Browser
from uwsgi_server import until
from ways import ask

from loadtests.limits.slow import CLIENTS, Slow, held

CROWD = 100
LOCKED_SECONDS = 10.0


@pytest.fixture
def way(copied_instance: Callable[[str], Path]) -> Iterator[Way]:
    with serving(copied_instance("waiting")) as way:
        yield way


def test_another_process_locks_the_database(way: Way) -> None:
    """For longer than anybody's patience, while a hundred people send a comment."""
    night = Night(way)
    crowd = [night.eve.another() for _ in range(CROWD)]
    with ThreadPoolExecutor(CROWD) as pool, night.going_on():
        night.goes_on()
        workers, streams = way.server.worker_pids(), [reader.stream for reader in night.readers]
        with closing(night.database()) as database:
            database.execute("BEGIN IMMEDIATE")
            locked_at = time.monotonic()
            sent = [
                pool.submit(somebody.write, f"{night.path}/comments", f"one-of-{number}-many")
                for number, somebody in enumerate(crowd)
            ]
            assert follows(way, night)
            answered = 0
            while time.monotonic() < locked_at + LOCKED_SECONDS:
                assert ask(way, "/hello").body == b"Hello, World!"
                answered += 1
            night.is_refused(0)
            database.execute("ROLLBACK")
        night.goes_on()
    assert answered > CROWD, "when all hundred asked SQLite themselves it was two"
    refused = [writing.result() for writing in sent] + night.ada.refused() + night.eve.refused()
    assert {(told.status, told.retry_after) for told in refused} == {(503, "5")}
    assert len(refused) > CROWD
    assert not {told.word for told in refused} & set(night.kept())
    assert [reader.stream for reader in night.readers] == streams, "a stream was lost"
    assert way.server.worker_pids() == workers
    night.check()


def test_clients_that_send_or_take_a_byte_a_second_keep_nobody_waiting(way: Way) -> None:
    night = Night(way)
    without = everything(way, night)
    site = Path(way.server.environ["PRESSROOM_SOCKET"])
    with Slow(way.port, night.path) as slow:
        until(lambda: slow.bytes >= 3 * CLIENTS, "each had sent or taken some bytes")
        until(lambda: held(site) == len(night.readers), "nobody but those held a connection to the site")
        assert everything(way, night) == without
        with night.going_on():
            night.goes_on(10)
            before = slow.bytes
            until(lambda: slow.bytes >= before + CLIENTS, "they had gone on as well")
    night.check()


def everything(way: Way, night: Night) -> list[int]:
    """What is answered to people who ask for all sorts of things, many at once, each within ten seconds."""
    paths = ["/hello", night.path, "/", "/search?q=night", "/login", "/feed.atom"]
    with ThreadPoolExecutor(10) as pool:
        read = list(pool.map(lambda path: ask(way, path, seconds=10).status, paths * 20))
        signed_in = list(pool.map(lambda name: Browser(way.url, name).token, ["ada", "bob", "eve", "edith"] * 5))
        written = list(pool.map(lambda _number: night.write(night.ada).status, range(20)))
    assert all(signed_in)
    assert follows(way, night)
    return [*read, *[status or 0 for status in written]]
