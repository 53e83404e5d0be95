"""What a site survives of its PostgreSQL: writes wait, are neither lost nor doubled, and everything else goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest

from support import postgresql
from support.apps import populate, settings_for
from support.checkout import CHECKOUT
from support.crowd import Crowd
from support.disks import Disk, Tmpfs, tmpfs
from support.postgresql import PostgreSQL
from support.uwsgi_server import UwsgiServer
from tools.processes import family, until
from webapp.db import engine as engines
from webapp.system import instance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (postgresql.PROGRAMS / "initdb").exists(), reason="PostgreSQL is missing: .ci/run installs it"
    ),
]

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'site'"
DISK_MEGABYTES = 100
CONNECTIONS = 60
# Whoever writes waits for others so long at most, on a slow machine; 5 are required, and were measured on an idle one.
WAIT_SECONDS = 15
CROWDED_SECONDS = 6


@dataclass
class World:
    """One site with two workers, whose database is on a small disk of its own; its role is an ordinary one."""

    cluster: PostgreSQL
    server: UwsgiServer
    disk: Disk

    def connect(self) -> psycopg.Connection:
        return self.cluster.connect("site")

    def end_all(self) -> None:
        """All connections of the site."""
        with self.cluster.connect("postgres") as connection:
            connection.execute(END_ALL)

    def signal_all(self, number: signal.Signals) -> None:
        """To all of PostgreSQL's processes."""
        for process in family(self.cluster.process.pid):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


