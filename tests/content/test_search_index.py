"""The index is what readers may find, whoever changes it: our workers, or those of the last release."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random

import pytest
from flask import Flask
from sqlalchemy import text

from support import postgresql
from support.persons import Person
from webapp import db, jobs
from webapp.content import excerpts, search, search_index, search_last_release, search_postgresql, search_query
from webapp.db import schema
from webapp.demo.prose import prose
from webapp.models import Post, Update
from webapp.text import tokens
from webapp.text.render import render_post
from webapp.text.summary import plain

of_fts5 = pytest.mark.sqlite(reason="FTS5 keeps no text, and the last release ran on SQLite alone")


@contextmanager
def opened(app: Flask) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(app.config["INSTANCE"] / "pressroom.db")) as database, database:
        yield database


def found(person: Person, query: str) -> set[str]:
    page = person.get("/search", query_string={"q": query}).text
    return set(re.findall(r'<h2 class="result__title"><a href="([^"]+)"', page))


def index_all(app: Flask) -> None:
    with app.app_context():
        jobs.index()


def words(app: Flask) -> set[str]:
    """All that is in the index, marks aside."""
    with opened(app) as database:
        database.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab (main, search_index, row)")
        return {word for (word,) in database.execute("SELECT term FROM words") if not word.startswith("=")}


@pytest.fixture
def upgraded(app: Flask, ada: Person) -> Flask:
    """A site that the last release ran until now: its index has what is there, and ours isn't made yet."""
    with opened(app) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for table in search_index.TABLES:
            database.execute(f"DROP TABLE {table}")
        database.execute("INSERT INTO search (rowid, title, body, plain) VALUES (0, '', '', '')")
    ada.write_post(title="Giraffe", body="Elections", live="y")  # post 1
    ada.add_update(1, "An okapi.")
    ada.post("/desk/new", title="Giraffe, a draft", action="draft")
    return app


def prepare(app: Flask) -> None:
    with app.app_context(), db.writing() as session:
        search_index.prepare(session)


