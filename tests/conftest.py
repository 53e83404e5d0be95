"""One site for each test, three named people, and a client that speaks as one of them.

ada is an author and the owner of what the tests write; bob is an author too, a colleague; eve is a reader, a stranger.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest
from argon2 import PasswordHasher
from flask import Flask, has_app_context
from playwright.sync_api import Browser
from sqlalchemy import event

from webapp import create_app
from webapp.desk import media
from webapp.pages import public
from webapp.people import passwords
from webapp.system import instance

# Their asserts show what they compared, as a test's own do.
pytest.register_assert_rewrite("support")

from support import postgresql
from support.apps import LAST_ANSWERS, Client, close, populate, refill, settings_for, text_of
from support.checkout import CHECKOUT
from support.live_post import Clock, stop_time
from support.persons import PASSWORD, Person
from tools.chromium import chromium
from tools.processes import ServerProcess

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end(number: int, _frame: object) -> None:
    """Stop what the tests have started, by Ctrl-C, a closed terminal or `kill`; in each of xdist's processes too."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    for again in ENDS:
        signal.signal(again, signal.SIG_IGN if is_worker else signal.default_int_handler)
    for worker in [] if is_worker else psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            worker.send_signal(number)
    raise KeyboardInterrupt


# A shell that runs the tests in the background has Ctrl-C ignored, and what the tests start would inherit that.
for number in ENDS:
    signal.signal(number, end)
# The tests' sites have their own settings, and no proxy in between.
for name in list(os.environ):
    if name.startswith("PRESSROOM_"):
        del os.environ[name]
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"

if postgresql.IS_USED:
    atexit.register(postgresql.stop)

LONGEST_FIRST = ("pages", "whole", "browser", "ops", "live", "http", "cli")
MEMORY = Path("/dev/shm")  # noqa: S108
FILES_BYTES = 4e9


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' files in memory where they fit: each site flushes every change, and they'd share one disk."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > FILES_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    if "COMPILED_TEMPLATES" not in os.environ:  # else it is another process's, which removes it
        os.environ["COMPILED_TEMPLATES"] = folder = tempfile.mkdtemp()
        config.add_cleanup(lambda: shutil.rmtree(folder))
    import_module("support.compiled_templates")
    # Some machines ask Python to keep no bytecode; each of a thousand processes would compile the package anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores: a test that waits for a server leaves its core to others."""
    return len(os.sched_getaffinity(0)) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process is left with it at the end."""
    rank = {room: number for number, room in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(CHECKOUT / "tests").parts[0], len(rank)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Whoever reads of a failure sees what was answered last, and what the servers said that ran meanwhile."""
    report = yield
    if report.failed:
        report.sections += [(line, text_of(page)) for line, page in LAST_ANSWERS]
        report.sections += [("Server", server.last_words()) for server in ServerProcess.running]
    return report


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves an app's context or a process behind; fixtures that outlive it came before."""
    LAST_ANSWERS.clear()
    before = {child.pid for child in psutil.Process().children()}
    yield
    assert not has_app_context(), "an app context is left"
    after = [child for child in psutil.Process().children() if child.pid not in before]
    # Python keeps this one of multiprocessing's to its own end.
    meant = ("multiprocessing.resource_tracker", "unix_socket_directories")  # and the PostgreSQL of a first test
    left = [child for child in after if not any(each in " ".join(child.cmdline()) for each in meant)]
    assert not left, f"processes are left: {left}"


@pytest.fixture(scope="session")
def quick_passwords() -> Iterator[None]:
    """Hashing takes long on purpose; nearly every test logs somebody in, so here it takes next to nothing."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", quick)
        patch.setattr(passwords, "_nobodys", quick.hash("nobody has this password"))
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_waits_for_company() -> Iterator[None]:
    """Commenters wait for others to share a rendering with; tests comment a lot, and one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(public, "SHARE_SECONDS", 0.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_makes_larger_pictures() -> Iterator[None]:
    """They are made after the answer, by a thread that would outlive its test; when they are asked for anyway."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(media, "_begin_larger", lambda _app, _name: None)
        yield


@pytest.fixture(scope="session")
def password_hash(quick_passwords: None) -> str:
    return passwords.make_hash(PASSWORD)


@pytest.fixture(scope="session")
def template_instance(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Path:
    """An instance with everybody in it, made once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("template") / "instance"
    instance.prepare(folder)
    populate(settings_for(folder), password_hash)
    return folder


@pytest.fixture
def make_app(template_instance: Path, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Build an app on a fresh copy of the instance; `config` overrides settings."""
    made: list[Flask] = []

    def make(**config: Any) -> Flask:
        folder = tmp_path / f"instance{len(made)}"
        instance.prepare(folder)
        refill(folder, template_instance)
        app = create_app(settings_for(folder, **config))
        app.test_client_class = Client
        made.append(app)
        return app

    yield make
    for app in made:
        close(app)


@pytest.fixture(scope="session")
def shared_app(template_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("shared") / "instance"
    instance.prepare(folder)
    app = create_app(settings_for(folder))
    app.test_client_class = Client
    if not postgresql.IS_USED:
        event.listen(app.extensions["engine"], "connect", _without_fsync)
    return app


def _without_fsync(connection: sqlite3.Connection, _record: object) -> None:
    """No test of the shared site outlives a power cut; each would wait for the disk a dozen times."""
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def app(shared_app: Flask, template_instance: Path) -> Iterator[Flask]:
    """The site with its default settings. Building an app takes long, so tests share one; its data are new for each."""
    refill(shared_app.config["INSTANCE"], template_instance)
    shared_app.extensions["uses_per_minute"].clear()  # people have the same ids in every test
    config = dict(shared_app.config)
    yield shared_app
    shared_app.config.clear()
    shared_app.config.update(config)
    close(shared_app)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, which stands still until the test lets some pass."""
    clock = Clock()
    stop_time(monkeypatch, clock)
    return clock


@pytest.fixture
def ada(app: Flask) -> Person:
    return Person(app, "ada")


@pytest.fixture
def bob(app: Flask) -> Person:
    return Person(app, "bob")


@pytest.fixture
def eve(app: Flask) -> Person:
    return Person(app, "eve")


@pytest.fixture
def edith(app: Flask) -> Person:
    return Person(app, "edith")


@pytest.fixture
def root(app: Flask) -> Person:
    return Person(app, "root")


@pytest.fixture
def anonymous(app: Flask) -> Person:
    return Person(app)


# The real server, and a real browser.


@pytest.fixture(scope="session")
def copied_instance(template_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make an instance folder of its own, with everybody in it."""

    def copy(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name) / "instance"
        instance.prepare(folder)
        refill(folder, template_instance)
        return folder

    return copy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For texts to import."""
    made = tmp_path / "texts"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def run_patched(tmp_path: Path, template_instance: Path) -> Callable[[str], None]:
    """Run code in a process that gevent has patched, as in a uWSGI worker; `app` is a site with everybody."""

    def run(code: str) -> None:
        folder = tmp_path / "patched"
        instance.prepare(folder)
        refill(folder, template_instance)
        prelude = "from gevent import monkey; monkey.patch_all()\nfrom webapp import create_app\napp = create_app()\n"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", prelude + dedent(code)],
            env=os.environ | {"PRESSROOM_INSTANCE": str(folder), "PYTHONPATH": str(CHECKOUT / "tests")},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return run
