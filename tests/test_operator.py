"""What whoever runs the site asks it."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from persons import Person
from sqlalchemy import text
from test_cli import done, failed
from test_uwsgi import Browser
from uwsgi_server import UwsgiServer, free_port, until

from webapp import db, trouble

SAMPLE = re.compile(r"^pressroom_(\w+)\{broadcaster=\"(\d+)\"\} (\d+(?:\.\d+)?)$")


def samples(text: str) -> dict[str, float]:
    """Of the first broadcaster. Fails at a line that is neither a comment nor a sample."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            sample = SAMPLE.match(line)
            assert sample, line
            found[sample[1]] = float(sample[3])
    return found


def test_metrics_say_that_nobody_holds_streams(anonymous: Person) -> None:
    answer = anonymous.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert samples(answer.text) == {"broadcaster_up": 0}
    assert answer.text.endswith("\n")


@pytest.mark.parametrize("address", ["203.0.113.7", "::2", "", "nonsense"])
def test_metrics_are_for_this_machine(anonymous: Person, address: str) -> None:
    answer = anonymous.get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 403
    assert "pressroom_" not in answer.text
    assert "this machine" in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_metrics_are_not_for_those_behind_a_proxy_on_this_machine(anonymous: Person, header: str) -> None:
    assert anonymous.get("/metrics").status_code == 200
    assert anonymous.get("/metrics", headers={header: "for=203.0.113.7"}).status_code == 403


def test_metrics_are_for_this_machine_through_a_proxy_that_is_believed(make_app: Callable[..., Flask]) -> None:
    client = make_app(PROXIES=1).test_client()
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}).status_code == 403


def test_metrics_count_what_the_broadcaster_does(copied_instance: Callable[[str], Path]) -> None:
    from listening import many

    with UwsgiServer(copied_instance("metrics"), workers=1) as server:
        ada = Browser(server.url, "ada")
        post_id = ada.write_post()
        until(lambda: samples(ada.get("/metrics"))["broadcaster_up"] == 1, "the broadcaster is there")
        with many(server.url, f"/post/{post_id}/live", 4) as listeners:
            until(lambda: samples(ada.get("/metrics"))["streams"] == 4, "it holds four")
            n = int(ada.post(f"/post/{post_id}/updates", csrf_token=ada.token, body="Goal!").rpartition("-")[2])
            for listener in listeners:
                listener.until_number(n)
            found = samples(ada.get("/metrics"))
        assert (found["events_total"], found["deliveries_total"]) == (1, 4)
        assert (found["dropped_streams_total"], found["refused_streams_total"]) == (0, 0)
        assert found["streams_limit"] > 4
        assert 0 <= found["broadcaster_lag_seconds"] < 60
        until(lambda: samples(ada.get("/metrics"))["streams"] == 0, "all have left")


# /readyz


def test_it_is_not_ready_with_another_schema(app: Flask, anonymous: Person) -> None:
    assert anonymous.get("/readyz").text == "ok"
    with app.app_context(), db.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.text == f"The database has schema 0001, and this Pressroom wants {db.newest_schema()}."
    with app.app_context(), db.writing() as session:
        session.execute(text("DROP TABLE alembic_version"))
    assert anonymous.get("/readyz").text == "The database can't be read."


def test_it_is_not_ready_when_the_disk_is_nearly_full(anonymous: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "LITTLE_SPACE_BYTES", 1 << 60)
    answer = anonymous.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The disk is nearly full.")


def test_it_is_not_ready_without_its_broadcaster(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("ready"), workers=1) as server:
        until(lambda: answer(server, "/readyz") == (200, "ok"), "it is ready")
        server.broadcasters()[0].suspend()
        until(lambda: answer(server, "/readyz")[0] == 503, "it notices")
        assert answer(server, "/readyz")[1] == "No broadcaster answers, so readers ask every few seconds."
        assert answer(server, "/healthz") == (200, "ok")
        server.broadcasters()[0].resume()
        until(lambda: answer(server, "/readyz") == (200, "ok"), "it is ready again")


def answer(server: UwsgiServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(server.url + path, timeout=20) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


# pressroom check


@pytest.fixture
def check(app: Flask) -> Callable[[], Result]:
    app.config["HTTP"] = f"127.0.0.1:{free_port()}"
    return lambda: app.test_cli_runner().invoke(args=["check"])


def test_check_says_how_many_readers_the_limits_allow(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "limits", lambda _pid=0: (1024, 20_064))
    said = done(check())
    assert "It could hold 20,000 at once" in said
    assert "PRESSROOM_BROADCASTERS=2" in said
    assert "Nothing to mend." in said


def test_check_says_the_cure_where_few_readers_have_room(
    check: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "limits", lambda _pid=0: (1024, 1024))
    result = check()
    assert failed(result) == "Error: 1 to mend."
    assert "PROBLEM: only 960 readers can have a stream." in result.stdout
    assert "LimitNOFILE=" in result.stdout


def test_check_names_a_page_store_that_cannot_be_written(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app.extensions["pages"]), "trouble", lambda _self: "The page store is full.")
    result = check()
    assert failed(result) == "Error: 1 to mend."
    assert "PROBLEM: The page store is full." in result.stdout
