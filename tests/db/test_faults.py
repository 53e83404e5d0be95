"""A database that is damaged, full, read-only or gone: what is answered, what is logged, and what goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from support.damage import damage
from support.persons import Person
from webapp import db, jobs, models
from webapp.db import faults

of_file = pytest.mark.sqlite(reason="SQLite's file; tests/whole/test_postgresql_faults.py fails PostgreSQL")

RESTORE = "; stop the site, move its instance folder away, then restore the last backup with pressroom restore FILE"
MALFORMED = "database disk image is malformed"


@pytest.fixture
def site(make_app: Callable[..., Flask]) -> Flask:
    """With the live post 1, whose page is stored."""
    app = make_app(LIMITS="off")
    ada = Person(app, "ada")
    ada.write_post(live="y", tags="derby", comments="open")
    ada.add_update(1)
    ada.comment(1)
    ada.get("/post/1")
    return app


def database(app: Flask) -> Path:
    """Its file, which nobody has open from now on."""
    app.extensions["engine"].dispose()
    return Path(app.config["INSTANCE"] / "pressroom.db")


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines so far, none with a traceback."""
    assert not [record for record in caplog.records if record.exc_info]
    lines = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return lines


# A page that is damaged


@pytest.mark.parametrize(
    ("what", "broken", "goes_on"),
    [
        ("update", ["/post/1/feed.atom", "/desk/post/1/live"], ["/post/1", "/user/ada", "/post/1/comments/1", "/me"]),
        ("comment", ["/post/1/comments/1", "/desk/comments"], ["/post/1", "/feed.atom", "/desk"]),
        ("post", ["/feed.atom", "/search?q=goal", "/desk"], ["/post/1", "/login", "/me", "/settings"]),
        ("ix_post_published", ["/feed.atom", "/feed.json"], ["/post/1", "/post/1/feed.atom", "/me"]),
        ("search_index_data", ["/search?q=goal"], ["/post/1", "/feed.atom", "/desk"]),
        ("session", ["/me", "/desk", "/settings"], ["/post/1", "/feed.atom", "/search?q=goal"]),
        ("page", ["/feed.atom", "/user/ada"], ["/post/1", "/desk", "/search?q=goal"]),
    ],
)
@of_file
def test_what_needs_a_damaged_page_says_so_and_the_rest_goes_on(
    site: Flask, caplog: pytest.LogCaptureFixture, what: str, broken: list[str], goes_on: list[str]
) -> None:
    ada = Person(site, "ada")
    assert {ada.get(path).status_code for path in goes_on} == {200}
    damage(database(site), what)
    site.extensions["pages"].store.remove_tree("/user")
    for path in broken:
        answer = ada.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60"), path
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Part of the site’s data can’t be read." in answer.text
    assert [path for path in goes_on if ada.get(path).status_code != 200] == []
    [line] = logged(caplog)
    assert line.startswith(f"GET {broken[0].partition('?')[0]}, request ")
    assert line.endswith(RESTORE)
    answer = ada.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The database is damaged.")


@of_file
def test_writes_that_need_a_damaged_page_are_refused_whole_and_others_go_on(
    site: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    ada = Person(site, "ada")
    ada.csrf_token()
    damage(database(site), "comment")
    refused = ada.post("/post/1/comments", body="Well *said*.")
    assert refused.status_code == 503
    assert "Well *said*." in refused.text, "what was written stands there to be copied"
    assert len(logged(caplog)) == 1
    with site.app_context():
        assert db.reading().get_one(models.Post, 1).comment_count == 1
    assert ada.post("/post/1/updates", body="Another goal!").status_code == 302
    assert ada.get("/post/1").status_code == 503, "the page as it was would be outdated"
    assert logged(caplog) == []


@of_file
def test_a_reader_who_polls_a_damaged_stream_comes_back_later(site: Flask, caplog: pytest.LogCaptureFixture) -> None:
    damage(database(site), "event")
    answer = site.test_client().get("/post/1/live?after=0")
    assert answer.status_code == 200
    assert "event: wait" in answer.text


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"no database " * 999, f"file is not a database{RESTORE}"),
        (b"", "no such table: page; bring it up to date with pressroom init"),
    ],
)
@of_file
def test_a_file_that_is_no_database(site: Flask, caplog: pytest.LogCaptureFixture, content: bytes, line: str) -> None:
    database(site).write_bytes(content)
    reader = Person(site)
    assert [reader.get(path).status_code for path in ("/feed.atom", "/login", "/post/1")] == [503, 503, 200]
    assert [said.partition(": ")[2] for said in logged(caplog)] == [line]
    assert reader.get("/readyz").status_code == 503
    assert reader.get("/healthz").text == "ok"


