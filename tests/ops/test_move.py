"""`pressroom move-to URL`: all of a site in a PostgreSQL database, or a database that no site starts with."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from support import postgresql
from support.apps import Client, close
from support.archives import made, nothing
from support.checkout import CHECKOUT
from support.commands import done, failed
from support.persons import Person
from support.photos import photo, send
from webapp import create_app, db
from webapp.content import search
from webapp.db import schema
from webapp.db.engine import make_engine, snapshot, transaction
from webapp.media.storage import STORAGE
from webapp.models import About
from webapp.ops import copying, move, restore, setup
from webapp.ops.snapshots import SECRET_TABLES
from webapp.people import users
from webapp.system import instance
from webapp.system.locks import try_lock

pytestmark = pytest.mark.skipif(not postgresql.IS_USED, reason="make test-postgresql runs it")

Run = Callable[..., Result]


def on_sqlite(folder: Path) -> dict[str, object]:
    return {"INSTANCE": folder, "DATABASE_URL": f"sqlite:///{folder / 'pressroom.db'}", "TESTING": True}


def opened(settings: dict[str, object]) -> Flask:
    app = create_app(settings)
    app.test_client_class = Client
    return app


@pytest.fixture
def site(tmp_path: Path, password_hash: str) -> Iterator[Flask]:
    """A site on SQLite with a bit of everything."""
    instance.prepare(tmp_path / "site")
    setup.initialise(on_sqlite(tmp_path / "site"))
    app = opened(on_sqlite(tmp_path / "site"))
    with app.app_context(), db.writing() as session:
        for name, role in (("ada", "author"), ("edith", "editor")):
            users.create(session, name, f"{name}@example.org", password_hash, role)
    ada, edith = Person(app, "ada"), Person(app, "edith")
    first, second = (send(ada, photo(seed=seed)).json["name"] for seed in (1, 2))
    ada.write_post(title="Derby night", tags="football", body=f"![](/media/{first})")
    live = ada.write_post(title="Zürich – 海边", live="y")
    ada.comment(live, "Well said.")
    n = ada.add_update(live, "Goal!")
    ada.post(f"/desk/post/{live}/update/{n}/correct", title="", body="No goal.", note="It was offside.")
    ada.post(f"/desk/media/{first}/replace", by=second)
    for name in ("imprint", "privacy"):
        edith.post("/desk/about/new", name=name, title=name, body="Text.")
    edith.post("/desk/about/delete/privacy")
    yield app
    close(app)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of an empty database."""
    return empty(f"{tmp_path.name}-target")


def empty(name: str) -> str:
    postgresql.server().create(name)
    return postgresql.server().url(name)


@pytest.fixture
def run(site: Flask) -> Run:
    return lambda url: site.test_cli_runner().invoke(args=["move-to", url])


def rows(url: str) -> dict[str, list[str]]:
    """Of each table."""
    engine = make_engine(url)
    with snapshot(engine) as session:
        found = {each.name: sorted(map(repr, session.execute(select(each)))) for each in copying.tables()}
    engine.dispose()
    return found


def starts(url: str, site: Flask) -> None:
    setup.initialise(site.config | {"DATABASE_URL": url})


def test_a_site_goes_on_where_it_was(site: Flask, url: str, run: Run) -> None:
    before = rows(site.config["DATABASE_URL"])
    assert {name for name, found in before.items() if found} >= {
        "session",
        "picture",
        "picture_use",
        "revision",
        "page",
    }
    said = done(run(url))
    assert f"Copied and compared: {sum(map(len, before.values()))} rows of {len(before)} tables, 2 originals." in said
    assert rows(url) == rows(site.config["DATABASE_URL"]) == before
    starts(url, site)
    app = opened(site.config | {"DATABASE_URL": url})
    with app.app_context():
        while search.has_work(db.reading()):
            with db.writing() as session:
                search.work(session)
    ada, edith = Person(app, "ada"), Person(app, "edith")
    live = len(before["post"]) - 1
    assert "No goal." in ada.get(f"/post/{live}").text
    assert f"/post/{live}" in ada.get("/search?q=海边").text
    for name in STORAGE.of(site).list():
        with STORAGE.of(app).open(name) as original:
            assert hashlib.sha256(original.read()).hexdigest()[:16] == name
    assert ada.write_post() == live + 1
    edith.post("/desk/about/new", name="new", title="New", body="Text.")
    with app.app_context():
        assert [page.id for page in db.reading().query(About).order_by(About.id)] == [1, 3], "2 was another's"
    close(app)


