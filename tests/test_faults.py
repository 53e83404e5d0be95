"""What a site survives behind nginx: what was acknowledged is there, pages are served, and it recovers by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from night import Night
from proxies import Way, behind_nginx
from uwsgi_server import UwsgiServer, until

ENVIRON = {"PRESSROOM_LIMITS": "off"}


@pytest.fixture
def way(copied_instance: Callable[[str], Path]) -> Iterator[Way]:
    with behind_nginx(copied_instance("faults"), ENVIRON) as way:
        until(way.server.all_ready, "every worker was there")
        yield way
        assert "Traceback" not in way.server.log()


# The master is killed


@contextlib.contextmanager
def supervised(server: UwsgiServer) -> Iterator[list[int]]:
    """Start the site again as soon as it has ended, as `Restart=always` does; the exit status of each that ended."""
    statuses: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            if server.process.poll() is not None:
                statuses.append(server.process.returncode)
                server.launch()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join()


def family(server: UwsgiServer) -> list[psutil.Process]:
    """All processes of the site."""
    master = psutil.Process(server.pid)
    return [master, *master.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize("whom", ["the master", "everything"])
def test_killed_it_is_started_again_and_goes_on(way: Way, whom: str) -> None:
    night = Night(way)
    with supervised(way.server) as statuses, night.going_on():
        for _ in range(3):
            night.goes_on()
            before = family(way.server)
            for process in before[:1] if whom == "the master" else before:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            until(lambda before=before: not alive(before), "all of it had ended")
        night.goes_on()
    assert statuses == [-signal.SIGKILL] * 3, "a new start was refused"
    night.check()


def test_nobody_outlives_the_master_not_even_a_worker_that_is_busy(copied_instance: Callable[[str], Path]) -> None:
    """A busy one would hold the socket, and a new start be refused."""
    environ = ENVIRON | {"PRESSROOM_BROADCASTERS": "2"}
    server = UwsgiServer(copied_instance("orphans"), module="waiting_site:app", environ=environ)
    with server:
        until(server.all_ready, "every worker was there")
        until(lambda: len(server.broadcasters()) == 2, "both hold streams")
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /stand-still/120 HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            until(lambda: list(server.instance.glob("tmp/stands-still-*")), "a worker stood still")
            before = family(server)
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
            server.start()
            assert not alive(before)
