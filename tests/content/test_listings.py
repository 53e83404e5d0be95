"""Lists of posts and comments: none of them reads or sorts the whole table, however many there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event, text

from support import postgresql
from support.persons import Person
from webapp import db

LISTS = ("/feed.atom", "/desk", "/desk/comments", "/sitemap.xml", "/sitemap/post-1.xml", "/sitemap/user-1.xml")

NEWEST = re.compile(r"ORDER BY (post\.live DESC, post\.changed_at|post\.published_at|comment\.id)")


def plans(app: Flask, person: Person, path: str) -> dict[str, list[str]]:
    """What the database does for each query of a page, step by step."""
    engine: Engine = app.extensions["engine"]
    asked: list[tuple[str, object]] = []

    def note(*args: object) -> None:
        asked.append((str(args[2]), args[3]))

    event.listen(engine, "before_cursor_execute", note)
    answer = person.get(path)
    event.remove(engine, "before_cursor_execute", note)
    assert answer.status_code == 200, path
    found = {}
    with engine.connect() as connection:
        for query, values in asked:
            if query.startswith(("SELECT", "WITH")):
                found[" ".join(query.split())] = steps_of(connection, query, values)
    return found


def steps_of(connection: Connection, query: str, values: Any) -> list[str]:
    """In SQLite's words. PostgreSQL is asked what it would do with tables too large to be read and sorted."""
    if not postgresql.IS_USED:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
        return [str(row[-1]) for row in rows]
    for dear in ("seqscan", "sort", "bitmapscan"):
        connection.exec_driver_sql(f"SET LOCAL enable_{dear} = off")
    rows = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {query}", values)
    lines = [str(row[0]) for row in rows if not query.startswith("SELECT set_config")]
    words = {r".*Seq Scan on (\w+).*": r"SCAN \1", r".*Index.* using \w+ on (\w+).*": r"SEARCH \1"}
    words[r"[ >-]*Sort| *Presorted Key: ((?!_at).)*"] = "ORDER BY"
    return [
        next((re.sub(old, new, line) for old, new in words.items() if re.fullmatch(old, line)), "") for line in lines
    ]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_reads_no_whole_table_and_sorts_nothing(app: Flask, ada: Person, edith: Person, path: str) -> None:
    post_id = ada.write_post(live="y", tags="Football")
    ada.comment(post_id)
    for person in (ada, edith):
        app.extensions["pages"].store.clear()
        found = plans(app, person, path)
        steps = [step for query in found.values() for step in query]
        assert any(re.search(r"SEARCH (post|comment)\b", step) for step in steps), steps
        assert [step for step in steps if re.match(r"SCAN (post|comment|post_\w+)\b", step)] == []
        assert [query for query in found if sorts(query, found[query])] == []


def sorts(query: str, steps: list[str]) -> bool:
    """Whether it sorts all posts or comments; live ones, those of a page, and authors and tags of those are few."""
    return bool(NEWEST.search(query)) and any("ORDER BY" in step for step in steps)


def test_a_list_that_sorts_all_would_be_found(app: Flask, ada: Person) -> None:
    ada.write_post()
    with app.app_context(), db.writing() as session:
        session.execute(text("DROP INDEX ix_post_changed"))
    found = plans(app, ada, "/desk")
    assert [query for query in found if sorts(query, found[query])]
