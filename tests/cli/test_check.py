"""`pressroom check`: what it says of a site that is well, and of one that isn't; see ops/test_diagnosis too."""

from __future__ import annotations

import errno
import socket
import sqlite3
import ssl
import urllib.request
from collections.abc import Callable
from email.message import Message
from io import BytesIO
from unittest.mock import MagicMock, Mock
from urllib.error import HTTPError, URLError

import pytest
from click.testing import Result
from flask import Flask

from support.commands import done, failed
from support.damage import damage
from support.persons import Person
from support.photos import photo, send
from tools.processes import free_port
from webapp.db.faults import CURES
from webapp.media import storage
from webapp.ops import checks, diagnosis, snapshots
from webapp.pages import repair


@pytest.fixture
def check(app: Flask) -> Callable[[], Result]:
    app.config["HTTP"] = f"127.0.0.1:{free_port()}"
    return lambda: app.test_cli_runner().invoke(args=["check"])


def test_check_says_how_many_readers_the_limits_allow(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "limits", lambda _pid=0: (1024, 20_064))
    said = done(check())
    assert "Streams: 20,000 at once at most; extra readers poll." in said
    assert "The site isn't running." in said
    assert "PRESSROOM_BROADCASTERS=2" in said
    assert "No problems found." in said


def test_check_says_the_cure_where_few_readers_have_room(
    check: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "limits", lambda _pid=0: (1024, 1024))
    result = check()
    assert failed(result).endswith(" found.")
    assert "PROBLEM: only 960 readers can hold a stream." in result.stdout
    assert "LimitNOFILE=" in result.stdout


def test_check_names_pictures_whose_original_is_missing(check: Callable[[], Result], app: Flask, ada: Person) -> None:
    names = [send(ada, photo(seed=seed)).json["name"] for seed in range(2)]
    done(check())
    storage.STORAGE.of(app).delete(names[1])
    result = check()
    assert failed(result).endswith("1 problem found.")
    assert f"lacks the originals of 1 pictures ({names[1]}): copy them from the last backup" in result.stdout


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")
UNTRUSTED.verify_message = "self-signed certificate"


@pytest.mark.parametrize(
    ("error", "reason", "cure"),
    [
        (URLError(socket.gaierror(-2, "Name or service not known")), "unknown host name", "add it to the DNS"),
        (URLError(REFUSED), "nothing listens there", "start the proxy, or correct the port"),
        (URLError(UNTRUSTED), "self-signed certificate", "renew it, or for one of your own SSL_CERT_FILE="),
        (
            HTTPError("", 400, "Bad Request", Message(), BytesIO()),
            "400 Bad Request",
            "correct PRESSROOM_BASE_URL: http or",
        ),
        (
            HTTPError("", 503, "Unavailable", Message(), BytesIO()),
            "503 Unavailable",
            "in nginx it takes proxy_pass http://1",
        ),
        (TimeoutError("timed out"), "timed out", "in nginx it takes proxy_pass http://127.0.0.1:"),
    ],
)
def test_check_says_why_the_public_address_leads_nowhere(
    check: Callable[[], Result], monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, cure: str
) -> None:
    monkeypatch.setenv("PRESSROOM_BASE_URL", "http://127.0.0.1:8000")
    monkeypatch.setattr(urllib.request, "urlopen", Mock(side_effect=error))
    monkeypatch.setattr(repair, "is_kept", lambda _folder: True)
    result = check()
    assert failed(result) == "Error: 1 problem found."
    said = f"PROBLEM: the site runs, but http://127.0.0.1:8000 doesn't lead to it ({reason}): {cure}"
    assert said in result.stdout


def test_check_says_whether_it_looked_at_the_public_address(
    check: Callable[[], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "is_kept", lambda _folder: True)
    assert "Public address: not checked, because PRESSROOM_BASE_URL isn't set." in done(check())
    monkeypatch.setenv("PRESSROOM_BASE_URL", "http://127.0.0.1:8000")
    monkeypatch.setattr(urllib.request, "urlopen", MagicMock())
    assert "Public address: http://127.0.0.1:8000 answers." in done(check())


def test_check_names_a_broadcaster_that_is_silent(check: Callable[[], Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "is_running", lambda _folder: True)
    result = check()
    assert failed(result) == "Error: 1 problem found."
    assert "PROBLEM: the broadcaster doesn't respond, so readers poll: restart the site" in result.stdout


def test_check_says_where_no_page_store_can_be(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app.extensions["pages"].store), "usable", False)
    assert "Page store: not supported on this system; Python renders every page." in check().stdout


def test_check_names_a_page_store_that_cannot_be_written(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app.extensions["pages"]), "trouble", lambda _self: "The page store is full.")
    result = check()
    assert failed(result).endswith(" found.")
    assert "PROBLEM: The page store is full." in result.stdout


@pytest.mark.sqlite(reason="of the file")
def test_check_names_a_database_that_is_empty_or_open_to_others(app: Flask, run: Callable[..., Result]) -> None:
    database = app.config["INSTANCE"] / "pressroom.db"
    database.chmod(0o644)
    assert f"PROBLEM: {database} isn't private: chmod 600 {database}*" in run("check").output
    app.extensions["engine"].dispose()
    database.unlink()
    assert f"{database} doesn't exist; pressroom.db must be there" in run("check").output
    assert not database.exists()
    database.touch(0o600)
    assert f"PROBLEM: {database} is empty: put the site's own back, or restore the last backup" in run("check").output


@pytest.mark.sqlite(reason="of the file")
def test_check_names_a_database_that_is_damaged(check: Callable[[], Result], app: Flask) -> None:
    assert "Database: no damage found." in done(check())
    app.extensions["engine"].dispose()
    damage(app.config["INSTANCE"] / "pressroom.db", "search_data")
    result = check()
    assert failed(result) == "Error: 1 problem found."
    assert "PROBLEM: the database is damaged (" in result.stdout
    assert f"): {CURES[sqlite3.SQLITE_CORRUPT]}\n" in result.stdout


@pytest.mark.sqlite(reason="of the file")
def test_check_holds_nobody_up_with_a_huge_database(
    check: Callable[[], Result], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = sqlite3.OperationalError("interrupted")
    interrupted.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
    monkeypatch.setattr(snapshots, "quick_check", Mock(side_effect=interrupted))
    assert "Database: too large to check it here. Try: sqlite3 " in done(check())
