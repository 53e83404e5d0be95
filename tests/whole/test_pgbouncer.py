"""The site through Debian's pgbouncer, which gives each transaction another connection: docs/settings.md."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from support.apps import populate, settings_for
from support.checkout import CHECKOUT
from support.crowd import Crowd
from support.postgresql import PostgreSQL
from support.programs import Program
from support.uwsgi_server import UwsgiServer
from tools.processes import listens, until
from webapp.system import instance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("pgbouncer", path="/usr/sbin:/usr/bin"), reason="pgbouncer is missing: .ci/run installs it"
    ),
]


class PgBouncer(Program):
    def answers(self) -> bool:
        return listens(("127.0.0.1", self.port))


def documented() -> str:
    """The configuration that the docs show."""
    found = re.search(r"```ini\n(\[databases\].*?)```", (CHECKOUT / "docs" / "settings.md").read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgreSQL]:
    cluster = PostgreSQL()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def bouncer(cluster: PostgreSQL) -> Iterator[PgBouncer]:
    with cluster.connect("postgres") as connection:
        connection.execute("CREATE ROLE pressroom LOGIN PASSWORD 'secret'")
        connection.execute("CREATE DATABASE pressroom OWNER pressroom")
    folder = cluster.folder / "pgbouncer"
    folder.mkdir()
    bouncer = PgBouncer([*cluster.run_as, "/usr/sbin/pgbouncer", str(folder / "pgbouncer.ini")], folder)
    users = folder / "userlist.txt"
    users.write_text('"pressroom" "secret"\n')
    config = documented().replace("host=/run/postgresql", f"host={cluster.folder}")
    config = config.replace("/etc/pgbouncer/userlist.txt", str(users)).replace("6432", str(bouncer.port))
    (folder / "pgbouncer.ini").write_text(config)
    with bouncer:
        yield bouncer


@pytest.fixture(scope="module")
def server(bouncer: PgBouncer, password_hash: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UwsgiServer]:
    folder = tmp_path_factory.mktemp("pgbouncer") / "instance"
    instance.prepare(folder)
    url = f"postgresql://pressroom:secret@127.0.0.1:{bouncer.port}/pressroom"
    populate(settings_for(folder, DATABASE_URL=url), password_hash)
    environ = {"PRESSROOM_DATABASE_URL": url, "PRESSROOM_LIMITS": "off"}
    with UwsgiServer(folder, workers=2, environ=environ) as server:
        until(server.all_ready, "every worker was there")
        yield server
        assert "Traceback" not in server.log()


def test_writers_readers_streams_and_search(cluster: PostgreSQL, server: UwsgiServer) -> None:
    crowd = Crowd(server, server.url, lambda: cluster.connect("pressroom"), writers=6)
    with crowd.busy():
        crowd.goes_on(5, seconds=30)
        assert crowd.acknowledged[0] in crowd.browser.get(f"/search?q={crowd.acknowledged[0]}")
        assert crowd.counts["write", 503] == 0
        with cluster.connect("postgres") as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pressroom'")
        crowd.goes_on(1)
    crowd.check()
    print(crowd.report())
