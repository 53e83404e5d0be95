"""A PostgreSQL of the tests' own: a fresh data folder, a unix socket, nobody else's cluster. `make test-postgresql`.

Each site has a database of its own, a copy of another one, which takes 30 ms.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tools.processes import until

IS_USED = os.environ.get("DATABASE") == "postgresql"
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin"))
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # no test outlives a power cut
    "full_page_writes": "off",
    "max_connections": "300",
    "autovacuum": "off",
}


class PostgreSQL:
    """Runs from its making to `remove`. It refuses to be root's, so a root's is user postgres's.

    settings: on top of SETTINGS.
    """

    process: subprocess.Popen[bytes]

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.settings = SETTINGS | {"unix_socket_directories": str(self.folder)} | settings
        self.run_as, self._made = list[str](), set[str]()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.run_as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self.data = self.folder / "data"
        making = [str(PROGRAMS / "initdb"), "-D", str(self.data), "-U", "postgres", "--auth=trust", "--no-sync"]
        self._run([*making, "--encoding=UTF8", "--locale=C"])
        self.start()

    def start(self) -> None:
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        command = [*self.run_as, str(PROGRAMS / "postgres"), "-D", str(self.data), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        until(self._answers, "PostgreSQL answers")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """how: SIGINT ends all connections first, SIGQUIT everything at once.

        Source: PostgreSQL, Shutting Down the Server.
        """
        self.process.send_signal(how)
        self.process.wait()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, command: list[str]) -> None:
        subprocess.run([*self.run_as, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        if database not in self._made:
            self.create(database)
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(dbname=database, user="postgres", host=str(self.folder), autocommit=True)

    def create(self, database: str, template: str = "template0") -> None:
        """Anew, as a copy of another one, which nobody is connected to afterwards."""
        self._made.add(database)
        with self.connect("postgres") as connection:
            ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(ended, (template,))
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'.encode())
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY wal_log'.encode())


_server: PostgreSQL | None = None


def server() -> PostgreSQL:
    """This process's, which is started by whoever asks first."""
    global _server  # noqa: PLW0603
    _server = _server or PostgreSQL()
    return _server


def stop() -> None:
    if _server is not None:
        _server.remove()


def database_of(folder: Path) -> str:
    """The name of an instance's database."""
    return "-".join(folder.parts[-2:])
