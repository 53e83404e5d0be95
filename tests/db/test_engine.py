"""The database: locks, snapshots and transactions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from support.apps import settings_for
from support.persons import Person
from webapp import db, models
from webapp.db import engine
from webapp.db.engine import WRITE_PATIENCE_SECONDS, DatabaseBusy, transaction
from webapp.ops import setup
from webapp.system import instance


@pytest.fixture
def lock(app: Flask) -> Iterator[Session]:
    """Another process's transaction that holds the write lock, until `rollback`."""
    other = engine.make_engine(app.config["DATABASE_URL"])
    session = engine.begin_writing(other)
    yield session
    session.close()
    other.dispose()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WRITE_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(engine, "_LOCK", engine._LOCK.replace("'2s'", "'100ms'"))


def row_counts(app: Flask) -> dict[str, int]:
    with app.app_context():
        return {
            table.name: db.reading().scalar(select(func.count()).select_from(table)) or 0
            for table in models.Base.metadata.sorted_tables
        }


# A locked database


def test_every_write_is_answered_with_try_again_and_nothing_is_lost(
    ada: Person, anonymous: Person, app: Flask, impatient: None, request: pytest.FixtureRequest
) -> None:
    post_id = ada.write_post(live="y")
    writes = {
        "/desk/new": {"title": "Another *one*", "body": "A *text*.", "action": "draft", "submission": str(uuid4())},
        f"/desk/post/{post_id}": {"title": "Changed *title*", "body": "A *text*.", "action": "publish", "live": "y"},
        f"/post/{post_id}/updates": {"body": "Goal *1:0*", "submission": str(uuid4())},
        f"/post/{post_id}/comments": {"body": "Well *said*", "submission": str(uuid4())},
        "/settings/sessions/end": {},
    }
    ada.csrf_token()
    before = row_counts(app)
    lock: Session = request.getfixturevalue("lock")
    for path, fields in writes.items():
        answer = ada.post(path, **fields)
        assert answer.status_code == 503, path
        assert answer.headers["Retry-After"] == "5"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "try again" in answer.text
        for field in {"title", "body"} & set(fields):
            assert fields[field] in answer.text, "what was written stands there to be copied"
    assert anonymous.log_in("bob").status_code == 503
    assert row_counts(app) == before
    lock.rollback()
    for path, fields in writes.items():
        for _ in range(2):
            assert ada.post(path, **fields).status_code == 302, path
    assert anonymous.log_in("bob").status_code == 302
    after = row_counts(app)
    assert [after[name] - before[name] for name in ("post", "update", "comment")] == [1, 1, 1], "sent twice, made once"


def test_readers_go_on_while_somebody_writes(ada: Person, anonymous: Person, request: pytest.FixtureRequest) -> None:
    post_id = ada.write_post(title="As it was")
    lock: Session = request.getfixturevalue("lock")
    lock.execute(text("UPDATE post SET title = 'Half-way' WHERE id = :id"), {"id": post_id})
    for path in (f"/post/{post_id}", "/", "/user/ada", "/search?q=was", "/login"):
        page = anonymous.get(path)
        assert page.status_code == 200, path
        assert "Half-way" not in page.text
    assert "As it was" in anonymous.get(f"/post/{post_id}").text
    assert ada.get("/me").json["signed_in"]


@pytest.mark.sqlite(reason="PostgreSQL waits itself, and doesn't hold up others")
def test_a_writer_waits_for_the_lock_outside_of_sqlite(
    app: Flask, lock: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own waiting would stop all greenlets; this sleeps in Python, where gevent can switch."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            lock.rollback()

    monkeypatch.setattr(engine, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: 0.0))
    with app.app_context(), db.writing() as session:
        models_before = session.scalar(select(func.count()).select_from(models.User))
    assert models_before == 6
    assert len(slept) == 3
    assert all(0 < seconds < 0.1 for seconds in slept)


def test_a_writer_gives_up_after_its_patience(app: Flask, lock: Session) -> None:
    began = time.monotonic()
    with app.app_context(), pytest.raises(DatabaseBusy), db.writing():
        pass
    assert WRITE_PATIENCE_SECONDS - 0.1 < time.monotonic() - began < 2 * WRITE_PATIENCE_SECONDS
    assert app.extensions["engine"].pool.checkedout() == 0, "no connection is left behind"


