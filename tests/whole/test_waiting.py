"""Nobody waits for others behind nginx: neither for a database that is locked, nor for clients that are slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from loadtests.limits.slow import CLIENTS, Slow, held
from support.http_client import Browser, ask
from support.proxies import Way
from support.traffic import Traffic, serving
from tools.processes import until

pytestmark = pytest.mark.slow

CROWD = 100
LOCKED_SECONDS = 10.0


@pytest.fixture
def way(copied_instance: Callable[[str], Path]) -> Iterator[Way]:
    with serving(copied_instance("waiting")) as way:
        yield way


def test_another_process_locks_the_database(way: Way) -> None:
    """For longer than anybody's patience, while a hundred people send a comment."""
    traffic = Traffic(way)
    crowd = [traffic.eve.another() for _ in range(CROWD)]
    with ThreadPoolExecutor(CROWD) as pool, traffic.going_on():
        traffic.goes_on()
        workers, streams = way.server.worker_pids(), [reader.stream for reader in traffic.readers]
        with closing(traffic.database()) as database:
            database.execute("BEGIN IMMEDIATE")
            locked_at = time.monotonic()
            sent = [
                pool.submit(somebody.write, f"{traffic.path}/comments", f"one-of-{number}-many")
                for number, somebody in enumerate(crowd)
            ]
            assert traffic.has_streams()
            answered = 0
            while time.monotonic() < locked_at + LOCKED_SECONDS:
                assert ask(way, "/hello").body == b"Hello, World!"
                answered += 1
            traffic.is_refused(0)
            database.execute("ROLLBACK")
        traffic.goes_on()
    assert answered > CROWD, "when all hundred asked SQLite themselves it was two"
    refused = [writing.result() for writing in sent] + traffic.ada.refused() + traffic.eve.refused()
    assert {(told.status, told.retry_after) for told in refused} == {(503, "5")}
    assert len(refused) > CROWD
    assert not {told.word for told in refused} & set(traffic.kept())
    assert [reader.stream for reader in traffic.readers] == streams, "a stream was lost"
    assert way.server.worker_pids() == workers
    traffic.check()


def test_clients_that_send_or_take_a_byte_a_second_keep_nobody_waiting(way: Way) -> None:
    traffic = Traffic(way)
    without = everything(way, traffic)
    site = Path(way.server.environ["PRESSROOM_SOCKET"])
    with Slow(way.port, traffic.path) as slow:
        until(lambda: slow.bytes >= 3 * CLIENTS, "each had sent or taken some bytes")
        until(lambda: held(site) == len(traffic.readers), "nobody but those held a connection to the site")
        assert everything(way, traffic) == without
        with traffic.going_on():
            traffic.goes_on(10)
            before = slow.bytes
            until(lambda: slow.bytes >= before + CLIENTS, "they had gone on as well")
    traffic.check()


def everything(way: Way, traffic: Traffic) -> list[int]:
    """What is answered to people who ask for all sorts of things, many at once, each within ten seconds."""
    paths = ["/hello", traffic.path, "/", "/search?q=night", "/login", "/feed.atom"]
    with ThreadPoolExecutor(10) as pool:
        read = list(pool.map(lambda path: ask(way, path, seconds=10).status, paths * 20))
        signed_in = list(pool.map(lambda name: Browser(way.url, name).token, ["ada", "bob", "eve", "edith"] * 5))
        written = list(pool.map(lambda _number: traffic.write(traffic.ada).status, range(20)))
    assert all(signed_in)
    assert traffic.has_streams()
    return [*read, *[status or 0 for status in written]]
