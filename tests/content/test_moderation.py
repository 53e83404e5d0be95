"""What the desk's screen of comments asks the database for: the newest, in few queries."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine, event

from support.moderation import SCREEN, items
from support.persons import Person
from webapp import db
from webapp.content import comments, moderation
from webapp.people import users


@pytest.fixture
def post_id(ada: Person) -> int:
    """A live post of Ada's."""
    return ada.write_post(live="y")


def test_there_are_a_hundred_at_most_and_few_queries(app: Flask, ada: Person, eve: Person, post_id: int) -> None:
    with app.test_request_context(), db.writing() as session:
        eve_id = users.by_name(session, "eve").id
        for i in range(moderation.NEWEST + 1):
            comments.add(session, post_id, eve_id, f"Number {i}", f"<p>Number {i}</p>", per_minute=None)
    queries: list[str] = []

    def count(*args: object) -> None:
        queries.append(str(args[2]))

    ada.get(SCREEN)  # the session is known, and its token
    engine: Engine = app.extensions["engine"]
    event.listen(engine, "before_cursor_execute", count)
    page = ada.get(SCREEN).text
    event.remove(engine, "before_cursor_execute", count)
    assert len(items(page)) == moderation.NEWEST
    assert ">Number 0<" not in page
    assert page.count("More than 100 comments") == moderation.NEWEST
    assert "101 comments" not in page
    asked = [query for query in queries if query.startswith(("SELECT", "WITH")) and "FROM session" not in query]
    asked = [query for query in asked if "set_config" not in query]  # how PostgreSQL's snapshot begins
    asked = [query for query in asked if "FROM about" not in query]  # the page's foot
    assert len(asked) <= 3, asked
    assert len(items(ada.get(f"{SCREEN}?limit=20").text)) == 20
    assert len(items(ada.get(f"{SCREEN}?limit=100000").text)) == moderation.NEWEST
    assert len(items(ada.get(f"{SCREEN}?limit=-1").text)) == 1
    assert len(items(ada.get(f"{SCREEN}?limit=many").text)) == moderation.NEWEST


def test_of_a_large_site_only_the_recent_comments_are_looked_through(
    ada: Person, bob: Person, eve: Person, post_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bobs = bob.write_post()
    eve.comment(post_id)
    for i in range(3):
        eve.comment(bobs, f"Number {i}.")
    assert len(items(ada.get(SCREEN).text)) == 1
    monkeypatch.setattr(moderation, "RECENT", 3)
    assert items(ada.get(SCREEN).text) == {}
    assert len(items(bob.get(SCREEN).text)) == 3
