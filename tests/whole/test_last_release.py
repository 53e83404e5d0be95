"""A site of the last release, and its data, come over to this code: under uWSGI, while readers look on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from html import unescape
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from support.archives import content
from support.checkout import CHECKOUT
from support.http_client import Browser, ask
from support.persons import PASSWORD
from support.sse_client import many, numbers
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp.live.channel import Line

pytestmark = pytest.mark.slow

# The commit that sites run until they get this code; to be set anew with each release.
LAST_RELEASE = "12fbf94"
SETTINGS = {"PRESSROOM_LIMITS": "off", "PRESSROOM_ACCENT": "#0a5"}
SERVED = ("webapp", "templates", "static", "deploy", "uwsgi.ini")
TEXTS = """SELECT id, html FROM post WHERE status = 'published'
    UNION ALL SELECT post_id, html FROM "update"
    UNION ALL SELECT post_id, comment.html FROM comment JOIN post ON post.id = post_id WHERE status = 'published'"""
ASSET = re.compile(r'<(?:script|link)[^>]* (?:src|href)="(/static/[^"]+)"')


def pressroom(code: Path, instance: Path, *arguments: str) -> str:
    """What the command of that code says."""
    ran = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "webapp", *arguments],
        cwd=code,
        env=os.environ | {"PRESSROOM_INSTANCE": str(instance)},
        input=PASSWORD,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def rows(instance: Path, select: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(instance / "pressroom.db")) as database:
        return database.execute(select).fetchall()


def files(code: Path) -> list[Path]:
    found = [path for name in SERVED for path in [code / name, *(code / name).rglob("*")]]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def lay(code: Path, checkout: Path) -> None:
    """As `git pull` does: old files go and new ones come; what Python compiled stays."""
    for file in files(checkout):
        file.unlink()
    for file in files(code):
        target = checkout / file.relative_to(code)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the last release."""
    command = ["git", "-C", str(CHECKOUT), "archive", LAST_RELEASE, *SERVED]
    archive = subprocess.run(command, capture_output=True, check=False) if shutil.which("git") else None
    if archive is None or archive.returncode:
        reason = f"git has no commit {LAST_RELEASE} here, the last release: it takes a clone with the whole history"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("old") / "code"
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
    return folder


