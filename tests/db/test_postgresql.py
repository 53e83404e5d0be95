"""The site on PostgreSQL: one writes at a time, nobody waits for long, and a database that went away is used again."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from unittest.mock import Mock

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from support import postgresql
from support.persons import Person
from webapp import config
from webapp.content import search_postgresql
from webapp.content.search_query import parse
from webapp.db import engine as engines
from webapp.db import postgresql as pooled
from webapp.db.engine import DatabaseBusy, snapshot, transaction
from webapp.ops import checks
from webapp.system.clock import now_ms

pytestmark = pytest.mark.skipif(not postgresql.IS_USED, reason="make test-postgresql runs it")


def database(app: Flask) -> str:
    return postgresql.database_of(app.config["INSTANCE"])


def end_all(app: Flask) -> int:
    """As a restart of PostgreSQL does to every connection; how many there were."""
    with postgresql.server().connect("postgres") as connection:
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        [(count,)] = connection.execute(ended, (database(app),))
    return int(count)


def there(app: Flask) -> int:
    """PostgreSQL's time, in ms since 1970."""
    with postgresql.server().connect(database(app)) as connection:
        [(seconds,)] = connection.execute("SELECT extract(epoch FROM clock_timestamp())")
    return int(seconds * 1000)


def test_one_writes_at_a_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = app.extensions["engine"]
    began, order = threading.Event(), list[str]()

    def second() -> None:
        began.set()
        with transaction(engine):
            order.append("second")

    with transaction(engine):
        other = threading.Thread(target=second)
        other.start()
        assert began.wait(10)
        time.sleep(0.2)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


def test_a_writer_gives_up_after_its_patience_and_readers_go_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_LOCK", engines._LOCK.replace("'2s'", "'100ms'"))
    engine = app.extensions["engine"]
    with transaction(engine):
        with pytest.raises(DatabaseBusy), transaction(engine):
            pass
        with snapshot(engine) as session:
            assert session.scalar(text('SELECT count(*) FROM "user"')) > 0