def test_a_difference_is_found_and_no_site_starts_with_it(
    site: Flask, url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = copying.write

    def lose(session: object, into: object, rows: list[dict[str, object]]) -> None:
        write(session, into, [row | {"body": "Lost"} if "kept_live_at" in row else row for row in rows])  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(copying, "write", lose)
        assert "post isn't the same in the new database: move again" in failed(run(url))
    with pytest.raises(schema.SchemaRefused, match="a move into this database didn't end"):
        starts(url, site)
    done(run(url))
    starts(url, site)


@pytest.mark.parametrize("last", ["_copy_originals", "_release"])
def test_one_that_is_killed_leaves_the_site_whole_and_begins_anew(site: Flask, url: str, run: Run, last: str) -> None:
    before = rows(site.config["DATABASE_URL"])
    code = (
        "import os, signal, sys; from webapp import config; from webapp.ops import move\n"
        f"move.{last} = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n"
        "move.move(config.read(), sys.argv[1], lambda fraction: None)"
    )
    environ = os.environ | {"PRESSROOM_INSTANCE": str(site.config["INSTANCE"]), "PYTHONPATH": str(CHECKOUT)}
    killed = subprocess.run([sys.executable, "-c", code, url], env=environ, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    for start in (setup.initialise, setup.upgrade_older):
        with pytest.raises(schema.SchemaRefused, match="a move into this database didn't end"):
            start(site.config | {"DATABASE_URL": url})
    assert rows(site.config["DATABASE_URL"]) == before
    done(run(url))
    assert rows(url) == before
    starts(url, site)


def test_what_is_in_the_way_is_one_line_and_nothing_is_changed(site: Flask, url: str, run: Run) -> None:
    for wrong in ("sqlite:///other.db", "postgresql://", "mysql://host/name", "postgresql://ada@host:port/name"):
        assert "expected a URL such as postgresql://" in failed(run(wrong))
    said = failed(run(url.replace("postgres@", "nobody:hunter2@")))
    assert 'role "nobody" does not exist. Correct the URL, or create that user and database' in said
    assert "hunter2" not in said
    held = try_lock(site.config["INSTANCE"] / "locks" / "healer")
    assert held
    assert "a site runs on it: stop it first" in failed(run(url))
    os.close(held)
    engine = make_engine(url)
    with engine.connect():
        assert "pressroom is connected to that database (process " in failed(run(url))
    engine.dispose()
    with pytest.raises(move.CannotMove, match="on PostgreSQL already"):
        move.move(site.config | {"DATABASE_URL": url}, url, nothing)
    starts(url, site)
    assert "that database isn't empty (it has rows in " in failed(run(url))


def test_a_text_that_postgresql_refuses_is_named(site: Flask, url: str, run: Run) -> None:
    with closing(sqlite3.connect(site.config["INSTANCE"] / "pressroom.db")) as opened:
        opened.execute("UPDATE comment SET body = char(0)")
        opened.commit()
    assert "PostgreSQL refuses what a row of comment says" in failed(run(url))


def test_a_backup_of_either_is_restored_and_moved(app: Flask, ada: Person, tmp_path: Path, url: str) -> None:
    name = send(ada, photo()).json["name"]
    ada.write_post(title="Derby night", body=f"![](/media/{name})")
    with app.app_context(), transaction(app.extensions["engine"]) as session:
        session.add(About(name="gone", title="Gone", body="", html=""))
        session.flush()
        session.query(About).delete()
    file = made(app, tmp_path / "backup.tar.gz")
    settings = on_sqlite(tmp_path / "restored")
    manifest = restore.restore(file, settings, nothing)
    assert [each.name for each in manifest.members] == ["pressroom.db", f"originals/{name[:2]}/{name}"]
    kept = copying.tables((*SECRET_TABLES, "page"))
    there, here = rows(str(settings["DATABASE_URL"])), rows(app.config["DATABASE_URL"])
    assert {each.name: there[each.name] for each in kept} == {each.name: here[each.name] for each in kept}
    assert there["session"] == []
    with closing(sqlite3.connect(tmp_path / "restored" / "pressroom.db")) as opened:
        assert opened.execute("SELECT seq FROM sqlite_sequence WHERE name = 'about'").fetchall() == [(1,)]
    assert move.move(settings, url, nothing).originals == 1
    assert rows(url)["post"] == here["post"]