@pytest.fixture(scope="module")
def made_by_old(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder with posts, a live post, a draft and a page of the site's own; no page is stored."""
    folder = tmp_path_factory.mktemp("made") / "instance"
    pressroom(old, folder, "init")
    pressroom(old, folder, *"bench-data --posts 3 --live 1 --updates 5 --comments 5".split())
    pressroom(old, folder, *"user create ada --role admin --password-stdin".split())
    with closing(sqlite3.connect(folder / "pressroom.db")) as database, database:
        database.execute("INSERT INTO about (name, title, body, html, version, changed_at) VALUES (?, ?, ?, ?, 1, 1)",
                         ("imprint", "Imprint", "We are.", "<p>We are.</p>"))  # fmt: skip
        database.execute("UPDATE post SET status = 'draft', draft_token = ? WHERE id = 1", (str(uuid4()),))
    shutil.rmtree(folder / "pages")
    return folder


@contextmanager
def running(code: Path, made: Path, folder: Path, workers: int = 2) -> Iterator[UwsgiServer]:
    """A site in a checkout of its own, with a copy of the data."""
    checkout = folder / "checkout"
    lay(code, checkout)
    instance = shutil.copytree(made, folder / "instance", symlinks=True)
    with UwsgiServer(instance, workers=workers, environ=SETTINGS, ini=checkout / "uwsgi.ini", cwd=checkout) as site:
        until(site.all_ready, "all workers were ready")
        until(lambda: Line(instance, 0).ask("status"), "the broadcaster was there")
        yield site


def live_post(instance: Path) -> int:
    [post_id] = json.loads((instance / "bench.json").read_text())["live_posts"]
    return int(post_id)


def for_readers(instance: Path) -> list[str]:
    """An address of each kind of page."""
    tags = "SELECT key FROM tag JOIN post_tag ON tag_id = tag.id JOIN post ON post.id = post_id WHERE live"
    [token] = rows(instance, "SELECT draft_token FROM post WHERE id = 1")[0]
    [second] = rows(instance, 'SELECT min(created_at) / 1000.0 FROM "update"')[0]
    post, tag, user = f"/post/{live_post(instance)}", f"/tag/{quote(rows(instance, tags)[0][0])}", "/user/author-1"
    feeds = [f"{path}/feed.{kind}" for path in ("", post, tag, user) for kind in ("atom", "json")]
    parts = [f"{post}/updates/1", f"{post}/comments/1", f"{post}/at/{second}", f"/draft/{token}"]
    rest = ["/about/imprint", "/search", "/search?q=derby", "/login", "/register", "/me", "/hello", "/readyz"]
    return ["/", post, tag, user, *parts, *feeds, "/sitemap.xml", "/robots.txt", *rest]


def for_writers(instance: Path) -> list[str]:
    post = f"/post/{live_post(instance)}"
    desk = ["", "/new", "/comments", "/people", "/about", "/about/new", post, f"{post}/live", f"{post}/revisions"]
    return ["/settings", "/settings/comments", f"{post}/comments/new", *(f"/desk{path}" for path in desk)]


def failing(site: UwsgiServer, paths: list[str]) -> dict[str, int]:
    return {path: answer.status for path in paths if (answer := ask(site, path)).status != 200}


@contextmanager
def reading(site: UwsgiServer, paths: list[str]) -> Iterator[None]:
    """Somebody asks for one page after the other meanwhile, and gets each."""
    over, failed = threading.Event(), {}

    def read() -> None:
        while not over.wait(0.1):
            failed.update(failing(site, paths))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert failed == {}


def position(site: UwsgiServer, path: str) -> int:
    """The number of the last event that a page has."""
    found = re.search(r'data-seq="(\d+)"', ask(site, path).body.decode())
    assert found
    return int(found[1])


@pytest.mark.parametrize("asked_before", ["/hello", "/login"], ids=["no template", "the base template"])
def test_old_workers_answer_from_new_files(old: Path, made_by_old: Path, tmp_path: Path, asked_before: str) -> None:
    """Until they are replaced they read from the new files what they haven't read yet."""
    with running(old, made_by_old, tmp_path, workers=1) as site:
        assert ask(site, asked_before).status == 200
        lay(CHECKOUT, tmp_path / "checkout")
        assert failing(site, for_readers(site.instance)) == {}
        assert ask(site, "/nothing").status == 404
        ada, live = Browser(site.url, "ada"), live_post(site.instance)
        for path in for_writers(site.instance):
            ada.get(path)
        ada.post(f"/post/{live}/comments", csrf_token=ada.token, body="So it goes.")
        ada.add_update(live, "On it goes.")
        assert re.search("On it goes.*So it goes", ask(site, f"/post/{live}").body.decode(), re.DOTALL)


def test_a_running_site_comes_over(old: Path, made_by_old: Path, tmp_path: Path) -> None:
    with running(old, made_by_old, tmp_path) as site:
        ada, live, paths = Browser(site.url, "ada"), live_post(site.instance), for_readers(site.instance)
        pages = [ask(site, path).body.decode() for path in paths]
        stored = [*paths, *{unescape(address) for page in pages for address in ASSET.findall(page)}]
        assert len(stored) > len(paths) + 20
        line, [holder] = Line(site.instance, 0), site.broadcasters()
        began_at, delivered = holder.create_time(), 0
        front, post = position(site, "/"), position(site, f"/post/{live}")
        with (
            many(site.url, f"/live?after={front}", 5) as on_front,
            many(site.url, f"/post/{live}/live?after={post}", 5) as on_post,
        ):

            def everybody_has_everything() -> None:
                """Each stream is open and brought each event once, in order; the same process holds them."""
                nonlocal delivered
                ada.add_update(live)
                ada.write_post()  # which the front page's streams hear of
                for path, start, listeners in (("/", front, on_front), (f"/post/{live}", post, on_post)):
                    expected = list(range(start + 1, position(site, path) + 1))
                    for listener in listeners:
                        assert numbers(listener.until_number(expected[-1])) == expected
                said, before = line.ask("status"), delivered
                delivered = said["deliveries"]
                assert said["streams"] == 10
                assert delivered >= before + 10
                assert [(process.pid, process.create_time()) for process in site.broadcasters()] == [
                    (holder.pid, began_at)
                ]

            def reload() -> None:
                """As installed unit files call it, while updates go on."""
                before, command = site.worker_pids(), [sys.executable, "-m", "webapp.reload"]
                with (tmp_path / "said").open("w") as said:
                    process = subprocess.Popen(command, cwd=site.cwd, env=site.environ, stdout=said, stderr=said)
                while process.poll() is None:
                    ada.add_update(live)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
                assert process.returncode == 0, (tmp_path / "said").read_text()
                assert len(site.worker_pids() - before) == 2
                assert ask(site, "/readyz").status == 200

            everybody_has_everything()
            lay(CHECKOUT, tmp_path / "checkout")
            with reading(site, stored):
                everybody_has_everything()
            assert "PRESSROOM_KEPT" not in holder.environ(), "nobody told it of other code yet"
            os.kill(killed := min(site.worker_pids()), signal.SIGKILL)
            until(lambda: killed not in site.worker_pids() and site.all_ready(), "a worker of the new code was ready")
            until(lambda: "PRESSROOM_KEPT" in holder.environ(), "the broadcaster took up the new code")
            stored.remove("/readyz")  # the last release doesn't call itself ready beside a newer schema
            with reading(site, stored):
                everybody_has_everything()
                reload()
                everybody_has_everything()


def test_a_site_goes_back(old: Path, made_by_old: Path, tmp_path: Path) -> None:
    """The last release refuses to be loaded, and the site goes on; the copy from before the upgrade brings it back."""
    with running(CHECKOUT, made_by_old, tmp_path) as site:
        paths = for_readers(site.instance)
        lay(old, tmp_path / "checkout")
        command = [sys.executable, "-m", "webapp.reload"]
        ran = subprocess.run(command, cwd=site.cwd, env=site.environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 1
        assert "of a newer Pressroom" in ran.stderr
        assert failing(site, paths) == {}
        Browser(site.url, "ada").add_update(live_post(site.instance))
    [copy] = (site.instance / "backups").glob("*.db")
    for file in site.instance.glob("pressroom.db*"):  # as docs/backup.md says
        file.unlink()
    copy.rename(site.instance / "pressroom.db")
    with UwsgiServer(site.instance, environ=SETTINGS, ini=tmp_path / "checkout" / "uwsgi.ini", cwd=site.cwd) as site:
        assert failing(site, paths) == {}
        Browser(site.url, "ada").write_post()


def test_its_data_and_backups_come_over(old: Path, made_by_old: Path, tmp_path: Path) -> None:
    instance = shutil.copytree(made_by_old, tmp_path / "instance", symlinks=True)
    restored, file = tmp_path / "restored", tmp_path / "backup.tar.gz"
    before = content(instance / "pressroom.db")
    pressroom(old, instance, "backup", str(file))
    assert pressroom(CHECKOUT, instance, "init") == "The database is ready.\n"
    [copy] = (instance / "backups").glob("*.db")
    assert content(copy) == before
    pressroom(CHECKOUT, restored, "restore", str(file))
    shutil.copy(instance / "bench.json", restored)
    with UwsgiServer(restored) as site:
        assert failing(site, for_readers(restored)) == {}
        for post_id, html in rows(restored, TEXTS):
            assert html in ask(site, f"/post/{post_id}").body.decode()
    after = content(instance / "pressroom.db")
    assert after == content(restored / "pressroom.db")
    del before["alembic_version"]
    assert all(len(after[table]) == len(rows) for table, rows in before.items())
    known = {table: [row[: len(was)] for row, was in zip(after[table], before[table], strict=True)] for table in before}
    assert known == before, "what was there is there; new columns stand behind it"