def test_the_time_is_the_databases(app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several machines write, and one's clock is a day ahead."""
    here = Mock(time_ns=lambda: time.time_ns() + 86_400 * 10**9)
    monkeypatch.setattr("webapp.system.clock.time", here)
    monkeypatch.setattr("webapp.system.clock._ahead_ms", 0)
    assert abs(now_ms() - there(app)) > 80_000_000
    with transaction(app.extensions["engine"]):
        assert abs(now_ms() - there(app)) < 10_000
    monkeypatch.setattr("webapp.system.clock._ahead_ms", 0)
    with snapshot(app.extensions["engine"]):
        assert abs(now_ms() - there(app)) < 10_000


def test_a_writers_time_is_after_the_last_ones(app: Flask) -> None:
    times = list[int]()

    def write() -> None:
        with transaction(app.extensions["engine"]):
            times.append(now_ms())

    with transaction(app.extensions["engine"]):
        other = threading.Thread(target=write)
        other.start()
        time.sleep(0.2)
        ended = there(app)
    other.join(10)
    assert times[0] >= ended - 50, "two clocks are compared"


@pytest.mark.slow
def test_whoever_stops_in_a_transaction_holds_up_nobody_for_long(app: Flask, ada: Person) -> None:
    """A process that was stopped between the lock and its commit: PostgreSQL ends its transaction."""
    post_id = ada.write_post(live="y")
    stopped = engines.begin_writing(app.extensions["engine"])
    stopped.execute(text("UPDATE post SET title = 'Lost'"))
    began = time.monotonic()
    answers = []
    while not answers or answers[-1] == 503:
        answers.append(ada.post(f"/post/{post_id}/updates", body="Goal!").status_code)
    assert time.monotonic() - began < engines.IDLE_WRITER_SECONDS + engines.WRITE_PATIENCE_SECONDS
    assert answers[-1] < 400
    with pytest.raises(DBAPIError):
        stopped.commit()
    stopped.close()
    assert "Lost" not in ada.get(f"/post/{post_id}").text
    assert ada.get(f"/post/{post_id}").text.count("Goal!</p>") == 1


def test_connections_that_were_ended_are_made_anew_at_once(app: Flask, ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    assert anonymous.get(f"/post/{post_id}").status_code == 200
    assert end_all(app) > 0
    ada.add_update(post_id, "After it.")
    assert end_all(app) > 0
    assert anonymous.get(f"/post/{post_id}").text.count("After it.</p>") == 1


def test_a_connection_that_ends_after_the_last_answer_is_no_error(app: Flask) -> None:
    with snapshot(app.extensions["engine"]) as session:
        session.execute(text("SELECT 1"))
        assert end_all(app) > 0
    assert app.extensions["engine"].pool.checkedout() == 0


def test_nobody_waits_for_ever_for_one_that_stands_still(app: Flask) -> None:
    engine = engines.make_engine(app.config["DATABASE_URL"], answer_seconds=2)
    with engine.connect() as connection:
        [(process,)] = connection.execute(text("SELECT pg_backend_pid()"))
        os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(OperationalError, match="no answer in 2 s"):
                connection.execute(text("SELECT 1"))
        finally:
            os.kill(process, signal.SIGCONT)
        assert connection.invalidated
    engine.dispose()


def test_who_gives_no_connection_isnt_asked_again_at_once(app: Flask) -> None:
    """As a server that stands still: the kernel takes connections for it, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = engines.make_engine(f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/site", answer_seconds=2)
        with pytest.raises(OperationalError, match="timeout expired"):
            engine.connect()
        began = time.monotonic()
        with pytest.raises(OperationalError, match="a moment ago"):
            engine.connect()
        assert time.monotonic() - began < 1
    engine.dispose()


def test_when_all_connections_are_in_use_others_are_told_to_wait(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooled, "CONNECTIONS", 1)
    monkeypatch.setattr(pooled, "MORE_CONNECTIONS", 0)
    app = make_app()
    app.extensions["engine"].pool._timeout = 0.1
    with snapshot(app.extensions["engine"]):
        answer = app.test_client().get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert app.test_client().get("/").status_code == 200


def test_a_query_may_take_so_long(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_READ", engines._READ.replace(f"'{engines.STATEMENT_SECONDS}s'", "'50ms'"))
    with snapshot(app.extensions["engine"]) as session, pytest.raises(DBAPIError, match="statement timeout"):
        session.execute(text("SELECT pg_sleep(5)"))


def test_a_database_that_isnt_there_is_one_line(app: Flask) -> None:
    settings = app.config | {"DATABASE_URL": app.config["DATABASE_URL"].replace(database(app), "nowhere")}
    with pytest.raises(checks.CannotStart) as error, checks.one_line(settings):
        engines.make_engine(settings["DATABASE_URL"]).connect()
    assert 'database "nowhere" does not exist' in str(error.value)
    assert "\n" not in str(error.value)


def test_without_its_driver_the_start_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "find_spec", lambda _name: None)
    with pytest.raises(config.BadSetting, match=r"pip install 'psycopg\[binary\]'") as error:
        config.read({"PRESSROOM_DATABASE_URL": "postgresql://ada:hunter2@localhost/pressroom"})
    assert "hunter2" not in str(error.value)


def test_a_word_may_be_anything_in_the_index(app: Flask, ada: Person) -> None:
    """Quotes and backslashes are PostgreSQL's own marks, and none of the words'."""
    for words in ("O'Brien's \\ path", "it''s 'quoted' & (odd) | !not :* <-> words", "C:\\temp\\new"):
        post_id = ada.write_post(title=words)
        assert f"/post/{post_id}" in ada.client.get("/search", query_string={"q": words}).text, words
    match = search_postgresql.expression(parse("it's \\ '"), [])
    with snapshot(app.extensions["engine"]) as session:
        assert search_postgresql.count(session, match) >= 0


def test_a_text_longer_than_a_tsvector_is_found_by_its_beginning(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_postgresql, "WORDS_BYTES", 20_000)
    words = "\n\n".join(f"word{n}x" for n in range(3_000))
    post_id = ada.write_post(body=f"Beginning {words}")
    assert f"/post/{post_id}" in ada.get("/search?q=beginning").text
    assert f"/post/{post_id}" in ada.get('/search?q="word7x word8x"').text
    assert f"/post/{post_id}" not in ada.get("/search?q=word2999x").text


def test_psycopg_is_new_enough() -> None:
    assert tuple(map(int, psycopg.__version__.split(".")[:3])) >= (3, 3, 9)
