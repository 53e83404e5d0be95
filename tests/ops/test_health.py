"""`/readyz`: when the site is not ready, and why."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from support.persons import Person
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import db
from webapp.db import schema
from webapp.ops import diagnosis


def test_it_is_not_ready_with_another_schema(app: Flask, anonymous: Person) -> None:
    assert anonymous.get("/readyz").text == "ok"
    with app.app_context(), db.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.text == f"The database has schema 0001, and this Pressroom wants {schema.newest()}."
    with app.app_context(), db.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert anonymous.get("/readyz").text == "ok", "it is about to be replaced by a newer one, which has upgraded"
    with app.app_context(), db.writing() as session:
        session.execute(text("UPDATE alembic_version SET oldest = '9998'"))
    answer = anonymous.get("/readyz")
    assert answer.text == f"The database has schema 9999, and this Pressroom wants {schema.newest()}."
    with app.app_context(), db.writing() as session:
        session.execute(text("DROP TABLE alembic_version"))
    assert anonymous.get("/readyz").text == "The database is empty."


def test_it_is_not_ready_without_its_database(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    (app.config["INSTANCE"] / "pressroom.db").write_bytes(b"no database " * 99)
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The database can't be read.")


@pytest.mark.parametrize("limit", ["LITTLE_SPACE_BYTES", "FEW_FILES"])
def test_it_is_not_ready_when_the_disk_is_nearly_full(
    anonymous: Person, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(diagnosis, limit, 1 << 60)
    answer = anonymous.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The disk is nearly full.")


@pytest.mark.slow
def test_it_is_not_ready_without_its_broadcaster(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("ready")) as server:
        until(lambda: answer(server, "/readyz") == (200, "ok"), "it is ready")
        server.broadcasters()[0].suspend()
        until(lambda: answer(server, "/readyz")[0] == 503, "it notices")
        assert answer(server, "/readyz")[1] == "The broadcaster doesn't respond, so readers poll."
        assert answer(server, "/healthz") == (200, "ok")
        server.broadcasters()[0].resume()
        until(lambda: answer(server, "/readyz") == (200, "ok"), "it is ready again")


def answer(server: UwsgiServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(server.url + path, timeout=60) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