@pytest.fixture(scope="module")
def world(password_hash: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pressroom-")))
        place.chmod(0o711)
        disk = stack.enter_context(tmpfs(place / "disk", DISK_MEGABYTES))
        (place / "disk" / "tables").mkdir()
        cluster = PostgreSQL(max_connections=str(CONNECTIONS))
        stack.callback(cluster.remove)
        if os.geteuid() == 0:
            os.chown(place / "disk" / "tables", *owner(cluster.data))
        rules = cluster.data / "pg_hba.conf"
        rules.write_text("local all guest scram-sha-256\n" + rules.read_text())
        cluster.process.send_signal(signal.SIGHUP)
        with cluster.connect("postgres") as connection:
            connection.execute("CREATE ROLE site LOGIN")
            connection.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
            connection.execute(f"CREATE TABLESPACE small LOCATION '{place / 'disk' / 'tables'}'".encode())
            connection.execute("CREATE DATABASE site OWNER site TABLESPACE small TEMPLATE template0")
        folder = tmp_path_factory.mktemp("postgresql") / "instance"
        instance.prepare(folder)
        url = f"postgresql://site@/site?host={cluster.folder}"
        populate(settings_for(folder, DATABASE_URL=url), password_hash)
        environ = {"PRESSROOM_DATABASE_URL": url, "PRESSROOM_LIMITS": "off"}
        with UwsgiServer(folder, workers=2, environ=environ) as server:
            until(server.all_ready, "every worker was there")
            yield World(cluster, server, disk)
            assert "Traceback" not in server.log()


def owner(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


@pytest.fixture
def crowd(world: World) -> Iterator[Crowd]:
    workers = world.server.worker_pids()
    crowd = Crowd(world.server, world.server.url, world.connect)
    with crowd.busy():
        crowd.goes_on(1)
        yield crowd
        crowd.goes_on()
    crowd.check()
    assert world.server.worker_pids() == workers
    print(crowd.report())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_restart(world: World, crowd: Crowd, how: signal.Signals) -> None:
    world.cluster.stop(how)
    time.sleep(0.5)
    world.cluster.start()


def test_all_connections_are_ended(world: World, crowd: Crowd) -> None:
    for _ in range(5):
        world.end_all()
        time.sleep(0.5)


def test_it_stands_still(world: World, crowd: Crowd) -> None:
    """As a machine does that swaps, or whose disk hangs: no connection ends, and nothing is answered."""
    world.signal_all(signal.SIGSTOP)
    time.sleep(10)
    world.signal_all(signal.SIGCONT)


def test_it_has_no_connection_left(world: World, crowd: Crowd) -> None:
    """Others hold all of them."""
    with ExitStack() as held:
        first = held.enter_context(world.cluster.connect("postgres"))

        def is_refused() -> bool:
            first.execute(END_ALL)
            with suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(world.cluster.connect("postgres"))
            return "raise max_connections" in world.server.log()

        until(is_refused, "the log said the cure", pause_seconds=0.5)
        time.sleep(2)


def test_a_deadlock(world: World, crowd: Crowd) -> None:
    """Made by another program, which locks in another order."""
    lock = "SELECT pg_advisory_xact_lock(7307182753)"
    for _ in range(5):
        with world.connect() as other, suppress(psycopg.errors.DeadlockDetected), other.transaction():
            other.execute("SELECT id FROM post WHERE id = %s FOR UPDATE", (crowd.post_id,))
            time.sleep(0.2)
            other.execute(lock)
    assert crowd.counts["write", 503]


def test_a_table_is_locked(world: World, crowd: Crowd) -> None:
    """As an ALTER TABLE of another program does it, for longer than the site waits."""
    with world.connect() as other, other.transaction():
        other.execute("LOCK TABLE post")
        time.sleep(engines.WRITE_PATIENCE_SECONDS + 1)
    assert crowd.counts["fresh", 503]


def test_a_statement_takes_too_long(world: World, crowd: Crowd) -> None:
    with world.connect() as other:
        other.execute("CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); END'")
        other.execute('CREATE TRIGGER sleep BEFORE INSERT ON "update" EXECUTE FUNCTION sleep()')
        until(lambda: crowd.waits.get(("write", 503), 0) >= engines.STATEMENT_SECONDS, "one was ended")
        other.execute("DROP FUNCTION sleep() CASCADE")


STOPPED = """
    import os, signal, sys
    from webapp.db.engine import begin_writing, make_engine
    session = begin_writing(make_engine(sys.argv[1]))
    os.kill(os.getpid(), signal.SIGSTOP)
"""


def stopped_client(world: World) -> subprocess.Popen[bytes]:
    """One that has the writers' lock."""
    url = world.server.environ["PRESSROOM_DATABASE_URL"]
    client = subprocess.Popen([sys.executable, "-c", dedent(STOPPED), url], cwd=CHECKOUT)
    os.waitid(os.P_PID, client.pid, os.WSTOPPED | os.WNOWAIT)
    return client


def test_a_client_is_stopped_between_lock_and_commit(world: World, crowd: Crowd) -> None:
    client = stopped_client(world)
    try:
        crowd.goes_on(1)
    finally:
        client.kill()
        client.wait()
    assert max(crowd.waits["write", 302], crowd.waits.get(("write", 503), 0)) < WAIT_SECONDS


def test_a_hundred_writers_wait_for_a_stopped_client_so_long_and_no_longer(world: World) -> None:
    crowd = Crowd(world.server, world.server.url, world.connect, writers=100)
    with crowd.busy():
        time.sleep(CROWDED_SECONDS / 2)
        client = stopped_client(world)
        time.sleep(CROWDED_SECONDS / 2)
        client.kill()
        client.wait()
    crowd.check()
    print(crowd.report())
    assert max(crowd.waits["write", 302], crowd.waits["write", 503]) < WAIT_SECONDS


def test_it_lets_the_site_in_no_more(world: World, crowd: Crowd) -> None:
    """As with another password."""
    rules = world.cluster.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all site reject\n" + before)
    world.cluster.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    world.end_all()
    until(lambda: "pg_hba.conf rejects connection" in world.server.log(), "the log said why")
    time.sleep(2)
    rules.write_text(before)
    world.cluster.process.send_signal(signal.SIGHUP)


def test_its_disk_is_full(world: World, crowd: Crowd) -> None:
    if not isinstance(world.disk, Tmpfs):
        pytest.skip("nothing may be mounted here")
    world.disk.fill()
    until(lambda: crowd.counts["write", 503] >= 3, "writers were told to wait")
    crowd.counts["fresh", 200] = 0
    until(lambda: crowd.counts["fresh", 200] >= 3, "reading goes on")
    world.disk.free()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("site@/nowhere", 'database "nowhere" does not exist; create it with createdb, or see PRESSROOM_DATABASE_URL'),
        ("guest:wrong@/site", 'password authentication failed for user "guest"; see PRESSROOM_DATABASE_URL'),
        ("nobody@/site", 'role "nobody" does not exist; see PRESSROOM_DATABASE_URL'),
    ],
)
def test_a_start_says_in_one_line_what_is_wrong(world: World, tmp_path: Path, address: str, reason: str) -> None:
    environ = {"PRESSROOM_DATABASE_URL": f"postgresql://{address}?host={world.cluster.folder}"}
    lines = UwsgiServer(tmp_path / "instance", environ=environ).refused()
    assert next(line for line in lines if "database can't be used" in line).endswith(reason), lines
    assert not any("Traceback" in line or "wrong" in line for line in lines)
