"""Public pages as the real uWSGI serves them: as files, whole, with their headers, also when a worker dies."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from textwrap import dedent

import pytest
from flask import Flask

from support.apps import close, settings_for
from support.http_client import Answer, Browser, ask
from support.page_store import CONTENT_TYPES, pages_there, wrong
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import create_app, db
from webapp.models import Post
from webapp.system import server

READERS = 200
HEAL_DEADLINE_SECONDS = 10.0
# Written for the test: it notes each rendering in a file, takes the site's name from another, and its worker kills
# itself between commit and replacement when a third one is there.
SITE = """
    import os, signal
    from pathlib import Path

    folder = Path(os.environ["PRESSROOM_INSTANCE"]).parent
    os.environ["PRESSROOM_SITE_TITLE"] = (folder / "title").read_text()

    from webapp.pages.public import Pages
    from webapp.wsgi import app

    pages = app.extensions["pages"]
    fresh, replace = Pages._fresh, pages.replace

    def noted(self, path):
        with open(folder / "renderings", "a") as notes:
            notes.write(f"{os.getpid()} {path}\\n")
        return fresh(self, path)

    def replace_or_die(*args, **kwargs):
        try:
            (folder / "die").unlink()
        except FileNotFoundError:
            return replace(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    Pages._fresh = noted
    pages.replace = replace_or_die

    @app.get("/pid")
    def pid():
        return str(os.getpid())
"""


@dataclass
class Running:
    server: UwsgiServer
    folder: Path
    app: Flask
    post: int = 0

    @property
    def root(self) -> Path:
        return self.server.instance / "pages"

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return ask(self.server, path, method, seconds=60, **({"Host": "127.0.0.1"} | headers))

    def renderings(self, path: str) -> list[str]:
        """The workers that made this page, each as often as it did."""
        lines = (self.folder / "renderings").read_text().splitlines()
        return [line.split(" ")[0] for line in lines if line.split(" ")[1] == path]

    def take_out(self, path: str) -> None:
        store = self.app.extensions["pages"].store
        with store.lock(path):
            store.remove(path)


@pytest.fixture(scope="module")
def running(copied_instance: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    instance = copied_instance("pages-uwsgi")
    folder = instance.parent
    (folder / "noting_site.py").write_text(dedent(SITE))
    (folder / "title").write_text("Pressroom")
    (folder / "renderings").touch()
    made = UwsgiServer(
        instance,
        workers=2,
        module="noting_site:app",
        options=["--pythonpath", str(folder)],
        environ={"PRESSROOM_LIMITS": "off"},
    )
    with made as uwsgi:
        app = create_app(settings_for(instance, LIMITS="off", BASE_URL=uwsgi.url, HTTP=f"127.0.0.1:{uwsgi.port}"))
        running = Running(uwsgi, folder, app)
        ada = Browser(uwsgi.url, "ada")
        fields = {"title": "The derby", "body": "Kick-off at eight.", "tags": "Football", "live": "y"}
        running.post = int(ada.post("/desk/new", csrf_token=ada.token, action="publish", **fields).rpartition("/")[2])
        ada.post(f"/post/{running.post}/updates", csrf_token=ada.token, body="Goal!")
        yield running
        close(app)


@pytest.fixture(scope="module")
def ada(running: Running) -> Browser:
    return Browser(running.server.url, "ada")


# Files


@pytest.mark.parametrize("path", CONTENT_TYPES)
def test_a_page_is_made_once_and_is_a_file_from_then_on(running: Running, path: str) -> None:
    kind, path = CONTENT_TYPES[path], path.format(post=running.post)
    running.take_out(path)
    made = len(running.renderings(path))
    first, *more = (running.ask(path) for _time in range(4))
    assert (first.status, first.from_file) == (200, False)
    assert [(answer.status, answer.from_file) for answer in more] == [(200, True)] * 3
    assert len(running.renderings(path)) == made + 1
    assert {answer.body for answer in more} == {first.body}
    for answer in (first, *more):
        assert answer.one("Content-Type").partition(";")[0] == kind
        assert answer.one("Content-Length") == str(len(first.body))
        assert answer.one("Last-Modified") == first.one("Last-Modified")
        assert answer.all("Set-Cookie") == []
        for name, value in server.HEADERS.items():
            assert answer.one(name) == value, (name, answer.from_file)
    assert first.one("Cache-Control") == "no-cache"
    assert parsedate_to_datetime(more[0].one("Expires")) <= datetime.now(UTC), "asked for again each time"


def test_both_ways_pack_it_for_whoever_takes_it(running: Running) -> None:
    path = f"/post/{running.post}"
    for accepted, packed in (("gzip", True), ("gzip, deflate, br", True), ("identity", False)):
        running.take_out(path)
        answers = [running.ask(path, Accept_Encoding=accepted) for _time in range(2)]
        plain = running.ask(path)
        assert [answer.from_file for answer in answers] == [False, True]
        for answer in answers:
            assert answer.all("Content-Encoding") == ["gzip"] * packed
            assert (gzip.decompress(answer.body) if packed else answer.body) == plain.body
            assert answer.one("Vary") == "Accept-Encoding"
        assert answers[0].one("Content-Type").partition(";")[0] == answers[1].one("Content-Type").partition(";")[0]


def test_head_says_what_get_says(running: Running) -> None:
    path = f"/post/{running.post}"
    running.take_out(path)
    for from_file in (False, True):
        head = running.ask(path, "HEAD") if from_file else None
        got = running.ask(path)
        assert got.from_file == from_file
        if head:
            assert head.body == b""
            assert head.from_file
            assert dict(head.headers).keys() == dict(got.headers).keys()
            assert head.one("Content-Length") == got.one("Content-Length") == str(len(got.body))
    running.take_out(path)
    head = running.ask(path, "HEAD")
    assert (head.status, head.body, head.from_file) == (200, b"", False)
    assert head.one("Content-Length") == str(len(got.body))


def test_a_browser_that_has_the_page_is_told_so_until_it_changes(running: Running, ada: Browser) -> None:
    path = f"/post/{running.post}"
    known = running.ask(path).one("Last-Modified")
    for number in range(3):
        unchanged = running.ask(path, If_Modified_Since=known)
        assert (unchanged.status, unchanged.body) == (304, b"")
        ada.add_update(running.post, f"Within a second: {number}.")
        answer = running.ask(path, If_Modified_Since=known)
        assert answer.status == 200
        assert answer.from_file, "it was replaced before the author was redirected"
        assert f"Within a second: {number}." in answer.body.decode()
        assert answer.one("Last-Modified") != known
        known = answer.one("Last-Modified")
    running.take_out(path)
    assert running.ask(path, If_Modified_Since=known).status == 304, "Python says it too"


def test_assets_are_kept_for_a_year(running: Running) -> None:
    page = running.ask("/").body.decode()
    assets = re.findall(r'(?:href|src)="(/(?:static|assets)/[^"]+)"', page)
    assert {path.partition("?")[0].rpartition(".")[2] for path in assets} >= {"css", "js", "svg"}
    for path in assets:
        answer = running.ask(path)
        assert answer.status == 200
        expires = parsedate_to_datetime(answer.one("Expires"))
        assert abs(expires - datetime.now(UTC) - timedelta(days=365)) <= timedelta(hours=1), path
        for name, value in server.HEADERS.items():
            assert answer.one(name) == value, path


@pytest.mark.parametrize("path", ["/", "/post/{post}", "/feed.atom", "/user/ada", "/post/{post}/feed.json", "/about/x"])
def test_a_page_takes_no_other_method_whether_it_is_a_file_or_not(running: Running, path: str) -> None:
    path = path.format(post=running.post)
    there = running.ask(path).status == 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = running.ask(path, method, Content_Length="0")
        assert answer.status == 405, (method, path)
        assert set(answer.one("Allow").split(", ")) == {"GET", "HEAD", "OPTIONS"}
    options = running.ask(path, "OPTIONS")
    assert options.status == 200
    assert set(options.one("Allow").split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert (running.ask(path).status == 200) == there
    assert running.ask("/post/999999", "POST", Content_Length="0").status == 405
    assert running.ask("/nothing", "POST", Content_Length="0").status == 404


def test_nothing_beside_the_store_is_served(running: Running) -> None:
    key = (running.server.instance / "secret_key").read_bytes()
    sibling = running.server.instance / "locks"
    assert sibling.is_dir()
    for path in (
        "/../secret_key", "/%2e%2e/secret_key", "/post/%2e%2e/%2e%2e/secret_key", "/..%2fsecret_key",
        "/%2e%2e/pressroom.db",
        "/%2e%2e/locks/boot", "/%2e%2e/uwsgi.log", "/.versions", "/.retired", "/..%5csecret_key",
    ):  # fmt: skip
        answer = running.ask(path)
        assert answer.status == 404, path
        assert key not in answer.body


def test_flask_serves_what_uwsgi_serves(running: Running) -> None:
    """Under any other WSGI server, byte for byte."""
    app = running.app
    assert app.extensions["pages"].build is not None
    client = app.test_client()
    for path in pages_there(app):
        answer, own = running.ask(path), client.get(path)
        assert (answer.status, own.status_code) == (200, 200), path
        assert own.data == answer.body, path
        assert own.headers["Last-Modified"] == answer.one("Last-Modified")
        assert own.mimetype == answer.one("Content-Type").partition(";")[0]
        packed = running.ask(path, Accept_Encoding="gzip")
        assert client.get(path, headers={"Accept-Encoding": "gzip"}).data == packed.body, path
        for name, value in server.HEADERS.items():
            assert own.headers.getlist(name) == [value]
    assert wrong(app, pages_there(app)) == []


# Many at once


def test_200_readers_of_a_missing_page_cause_one_rendering(running: Running) -> None:
    path = f"/post/{running.post}"
    versions = running.root / ".under" / ".versions"
    for _time in range(3):
        running.take_out(path)
        before = {folder.name for folder in versions.iterdir()}
        made = len(running.renderings(path))
        start = threading.Barrier(READERS)

        def ask(start: threading.Barrier = start) -> Answer:
            start.wait(60)
            return running.ask(path)

        with ThreadPoolExecutor(READERS) as pool:
            answers = list(pool.map(lambda _number: ask(), range(READERS)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert sum(not answer.from_file for answer in answers) >= 1
        assert len(running.renderings(path)) == made + 1
        assert len({folder.name for folder in versions.iterdir()} - before) == 1


def test_readers_never_get_half_a_page_while_it_changes(running: Running, ada: Browser) -> None:
    path, done, answers = f"/post/{running.post}", threading.Event(), []

    def read() -> None:
        while not done.is_set():
            answers.append(running.ask(path))

    readers = [threading.Thread(target=read) for _number in range(4)]
    for reader in readers:
        reader.start()
    for number in range(25):
        ada.add_update(running.post, f"Surge {number}.")
    done.set()
    for reader in readers:
        reader.join()
    assert {answer.status for answer in answers} == {200}
    bodies: dict[str, bytes] = {}
    for answer in answers:
        assert answer.body.rstrip().endswith(b"</html>")
        assert answer.one("Content-Length") == str(len(answer.body))
        assert bodies.setdefault(answer.one("Last-Modified"), answer.body) == answer.body
    assert len(bodies) > 5
    assert all(answer.from_file for answer in answers), "a hot page is never absent"


# Workers that die, and new code


@pytest.mark.slow
def test_what_a_killed_worker_left_outdated_is_right_soon(
    running: Running, ada: Browser, record_property: Callable[[str, object], None]
) -> None:
    path = f"/post/{running.post}"
    for number in range(2):
        text = f"The last words of worker {number}."
        before = running.server.worker_pids()
        (running.folder / "die").touch()
        with pytest.raises((http.client.HTTPException, OSError)):
            ada.add_update(running.post, text)
        died = time.monotonic()
        assert not (running.folder / "die").exists()
        until(lambda text=text: text in running.ask(path).body.decode(), "the page was right", HEAL_DEADLINE_SECONDS)
        record_property("healed_after_seconds", round(time.monotonic() - died, 2))
        assert running.ask(path).from_file
        until(lambda before=before: len(running.server.worker_pids() - before) >= 1, "a new worker was there")
        until(lambda: wrong(running.app, pages_there(running.app)) == [], "all was right", HEAL_DEADLINE_SECONDS)
    with running.app.app_context():
        post = db.reading().get_one(Post, running.post)
        assert f'data-seq="{post.seq}"' in running.ask(path).body.decode()


@pytest.mark.slow
def test_new_code_takes_the_pages_over_in_the_background(running: Running) -> None:
    """After a chain reload: the site's name stands for code and templates."""
    paths = ["/", f"/post/{running.post}", "/user/ada", "/feed.atom"]
    before = [running.ask(path).body for path in paths]
    until(running.server.all_ready, "both workers were there: the reload passes over one that isn't")
    workers = running.server.worker_pids()
    (running.folder / "title").write_text("The Evening Post")
    running.server.command_fifo("c")
    until(lambda: not workers & running.server.worker_pids(), "both workers were new")
    seen: list[Answer] = []

    def all_new() -> bool:
        seen.extend(running.ask(path) for path in paths)
        return all(b"The Evening Post" in answer.body for answer in seen[-len(paths) :])

    until(all_new, "every page was by the new code", HEAL_DEADLINE_SECONDS)
    assert {answer.status for answer in seen} == {200}
    until(lambda: all(running.ask(path).from_file for path in paths), "they were files", HEAL_DEADLINE_SECONDS)
    assert not any(b"The Evening Post" in body for body in before)
    log = running.server.log()
    assert "Traceback" not in log
    assert os.listdir(running.root)  # noqa: PTH208