def test_a_broken_database_is_a_503_and_no_riddle(app: Flask, anonymous: Person) -> None:
    assert anonymous.get("/").status_code == 200
    app.extensions["engine"].dispose()
    with app.extensions["engine"].begin() as connection:
        connection.exec_driver_sql("DROP TABLE post_author")
        connection.exec_driver_sql("DROP TABLE post_tag")
        connection.exec_driver_sql('ALTER TABLE "post" RENAME TO "gone"')
    answer = anonymous.get("/post/1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "post_author" not in answer.text, "what broke is the log's business"
    assert anonymous.get("/").status_code == 200, "a page that is stored needs no database"


# Snapshots and transactions


def test_a_request_reads_one_state(app: Flask) -> None:
    def names() -> list[str]:
        return sorted(db.reading().scalars(select(models.User.username)))

    with app.app_context():
        before = names()
        with transaction(app.extensions["engine"]) as session:
            session.add(models.User(username="grace", username_key="grace", role="reader"))
        assert names() == before, "a page must not be half of one state and half of another"
        db.release()
        assert names() == sorted([*before, "grace"])


def test_what_was_read_before_writing_is_read_anew(app: Flask) -> None:
    with app.app_context():
        assert db.reading().scalar(text("SELECT role FROM \"user\" WHERE username = 'eve'")) == "reader"
        with db.writing() as session:
            session.execute(text("UPDATE \"user\" SET role = 'author' WHERE username = 'eve'"))
        assert db.reading().scalar(text("SELECT role FROM \"user\" WHERE username = 'eve'")) == "author"


def test_a_block_that_raises_leaves_nothing(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ZeroDivisionError), db.writing() as session:
            session.execute(text("UPDATE \"user\" SET role = 'admin' WHERE username = 'eve'"))
            assert session.scalar(text("SELECT role FROM \"user\" WHERE username = 'eve'")) == "admin"
            raise ZeroDivisionError
        assert db.reading().scalar(text("SELECT role FROM \"user\" WHERE username = 'eve'")) == "reader"
        with db.writing() as session:
            session.execute(text("UPDATE \"user\" SET role = 'author' WHERE username = 'eve'"))
        assert db.reading().scalar(text("SELECT role FROM \"user\" WHERE username = 'eve'")) == "author"


def test_a_reader_can_not_write(app: Flask) -> None:
    """Its changes are rolled back with the request."""
    with app.app_context():
        db.reading().execute(text("UPDATE \"user\" SET role = 'admin' WHERE username = 'eve'"))
    with app.app_context():
        assert db.reading().scalar(text("SELECT role FROM \"user\" WHERE username = 'eve'")) == "reader"


@pytest.mark.sqlite(reason="PostgreSQL has settings of its own: docs/backup.md")
def test_what_was_acknowledged_survives_a_power_cut(make_app: Callable[..., Flask]) -> None:
    with make_app().app_context():
        assert db.reading().scalar(text("PRAGMA journal_mode")) == "wal"
        assert db.reading().scalar(text("PRAGMA synchronous")) == 2
        assert db.reading().scalar(text("PRAGMA busy_timeout")) <= 10


def test_nothing_refers_to_what_is_not_there(app: Flask) -> None:
    with app.app_context(), pytest.raises(IntegrityError), db.writing() as session:
        session.add(models.OldName(username_key="nobodys", user_id=4711))


def test_requests_give_their_connections_back(app: Flask, ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post()
    ada.comment(post_id)
    for path in ("/", f"/post/{post_id}", "/nowhere", "/desk", "/me"):
        anonymous.get(path)
    ada.client.post("/logout")
    assert app.extensions["engine"].pool.checkedout() == 0


@pytest.mark.sqlite(reason="each statement waits for PostgreSQL, and greenlets switch meanwhile")
@pytest.mark.slow
def test_no_greenlet_switch_happens_inside_a_write_transaction(run_patched: Callable[[str], None]) -> None:
    """Whoever is switched away holds the lock meanwhile, and everybody else waits for it."""
    run_patched(
        """
        import traceback
        import gevent, greenlet
        from support.persons import PASSWORD, Person
        from sqlalchemy import event
        from webapp import db

        writing, switches, transactions = set(), [], []

        def began(_connection, _cursor, statement, *_rest):
            if statement == "BEGIN IMMEDIATE":
                writing.add(greenlet.getcurrent())
                transactions.append(statement)

        def ended(_connection, *_rest):
            writing.discard(greenlet.getcurrent())

        def trace(_kind, between):
            if between[0] in writing:
                switches.append("".join(traceback.format_stack(between[0].gr_frame, 12)))

        engine = app.extensions["engine"]
        event.listen(engine, "after_cursor_execute", began)
        # The pool gets the connection back after COMMIT or ROLLBACK.
        event.listen(engine, "checkin", ended)
        greenlet.settrace(trace)

        def write(name):
            person = Person(app, name)
            post_id = person.write_post(title=f"By {name}", live="y", tags="derby, live")
            person.add_update(post_id, "Goal *1:0*", key="y")
            person.comment(post_id, "Well said.")
            person.post("/settings", username=f"{name}-x", email="", password=PASSWORD)
            person.post(f"/desk/post/{post_id}/unpublish")
            person.post("/logout")

        def tick():
            while True:
                gevent.sleep(0)

        ticker = gevent.spawn(tick)
        gevent.joinall([gevent.spawn(write, name) for name in ("ada", "bob", "edith")], raise_error=True)
        assert len(transactions) > 20, transactions
        assert not switches, switches[0]

        with app.app_context(), db.writing():
            gevent.sleep(0)
        assert switches, "a switch is not noticed, so this test proves nothing"
        greenlet.settrace(None)
        ticker.kill()
        """
    )


# The file


@pytest.mark.sqlite(reason="PostgreSQL's files are its own")
def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    instance.prepare(folder)
    before = os.umask(0)
    try:
        setup.initialise(settings_for(folder))
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.glob("pressroom.db*")} == {0o600}
