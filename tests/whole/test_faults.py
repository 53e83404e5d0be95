"""What a site survives behind nginx: what was acknowledged is there, pages are served, and it recovers by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from support.apps import close, settings_for
from support.checkout import CHECKOUT
from support.damage import damage
from support.disks import Disk, ext4, tmpfs
from support.http_client import Answer, ask
from support.page_store import pages_there, wrong
from support.persons import Person
from support.proxies import Way
from support.traffic import Traffic, serving
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import create_app

pytestmark = pytest.mark.slow

DISK_MEGABYTES = 300  # below 200, /readyz says that it is nearly full
ENVIRON = {"PRESSROOM_LIMITS": "off"}


@pytest.fixture
def way(copied_instance: Callable[[str], Path]) -> Iterator[Way]:
    with serving(copied_instance("faults")) as way:
        yield way


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


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: not alive(processes), "all of it had ended")


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
    traffic = Traffic(way)
    with supervised(way.server) as statuses, traffic.going_on():
        for _ in range(3):
            traffic.goes_on()
            before = way.server.family()
            kill(before[:1] if whom == "the master" else before)
            until(lambda before=before: not alive(before), "all of it had ended")
        traffic.goes_on()
    assert statuses == [-signal.SIGKILL] * 3, "a new start was refused"
    traffic.check()


def test_nobody_outlives_the_master_not_even_a_worker_that_is_busy(copied_instance: Callable[[str], Path]) -> None:
    """A busy one would hold the socket, and a new start be refused."""
    environ = ENVIRON | {"PRESSROOM_BROADCASTERS": "2"}
    server = UwsgiServer(copied_instance("orphans"), workers=2, module="support.waiting_site:app", environ=environ)
    with server:
        until(server.all_ready, "every worker was there")
        until(lambda: len(server.broadcasters()) == 2, "both hold streams")
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /stand-still/120 HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            until(lambda: list(server.instance.glob("tmp/stands-still-*")), "a worker stood still")
            before = server.family()
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
            server.start()
            assert not alive(before)


# The disk is full


def on(kind: Callable[[Path, int], AbstractContextManager[Disk]], instance: Path) -> Iterator[tuple[Way, Disk]]:
    with tempfile.TemporaryDirectory(prefix="pressroom-") as folder:
        Path(folder).chmod(0o711)
        with kind(Path(folder) / "disk", DISK_MEGABYTES) as disk, serving(instance, disk.path) as way:
            until(lambda: ready(way).status == 200, "all was as it should be")
            disk.server = way.server
            yield way, disk


@pytest.fixture
def on_tmpfs(copied_instance: Callable[[str], Path]) -> Iterator[tuple[Way, Disk]]:
    yield from on(tmpfs, copied_instance("faults"))


@pytest.fixture
def on_ext4(copied_instance: Callable[[str], Path]) -> Iterator[tuple[Way, Disk]]:
    yield from on(ext4, copied_instance("faults"))


def ready(way: Way) -> Answer:
    return ask(way, "/readyz")


def wrong_pages(way: Way) -> list[str]:
    app = create_app(settings_for(way.server.instance, BASE_URL=way.url))
    try:
        return wrong(app, pages_there(app))
    finally:
        close(app)


@pytest.mark.parametrize("room", ["no room", "room in the database's log alone"])
def test_the_disk_is_full(on_tmpfs: tuple[Way, Disk], room: str) -> None:
    way, disk = on_tmpfs
    traffic = Traffic(way)
    with traffic.going_on():
        traffic.goes_on()
        workers, streams = way.server.worker_pids(), [reader.stream for reader in traffic.readers]
        if room != "no room":
            traffic.empty_the_log()
        disk.fill()
        traffic.is_refused()
        said = ready(way)
        assert said.status == 503
        assert disk.reason in said.body.decode()
        assert ask(way, "/hello").body == b"Hello, World!"
        assert traffic.has_streams()
        large = ask(way, "/desk/new", "POST", b"x" * 100_000)  # it would wait in a file
        assert (large.status, large.one("Retry-After")) == (503, "5")
        disk.free()
        assert ask(way, "/desk/new", "POST", b"x" * 100_000).status == 400
        traffic.goes_on(10)
        until(lambda: ready(way).status == 200, "all was as it should be")
    for told in traffic.ada.refused() + traffic.eve.refused():
        assert told.status == 503
        assert told.retry_after
    assert way.server.worker_pids() == workers
    assert [reader.stream for reader in traffic.readers] == streams, "a stream was lost"
    traffic.check()
    until(lambda: not wrong_pages(way), "every page was right")


def test_killed_on_a_full_disk_it_is_back_once_there_is_room(on_tmpfs: tuple[Way, Disk]) -> None:
    way, disk = on_tmpfs
    traffic = Traffic(way)
    with supervised(way.server) as statuses, traffic.going_on():
        traffic.goes_on()
        traffic.pages_need_site = True
        disk.fill()
        traffic.is_refused()
        kill(way.server.family())
        until(lambda: ask(way, "/hello").status == 200, "it was started again")
        traffic.pages_need_site = False
        disk.fill()
        traffic.is_refused()
        disk.free()
        traffic.goes_on()
    assert statuses == [-signal.SIGKILL]
    traffic.check()
    until(lambda: not wrong_pages(way), "every page was right")


# The disk returns something else


def test_part_of_the_database_is_damaged(copied_instance: Callable[[str], Path]) -> None:
    """Workers, their jobs and the broadcaster go on, and the log has a line of each worker."""
    folder = copied_instance("damaged")
    app = create_app(settings_for(folder))
    ada = Person(app, "ada")
    ada.write_post(live="y")
    ada.add_update(1)
    close(app)
    damage(folder / "pressroom.db", "update")
    with UwsgiServer(folder, workers=2, environ=ENVIRON) as server:
        assert {ask(server, path).status for path in ["/post/1", "/post/1/feed.atom"] * 50} == {503}
        assert {ask(server, path).status for path in ["/user/ada", "/feed.atom", "/healthz"] * 10} == {200}
        log = (folder / "uwsgi.log").read_text()
    assert 1 <= log.count("; stop the site, move its instance folder away") <= 2
    assert "Traceback" not in log


# The disk can't be written


def test_the_kernel_lets_nobody_write_any_more(on_ext4: tuple[Way, Disk]) -> None:
    """It did so upon an error, and takes it back only for whoever mounts the disk again."""
    way, disk = on_ext4
    traffic, server = Traffic(way), way.server
    with traffic.going_on():
        traffic.goes_on()
        streams = [reader.stream for reader in traffic.readers]
        with traffic.pen:  # nobody could take away a page that a change has just made outdated
            disk.fail()
        traffic.is_refused()
        said = ready(way)
        assert said.status == 503
        assert disk.reason_unwritable in said.body.decode()
        assert [reader.stream for reader in traffic.readers] == streams, "a stream was lost"
        check(server)
        victim = min(server.worker_pids())
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(server.worker_pids() - {victim}) == 2, "a new worker was there")
        traffic.is_refused()
        assert ask(way, "/search?q=night").status == 200
        assert ask(way, "/user/ada").status == 200
        assert traffic.has_streams()
    server.stop()
    disk.repair()
    server.start()
    with traffic.going_on():
        traffic.goes_on()
    until(lambda: ready(way).status == 200, "all was as it should be")
    traffic.check()
    until(lambda: not wrong_pages(way), "every page was right")


def check(server: UwsgiServer) -> None:
    """What whoever runs the site does first. Problems are found or not; the site must bear it."""
    command = [sys.executable, "-m", "flask", "--app", "webapp", "check"]
    subprocess.run(command, env=server.environ, cwd=CHECKOUT, capture_output=True, check=False)


def test_nothing_can_be_written_for_a_while(on_ext4: tuple[Way, Disk]) -> None:
    way, disk = on_ext4
    traffic = Traffic(way)
    with traffic.going_on():
        traffic.goes_on()
        workers, streams = way.server.worker_pids(), [reader.stream for reader in traffic.readers]
        with traffic.pen:
            disk.freeze()
        traffic.is_refused()
        assert ready(way).status == 503
        assert traffic.has_streams()
        disk.thaw()
        traffic.goes_on()
    until(lambda: ready(way).status == 200, "all was as it should be")
    assert [reader.stream for reader in traffic.readers] == streams, "a stream was lost"
    assert way.server.worker_pids() == workers
    traffic.check()
    until(lambda: not wrong_pages(way), "every page was right")
