"""What the scripts beside this share: a site of its own, the CPU that it takes, people who sign in, and a report."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import psutil
from flask import Flask

from loadtests.limits.browser import PASSWORD, ask, connect
from tools.processes import ServerProcess, command_line, family, free_port, listens, plain_environ, until
from webapp import changes, config, create_app, db
from webapp.content import comments, posts, updates
from webapp.ops import setup
from webapp.people import passwords, users
from webapp.system import instance
from webapp.text.render import render_comment, render_post, render_update

CHECKOUT = Path(__file__).parent.parent.parent
UWSGI = Path(sys.executable).parent / "uwsgi"
WORKERS = 2

AUTHOR = "ada"
SENTENCE = "The ball comes in from the left, nobody clears it, and the keeper only looks after it as it goes past. "


def need(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program):
            raise SystemExit(f"{program} is missing: sudo apt-get install {program}")


# A site


class Site(NamedTuple):
    """An instance folder with its settings, as environment variables; `app` is for filling it before it is served."""

    folder: Path
    port: int
    environ: dict[str, str]
    app: Flask


@contextmanager
def site(people_too: int = 0) -> Iterator[Site]:
    """A new instance in a temporary folder, with an author and so many readers called reader-0, reader-1, …

    Its database is SQLite's, or the empty one of PostgreSQL that PRESSROOM_DATABASE_URL names.
    Limits are on unless there are readers: all of them log in from one address.
    """
    with tempfile.TemporaryDirectory(prefix="pressroom-limits-") as temporary:
        folder, port = Path(temporary) / "instance", free_port()
        environ = {
            "PRESSROOM_INSTANCE": str(folder),
            "PRESSROOM_HTTP": f"127.0.0.1:{port}",
            "PRESSROOM_WORKERS": str(WORKERS),
            "PRESSROOM_LIMITS": "off" if people_too else "on",
        }
        if url := os.environ.get("PRESSROOM_DATABASE_URL"):
            environ["PRESSROOM_DATABASE_URL"] = url
        settings = config.read(environ)
        Path(temporary).chmod(0o711)
        instance.prepare(folder)
        setup.initialise(settings)
        app = create_app(settings)
        password_hash = passwords.make_hash(PASSWORD)
        with app.app_context(), db.writing() as session:
            users.create(session, AUTHOR, None, password_hash, "author")
            for number in range(people_too):
                users.create(session, f"reader-{number}", None, password_hash)
        yield Site(folder, port, environ, app)


def live_post(app: Flask, body: str = SENTENCE, update_count: int = 0, comment_count: int = 0) -> int:
    """A published live post; its id. Its page is in the store afterwards."""
    html, comment_html = render_update(SENTENCE), render_comment(SENTENCE)
    with app.app_context(), changes.changing() as session:
        author = users.by_name(session, AUTHOR)
        writing = posts.Writing("The derby", body, render_post(body), live=True)
        post = posts.create(session, [author], writing, actor_id=author.id)
        posts.publish(session, post.id)
        for _ in range(update_count):
            updates.add(session, post.id, author.id, SENTENCE, html)
        for _ in range(comment_count):
            comments.add(session, post.id, author.id, SENTENCE, comment_html, per_minute=None)
        return post.id


def number_of_page(port: int, post_id: int) -> int:
    """That of the last event that the post's page has."""
    found = re.search(r'data-seq="(\d+)"', ask(port, f"/post/{post_id}").body)
    assert found, "the page has no data-seq"
    return int(found[1])


class OverTls(ServerProcess):
    """Behind a proxy that speaks https as localhost, by any certificate."""

    def connection(self) -> HTTPConnection:
        return connect(self.port, tls=True)


@contextmanager
def serving(site: Site, counted: bool = False, kind: type[ServerProcess] = ServerProcess) -> Iterator[int]:
    """Serve the site as uwsgi.ini says, and end it; the master's process id.

    counted: by way of counting.py, so that `notes` has something to read.
    """
    if not UWSGI.exists():
        raise SystemExit(f"{UWSGI} is missing: make serve installs it")
    site.app.extensions["engine"].dispose()
    command = [str(UWSGI), "--ini", str(CHECKOUT / "uwsgi.ini")]
    if counted:
        command += ["--module", "loadtests.limits.counting:app"]
    environ = plain_environ() | site.environ | {"COUNTING_NOTES": str(notes_of(site))}
    with running(command, site.port, environ, kind) as pid:
        wait_for_site(site.folder, pid, WORKERS)
        yield pid


def wait_for_site(folder: Path, pid: int, workers: int) -> None:
    """Until every worker answers and streams can be held; `pid` is uWSGI's master."""
    log = folder / "uwsgi.log"
    until(lambda: log.read_text().count("WSGI app 0 ") >= workers, "every worker was there")
    until(lambda: broadcasters(pid) and (folder / "broadcaster.sock").exists(), "streams could be held")


class Proxy(ServerProcess):
    """Up as soon as it listens: what it stands in front of may come later."""

    def answers(self) -> bool:
        return listens(("127.0.0.1", self.port))


@contextmanager
def running(
    command: list[str], port: int, environ: dict[str, str] | None = None, kind: type[ServerProcess] = ServerProcess
) -> Iterator[int]:
    """Start a server, wait until it answers, and end it; its process id."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, it ends the server too
    with (
        tempfile.NamedTemporaryFile() as screen,
        kind(command, port, environ or plain_environ(), Path(screen.name)) as server,
    ):
        yield server.pid


@contextmanager
def repeating(act: Callable[[], object], pause_seconds: float) -> Iterator[None]:
    """Meanwhile it is done over and over; if it fails once, so does this at its end."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(pause_seconds):
            act()

    with ThreadPoolExecutor(1) as pool:
        repeating = pool.submit(repeat)
        try:
            yield
        finally:
            ended.set()
        repeating.result()


def notes_of(site: Site) -> Path:
    return site.folder.with_name("notes")


def notes(site: Site) -> Counter[str]:
    """What Python did so far, by lines such as `GET /post/1` and `render /post/1`; see counting.py."""
    file = notes_of(site)
    return Counter(file.read_text().splitlines() if file.exists() else [])


# One kind of process of a site


def broadcasters(pid: int) -> list[int]:
    """Those that hold the streams, below the master."""
    return sorted(process.pid for process in family(pid) if "webapp.broadcaster" in command_line(process))


def workers(pid: int) -> list[int]:
    """Those that answer."""
    children = psutil.Process(pid).children()
    return sorted(child.pid for child in children if command_line(child).split(" ")[0].endswith("uwsgi"))


def cpu_of(pids: Iterable[int]) -> float:
    """Seconds that these very processes ran, to the microsecond; `cpu_seconds` knows hundredths.

    Source: Linux, Documentation/scheduler/sched-stats.rst.
    """
    schedules = [file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in schedules) / 1e9


def own_bytes(pids: Iterable[int]) -> int:
    """Memory that nobody else has, and a share of what several of them have in common, without files.

    Source: Linux, Documentation/filesystems/proc.rst, smaps_rollup.
    """
    sizes = [line.split() for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    return sum(int(size[1]) * 1024 for size in sizes if size[0] in ("Pss_Anon:", "Pss_Shmem:"))


def descriptors(pids: Iterable[int]) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)  # noqa: PTH208


def kernel_bytes() -> int:
    """What the kernel has for its own things, sockets and what lies in them included."""
    slab = re.search(r"^Slab: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    tcp = re.search(r"^TCP: .* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
    assert slab and tcp
    return int(slab[1]) * 1024 + int(tcp[1]) * os.sysconf("SC_PAGE_SIZE")