@of_fts5
def test_the_old_index_answers_until_the_new_one_is_filled(
    upgraded: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(ada, "elections") == {"/post/1"}
    prepare(upgraded)
    monkeypatch.setattr(search_index, "BATCH", 1)
    with upgraded.app_context(), db.writing() as session:
        search_index.work(session)
    assert found(ada, "elections") == {"/post/1"}
    assert found(ada, "election") == {"/post/1"}, "as the beginning of a word"
    assert found(ada, "elected") == set(), "the old one knows no stems"
    index_all(upgraded)
    assert found(ada, "elected") == found(ada, "election") == {"/post/1"}
    assert len(found(ada, "okapi")) == 1
    assert found(ada, "draft") == set()


@of_fts5
def test_both_are_kept_up_where_the_last_release_was(upgraded: Flask, ada: Person) -> None:
    prepare(upgraded)
    index_all(upgraded)
    new = ada.write_post(title="Zebra")
    ada.post("/desk/post/1/unpublish")
    with upgraded.app_context():
        assert search_last_release.best(db.reading(), "zebra", 5) == [new * 2]
        assert search_last_release.best(db.reading(), "giraffe", 5) == []
    assert found(ada, "giraffe okapi") == set()
    assert found(ada, "zebra") == {f"/post/{new}"}


@of_fts5
def test_a_site_that_never_was_there_has_one_index_alone(app: Flask, ada: Person) -> None:
    ada.write_post(title="Zebra")
    with opened(app) as database:
        assert database.execute("SELECT count(*) FROM search").fetchone() == (0,)


# Whatever the last release changes, as it knows nothing of the new index


CHANGES = {
    "UPDATE post SET title = 'Zebra' WHERE id = 1": ({"zebra", "elections"}, {"giraffe"}),
    "UPDATE post SET html = '<p>Zebra</p>' WHERE id = 1": ({"zebra", "giraffe"}, {"elections", "elected"}),
    "UPDATE post SET status = 'draft' WHERE id = 1": (set(), {"giraffe", "elections", "okapi"}),
    "UPDATE post SET status = 'published', published_at = 1 WHERE id = 2": ({"draft", "giraffe"}, set()),
    "UPDATE post SET language = 'de' WHERE id = 1": ({"elections"}, {"elected"}),
    'UPDATE "update" SET html = \'<p>Zebra</p>\'': ({"zebra"}, {"okapi"}),
    'UPDATE "update" SET withdrawn_at = 1': ({"giraffe"}, {"okapi"}),
    'INSERT INTO "update" (id, post_id, n, position, title, body, html, key, pinned, version, author_id, created_at,'
    " correction) VALUES (99, 1, 99, 99, '', '', '<p>Zebra</p>', 0, 0, 1, 1, 1, '')": ({"zebra", "okapi"}, set()),
    "INSERT INTO tag (id, key, name) VALUES (9, 'zebra', 'Zebra'); INSERT INTO post_tag VALUES (1, 9)": (
        {"zebra", "giraffe"},
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@of_fts5
def test_what_the_last_release_changes_is_indexed_a_moment_later(upgraded: Flask, ada: Person, change: str) -> None:
    there, gone = CHANGES[change]
    prepare(upgraded)
    index_all(upgraded)
    assert found(ada, "giraffe")
    with opened(upgraded) as database:
        database.executescript(change)
    index_all(upgraded)
    assert {word for word in there | gone if found(ada, word)} == there
    with upgraded.app_context(), db.writing() as session:
        search_index.forget_deleted(session)
    assert gone & words(upgraded) == set(), "nothing is left of it"


@pytest.mark.parametrize(
    "erasing",
    [
        "UPDATE \"update\" SET withdrawn_at = 1; UPDATE \"update\" SET withdrawal = 'legal', html = '', body = ''",
        "UPDATE post SET status = 'draft' WHERE id = 1; DELETE FROM event; DELETE FROM \"update\"",
        "UPDATE \"update\" SET html = '<p>Zebra</p>';"
        " INSERT INTO revision (id, kind, item_id, version, texts, replaced_at) VALUES (99, 'update', 1, 9, '{}', 1);"
        " UPDATE revision SET texts = '{\"legal\": true}' WHERE id = 99",
    ],
)
@of_fts5
def test_what_the_last_release_erases_leaves_nothing_at_once(upgraded: Flask, ada: Person, erasing: str) -> None:
    prepare(upgraded)
    index_all(upgraded)
    assert "okapi" in words(upgraded)
    with opened(upgraded) as database:
        database.executescript(f"PRAGMA secure_delete = ON; {erasing}")
        assert "okapi" not in str(database.execute("SELECT * FROM search_due").fetchall())
    assert "okapi" not in words(upgraded)
    index_all(upgraded)
    assert found(ada, "okapi") == set()
    with opened(upgraded) as database:
        assert database.execute("SELECT count(*) FROM search_doc WHERE crc IS NULL").fetchone() == (0,)


@of_fts5
def test_when_tokens_are_no_longer_made_the_same_way_all_is_indexed_anew(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by another Python, whose Unicode has more letters."""
    for title in ("Giraffe", "Okapi", "Zebra"):
        ada.write_post(title=title)
    monkeypatch.setattr(search_index, "tokens", lambda written: [token[::-1] for token in tokens.tokens(written)])
    ada.post("/desk/post/2", title="Lion", action="publish")
    assert words(app) >= {"noil"}
    assert "okapi" not in words(app)
    index_all(app)
    assert words(app) >= {"effarig", "noil", "arbez"}
    assert not {"giraffe", "zebra", "okapi", "ipako"} & words(app)


@of_fts5
def test_an_edit_that_changes_no_text_leaves_the_index_alone(app: Flask, ada: Person) -> None:
    post_id = ada.write_post(title="Giraffe", live="y")
    n = ada.add_update(post_id, "Okapi")
    with opened(app) as database:
        before = database.execute("SELECT max(id) FROM search_index_data").fetchone()
    ada.post(f"/desk/post/{post_id}/update/{n}/key")
    ada.post(f"/desk/post/{post_id}/update/{n}/pin")
    with opened(app) as database:
        assert database.execute("SELECT max(id) FROM search_index_data").fetchone() == before
        assert database.execute("SELECT * FROM search_due").fetchall() == []


@of_fts5
def test_a_migration_that_makes_a_table_anew_keeps_the_triggers(app: Flask) -> None:
    with app.app_context(), db.writing() as session:
        connection = session.connection()
        select = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        before = connection.execute(select).all()
        assert len(before) > 10
        with schema.without_triggers(connection):
            connection.exec_driver_sql("CREATE TABLE post_anew AS SELECT * FROM post")
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            assert connection.execute(select).all() == []
            connection.exec_driver_sql("DROP TABLE post_tag")
            connection.exec_driver_sql("ALTER TABLE post_anew RENAME TO post_again")
            connection.exec_driver_sql("CREATE TABLE post_tag (post_id INTEGER, tag_id INTEGER)")
        assert connection.execute(select).all() == before


@pytest.mark.slow
@of_fts5
def test_it_is_hardly_larger_than_the_text_and_an_excerpt_costs_little(app: Flask, ada: Person) -> None:
    size = 0
    for language in ("en", "zh"):
        words_of = prose(language, Random(1))  # noqa: S311
        for _ in range(30):
            body = words_of.article()
            size += len(plain(render_post(body).html).encode())
            ada.write_post(title=words_of.titles[0], body=body, language=language)
    with opened(app) as database:
        (index,) = database.execute("SELECT sum(length(block)) FROM search_index_data").fetchone()
        (beside,) = database.execute("SELECT sum(40 + length(tags) + length(marks)) FROM search_doc").fetchone()
    assert index + beside < 1.5 * size
    long = "<p>" + "Nothing of what was asked for is said here. " * 2_000 + "</p>"
    marker = excerpts.Marker(search_query.parse('okapi giraffes "red card"').wanted)
    costs = []
    for _ in range(5):
        before = time.process_time()
        assert "<mark>" not in excerpts.excerpt(plain(long), marker)
        costs.append(time.process_time() - before)
    assert min(costs) < 0.02, "of 88,000 characters"


def test_the_job_holds_the_lock_for_so_long(app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """One item at least, and no further one after that."""
    for title in ("One", "Two", "Three"):
        ada.write_post(title=title)
    with app.app_context(), db.writing() as session:
        session.execute(text("INSERT INTO search_due (item) SELECT item FROM search_doc"))
    seconds = iter(range(0, 1_000, 1))
    index = search_postgresql if postgresql.IS_USED else search_index
    monkeypatch.setattr(index, "time", type("Clock", (), {"monotonic": lambda: next(seconds) / 25}))
    with app.app_context(), db.writing() as session:
        search.work(session)
        assert session.scalar(text("SELECT count(*) FROM search_due")) == 1
    assert search_index.HELD_SECONDS == 0.05, "two items at 40 ms each"


def test_so_many_words_count() -> None:
    assert len(search_query.parse(" ".join(f"word{n}" for n in range(20))).wanted) == 8
    for query in ("\ufdfa" * 200, '"' + "\ufdfa" * 198 + '"', "+" * 200, "a." * 100, "哈" * 200):
        wanted = search_query.parse(query).wanted
        assert wanted
        assert max(len(term.tokens) for term in wanted) <= search_query.TOKENS
        assert len(excerpts.Marker(wanted).likely.pattern) < 4_000, "it is compiled with every search"


def test_items_are_numbered_apart() -> None:
    assert [search_index.number(item) for item in (Post(id=3), Update(id=3))] == [6, 7]
