"""New code for a site that goes on meanwhile: `make reload`."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import time
from urllib.request import urlopen

import pytest

from support.archives import write_migration
from support.uwsgi_server import UwsgiServer, copied_checkout
from tools.processes import until
from webapp.ops.reload import replace_workers
from webapp.system.locks import try_lock

pytestmark = pytest.mark.slow

TOLD = "Testing the new code …\nReplacing the workers …\nAll workers run the new code.\n"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied_checkout(tmp_path_factory.mktemp("code") / "a checkout")


@pytest.fixture(scope="module")
def site(code: Path, copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    """One for all tests; the last ones replace its code."""
    with serving(code, copied_instance("reloaded")) as server:
        yield server


@contextmanager
def serving(code: Path, instance: Path) -> Iterator[UwsgiServer]:
    with UwsgiServer(instance, workers=2, ini=code / "uwsgi.ini", cwd=code) as server:
        until(server.all_ready, "all workers were ready")
        yield server


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def reload(site: UwsgiServer) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "webapp.reload"],
        cwd=site.cwd,
        env=site.environ | {"NOTIFY_SOCKET": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


def said_hello(site: UwsgiServer) -> str:
    with urlopen(f"{site.url}/hello", timeout=60) as answer:
        return str(answer.read().decode())


def test_broken_code_replaces_no_worker(site: UwsgiServer, code: Path) -> None:
    before = site.worker_pids()
    for name, old, new, says in (
        ("webapp/reader/views.py", "from flask import", "from flask imp", "doesn't start.\nTraceback"),
        ("webapp/wsgi.py", "app = create_app()", "app = create_apps()", "NameError: name 'create_apps'"),
        (
            "webapp/live/broadcaster.py",
            "def main()",
            "raise ValueError('no')\n\ndef main()",
            "serves no streams.\nTraceback",
        ),
        ("templates/reader/front.html", "{% block", "{% blok", "answers / with 500.\nTraceback"),
        ("templates/accounts/login.html", "{% block", "{% blok", "answers /login with 500.\nTraceback"),
        ("uwsgi.ini", "need-app", "need-apps", "unknown config directive: need-apps"),
    ):
        text, times = (code / name).read_text(), (code / name).stat()
        change(code / name, old, new)
        done = reload(site)
        assert (done.returncode, done.stdout) == (1, "Testing the new code …\n"), name
        assert done.stderr.startswith("Not reloaded: the new code "), done.stderr
        assert says in done.stderr
        assert site.worker_pids() == before
        assert said_hello(site) == "Hello, World!"
        (code / name).write_text(text)
        os.utime(code / name, ns=(times.st_atime_ns, times.st_mtime_ns))  # uwsgi.ini is as old as the site


def test_a_schema_that_cannot_be_upgraded_replaces_no_worker(site: UwsgiServer) -> None:
    before = site.worker_pids()
    with closing(sqlite3.connect(site.instance / "pressroom.db")) as database:
        [known] = database.execute("SELECT version_num FROM alembic_version").fetchone()
        with database:
            database.execute("UPDATE alembic_version SET version_num = '9999', oldest = '9998'")
        done = reload(site)
        with database:
            database.execute("UPDATE alembic_version SET version_num = ?", [known])
    assert done.returncode == 1
    assert done.stderr.startswith("Not reloaded: the database was created by a newer Pressroom (schema 9999)")
    assert site.worker_pids() == before


def test_two_at_a_time_do_not_mix(site: UwsgiServer) -> None:
    lock = try_lock(site.instance / "locks" / "reload")
    assert lock is not None
    assert reload(site).stderr == "Not reloaded: another reload is in progress.\n"
    os.close(lock)


def test_workers_that_are_still_starting_get_it_too(tmp_path: Path, copied_instance: Callable[[str], Path]) -> None:
    """uWSGI passes over those that have not imported the app."""
    code = copied_checkout(tmp_path / "slow to start")
    change(code / "webapp" / "wsgi.py", "app = create_app()", "import time; time.sleep(3); app = create_app()")
    with serving(code, copied_instance("starting")) as site:
        for pid in (old := site.worker_pids()):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not site.worker_pids() & old and len(site.worker_pids()) == 2, "others were starting")
        starting = site.worker_pids()
        replace_workers(site.instance)
        assert not site.worker_pids() & starting


def test_all_workers_get_the_new_code(site: UwsgiServer, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code / "tmp").mkdir()
    monkeypatch.setitem(site.environ, "TMPDIR", str(code / "tmp"))
    before = site.worker_pids()
    change(code / "webapp" / "reader" / "views.py", 'return "Hello, World!"', 'return "Hello again!"')
    done = reload(site)
    assert (done.returncode, done.stdout, done.stderr) == (0, TOLD, "")
    assert len(site.worker_pids() - before) == 2
    assert {said_hello(site) for _ in range(20)} == {"Hello again!"}
    assert list((code / "tmp").iterdir()) == []
    os.utime(code / "uwsgi.ini", (time() + 10, time() + 10))
    assert "uwsgi.ini has changed since the site started. Restart the site" in reload(site).stderr


def test_the_schema_is_upgraded_before_the_workers_are_new(site: UwsgiServer, code: Path) -> None:
    write_migration(code / "webapp" / "db" / "migrations", 'op.execute("ALTER TABLE post ADD COLUMN more INTEGER")')
    done = reload(site)
    assert done.returncode == 0
    assert "The database was copied to " in done.stderr
    with closing(sqlite3.connect(site.instance / "pressroom.db")) as database:
        assert "more" in [column[1] for column in database.execute("PRAGMA table_info(post)")]
    with urlopen(f"{site.url}/readyz", timeout=60) as answer:
        assert answer.read() == b"ok"