@of_file
def test_a_file_that_was_cut_off(site: Flask, caplog: pytest.LogCaptureFixture) -> None:
    file = database(site)
    file.write_bytes(file.read_bytes()[: 3 * 4096])
    assert site.test_client().get("/feed.atom").status_code == 503
    assert [line.partition(": ")[2] for line in logged(caplog)] == [MALFORMED + RESTORE]


# A file that can't be written, or is another one


@pytest.mark.parametrize(
    ("pragma", "line"),
    [
        ("max_page_count = 1", "database or disk is full; free some space"),
        ("query_only = ON", "attempt to write a readonly database; pressroom.db must be there"),
    ],
)
@of_file
def test_what_cant_be_written_is_refused_and_can_be_read(
    site: Flask, caplog: pytest.LogCaptureFixture, pragma: str, line: str
) -> None:
    ada = Person(site, "ada")
    with site.extensions["engine"].connect() as connection:  # the one that the requests get too
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    answers = [ada.post("/post/1/updates", body="A *goal*. " * 900) for _ in range(3)]
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "5")] * 3
    assert ada.get("/search?q=goal").status_code == 200
    [said] = logged(caplog)
    assert line in said


@of_file
def test_a_database_that_was_moved_or_replaced_takes_no_write(site: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """SQLite would go on writing to the file that was moved, and whoever wrote never find it again."""
    ada = Person(site, "ada")
    ada.csrf_token()
    file = site.config["INSTANCE"] / "pressroom.db"
    away = file.rename(file.with_name("away.db"))
    assert ada.post("/post/1/updates", body="Lost?").status_code == 503
    assert not file.exists(), "nor is an empty one made in its place"
    file.write_bytes(away.read_bytes())
    assert ada.post("/post/1/updates", body="Lost?").status_code == 503
    assert ada.get("/search?q=goal").status_code == 503
    assert ada.get("/readyz").text == "The database can't be read."
    [line] = logged(caplog)
    assert line.endswith(
        "the database was moved, deleted or replaced; put it back, or stop the site and restore the last backup"
    )
    away.replace(file)
    assert ada.post("/post/1/updates", body="Kept.").status_code == 302
    assert "Lost?" not in ada.get("/post/1").text


# The log


@of_file
def test_it_is_said_again_after_a_minute(
    site: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(faults, "time", SimpleNamespace(monotonic=lambda: now[0]))
    damage(database(site), "post")
    reader = Person(site)
    counts = []
    for seconds in (0, 59, 1, 61):
        now[0] += seconds
        for _ in range(3):
            reader.get("/feed.atom")
        counts.append(len(logged(caplog)))
    assert counts == [1, 0, 1, 1]
    now[0] += 61
    assert reader.get("/readyz").text == "ok", "nobody has met it since"


@of_file
def test_a_workers_jobs_go_on_and_say_it_in_one_line(
    site: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(database(site), "post")
    rounds: list[float] = []

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 3:
            raise KeyboardInterrupt

    def work() -> NoReturn:
        db.reading().execute(text("SELECT count(title) FROM post"))
        raise AssertionError

    monkeypatch.setattr(jobs, "time", SimpleNamespace(sleep=sleep))
    with pytest.raises(KeyboardInterrupt):
        jobs._run(1, work, site, "Posts can't be counted")
    assert logged(caplog) == [f"Posts can't be counted: {MALFORMED}{RESTORE}"]


def test_our_own_faults_are_told_with_their_traceback(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()

    @app.get("/our-own-fault")
    def our_own_fault() -> str:
        with db.writing() as session:
            session.add(models.OldName(username_key="nobodys", user_id=4711))
        return ""

    assert app.test_client().get("/our-own-fault").status_code == 500
    [record] = caplog.records
    assert record.exc_info
    assert isinstance(record.exc_info[1], IntegrityError)
