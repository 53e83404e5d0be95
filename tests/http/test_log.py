"""The log: a line of JSON for each request and message, with no secret in it and nothing that a URL can break."""

from __future__ import annotations

import json
import re
import resource
import socket
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from support.http_client import Browser, ask
from support.persons import PASSWORD, Person
from support.proxies import behind_nginx
from support.sse_client import Listener
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import db
from webapp.http import log, masking
from webapp.system.instance import LOG

Line = dict[str, Any]


@pytest.fixture
def logging_app(make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """Under the test's client exceptions become pages, as for readers."""
    app = make_app(LOG="json", PROPAGATE_EXCEPTIONS=False)
    yield app
    app.config["LOG"] = "off"
    log.init_app(app)


def lines(folder: Path) -> list[Line]:
    """Fails at one that isn't ASCII, or no JSON object by itself."""
    content = (folder / LOG).read_bytes().decode("ascii")
    assert content.endswith("\n")
    found = [json.loads(line) for line in content[:-1].split("\n")]
    assert all(isinstance(line, dict) for line in found)
    return found


def of(app: Flask) -> list[Line]:
    return lines(app.config["INSTANCE"])


def raw(app: Flask) -> str:
    return str((app.config["INSTANCE"] / LOG).read_text())


def replace(app: Flask, endpoint: str, view: Callable[..., Any]) -> None:
    app.view_functions[endpoint] = view


def test_each_request_has_a_line(logging_app: Flask) -> None:
    answer = Person(logging_app).get("/hello?word=private", environ_base={"REMOTE_ADDR": "203.0.113.77"})
    (line,) = of(logging_app)
    at = datetime.fromisoformat(line.pop("time"))
    assert at.utcoffset() == timedelta(0)
    assert 0 <= line.pop("ms") < 60_000
    assert line.pop("pid") > 0
    assert line == {
        "level": "info",
        "id": answer.headers["X-Request-ID"],
        "method": "GET",
        "path": "/hello",
        "status": 200,
        "bytes": 13,
        "network": "203.0.113.0/24",
    }
    assert stat.S_IMODE((logging_app.config["INSTANCE"] / LOG).stat().st_mode) == 0o600


def test_without_the_setting_there_is_none(app: Flask, anonymous: Person) -> None:
    answer = anonymous.get("/hello")
    assert "X-Request-ID" not in answer.headers
    assert not (app.config["INSTANCE"] / LOG).exists()
    assert log.request_log(app) is None


def test_what_the_guard_refuses_is_logged_too(logging_app: Flask) -> None:
    answer = Person(logging_app).client.open("/hello", method="QUERY/2")
    assert [(line["status"], line["method"]) for line in of(logging_app)] == [(400, "QUERY/2")]
    assert answer.headers["X-Request-ID"] == of(logging_app)[0]["id"]


def test_a_head_has_no_bytes_and_a_stream_an_unknown_number(logging_app: Flask, ada: Person) -> None:
    person = Person(logging_app)
    assert person.client.head("/hello").headers["Content-Length"] == "13"
    person.get("/live?after=0").close()
    assert [line["bytes"] for line in of(logging_app)] == [0, None]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", None),
        ("nonsense", None),
        ("fe80::1%eth0", "fe80::/48"),
    ],
)
def test_an_address_is_only_a_network(address: str, network: str | None) -> None:
    assert log.network(address) == network


# The request's id


def broken() -> str:
    raise ZeroDivisionError("by nought")


def test_the_page_of_an_error_names_what_the_log_has(logging_app: Flask) -> None:
    replace(logging_app, "reader.hello", broken)
    answer = Person(logging_app).get("/hello")
    said, asked = of(logging_app)
    assert answer.status_code == 500
    assert said["id"] == asked["id"] == answer.headers["X-Request-ID"]
    assert f"quote reference {said['id']}." in answer.text
    assert (said["level"], asked["level"]) == ("error", "error")
    assert (said["method"], said["path"]) == ("GET", "/hello")
    assert said["traceback"].startswith("Traceback (most recent call last):\n")
    assert said["traceback"].endswith("ZeroDivisionError: by nought")


def test_it_is_in_the_plain_log_as_well(app: Flask, anonymous: Person, caplog: pytest.LogCaptureFixture) -> None:
    kept = app.view_functions["reader.hello"]
    app.config["PROPAGATE_EXCEPTIONS"] = False
    replace(app, "reader.hello", broken)
    try:
        page = anonymous.get("/hello").text
        script = anonymous.get("/hello", headers={"Accept": "application/json"})
    finally:
        replace(app, "reader.hello", kept)
    found = re.search(r"quote reference (\w{16})\.", page)
    assert found
    assert caplog.messages[0] == f"GET /hello, request {found[1]}"
    assert script.status_code == 500


@pytest.mark.parametrize("said", ["0123456789abcdef0123456789abcdef", "Root-1_42"])
def test_nginx_s_id_is_taken(logging_app: Flask, said: str) -> None:
    answer = Person(logging_app).get("/hello", environ_base={"REQUEST_ID": said})
    assert answer.headers["X-Request-ID"] == of(logging_app)[0]["id"] == said


def test_a_client_s_id_is_not(logging_app: Flask) -> None:
    for name in ("X-Request-ID", "Request-ID", "Request_ID"):
        Person(logging_app).get("/hello", headers={name: "stranger-1"})
    assert all(re.fullmatch(r"[0-9a-f]{16}", line["id"]) for line in of(logging_app))
    assert len({line["id"] for line in of(logging_app)}) == 3


@pytest.mark.parametrize("said", ["short", "x" * 65, 'a"b"c"d"e', "a b c d e", "äääääääää", "12345678\n"])
def test_an_unsound_id_is_not(logging_app: Flask, said: str) -> None:
    Person(logging_app).get("/hello", environ_base={"REQUEST_ID": said.encode().decode("latin-1")})
    assert re.fullmatch(r"[0-9a-f]{16}", of(logging_app)[0]["id"])


def test_that_of_a_believed_proxy_is_taken(make_app: Callable[..., Flask]) -> None:
    app = make_app(LOG="json", PROXIES=1)
    headers = {"X-Request-ID": "proxy-0001", "X-Forwarded-For": "198.51.100.9"}
    assert Person(app).get("/hello", headers=headers).headers["X-Request-ID"] == "proxy-0001"
    assert of(app)[0]["network"] == "198.51.100.0/24"
    app.config["LOG"] = "off"
    log.init_app(app)


# Secrets


@pytest.mark.parametrize(
    "form",
    [
        "/draft/{}",
        "/x//draft//{}/",
        "/DRAFT/{}",
        "/x/draft/{}",
        "/draft%2f{}",
        "/draft%252F{}",
        "/{}",
        "/drafts/{}.html",
    ],
)
def test_a_draft_s_path_is_masked(logging_app: Flask, form: str) -> None:
    token = str(uuid4())
    for spelt in (token, token.upper(), token.replace("-", "")):
        Person(logging_app).get(form.format(spelt))
        assert spelt not in raw(logging_app)
    assert "…" in of(logging_app)[-1]["path"]


def test_nothing_personal_of_a_request_is_there(logging_app: Flask) -> None:
    """Neither when all goes well, nor when a view fails with all of it in its exceptions."""
    person = Person(logging_app, "ada")
    cookie = person.client.get_cookie("session", domain="127.0.0.1")
    assert cookie
    secrets = {
        "password": "pässwörd",
        "old_password": "zy1",
        "csrf_token": person.csrf_token(),
        "body": "The minister's\nname is Müller.",
    }

    def spill() -> str:
        try:
            db.reading().execute(text("SELECT :it FROM nowhere"), {"it": request.form["body"]})
        except Exception as error:
            raise ValueError(dict(request.form), request.full_path, list(request.cookies.values())) from error
        raise AssertionError

    replace(logging_app, "accounts.login", spill)
    headers = {
        "User-Agent": "agent-smith",
        "Referer": "https://intra.example/secret",
        "Authorization": "Basic YWRhOng=",
    }
    answer = person.client.post("/login?next=/my-private-page", data=secrets, headers=headers)
    assert answer.status_code == 500
    found = raw(logging_app)
    assert "ValueError" in found and re.search(r'no such table: nowhere|nowhere\\*" does not exist', found)
    said = " ".join(str(value) for line in of(logging_app) for value in line.values())
    hidden = [*secrets.values(), cookie.value, PASSWORD, "my-private-page", "Müller", "M\\xfcller", *headers.values()]
    assert [secret for secret in hidden if secret in said or ascii(secret)[1:-1] in said] == []


def test_a_message_about_a_draft_is_masked_in_both_logs(logging_app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    token = str(uuid4())

    def fail(token: object) -> str:
        raise RuntimeError(f"https://news.example.org/draft/{token} is broken")

    replace(logging_app, "desk.draft", fail)
    assert Person(logging_app).get(f"/draft/{token}").status_code == 500
    assert "/draft/… is broken" in of(logging_app)[0]["traceback"]
    assert token not in raw(logging_app)
    assert token not in "\n".join(caplog.messages)


def test_a_database_s_error_has_no_values_in_it(app: Flask) -> None:
    with app.app_context(), pytest.raises(Exception, match="hidden") as caught:
        db.reading().execute(text("SELECT :it FROM nowhere"), {"it": "geheimnis"})
    assert "geheimnis" not in str(caught.value)


# Nothing that breaks a line


@given(st.text() | st.text(st.characters(max_codepoint=0x7F)))
def test_any_text_is_safe(said: str) -> None:
    for safe in (masking.text(said), masking.path(said)):
        safe.encode("utf-8")
        line = json.dumps(safe)
        assert line.isascii() and line.isprintable()
        assert json.loads(line) == safe


def test_what_is_long_is_cut() -> None:
    assert masking.path("/" + "x " * 4000) == "/" + "x " * 89 + "x" + "…"
    for path in ("/" + "😀" * 300, "/" + "\x01" * 300, "/" + "a" * 7900, "/" + "é" * 200):
        written = masking.path(path.encode().decode("latin-1"))
        assert len(json.dumps(written)) <= masking.PATH_LENGTH + len(json.dumps("…"))
    cut = masking.text("begin " + "word " * 10_000 + "end")
    assert len(cut) < 16_100
    assert cut.startswith("begin ") and cut.endswith(" end")


def test_messages_outside_of_requests_have_lines(logging_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging_app.logger, "propagate", False)  # pytest can't send such a one from process to process
    logging_app.logger.warning("Two\nlines: %s", "\udcff\u2028")
    (line,) = of(logging_app)
    assert (line["level"], line["message"]) == ("warning", "Two\nlines: \\udcff\u2028")
    assert "id" not in line


def test_the_file_is_opened_anew_when_it_was_moved(logging_app: Flask) -> None:
    person, file = Person(logging_app), logging_app.config["INSTANCE"] / LOG
    person.get("/hello")
    file.rename(file.with_suffix(".1"))
    person.get("/hello")
    person.get("/hello")
    assert len(of(logging_app)) == 2
    file.unlink()
    file.touch()  # as another worker does that was faster
    person.get("/hello")
    assert len(of(logging_app)) == 1


def test_a_disk_without_room_costs_lines_but_no_answers(logging_app: Flask) -> None:
    person = Person(logging_app)
    person.get("/hello")
    size = (logging_app.config["INSTANCE"] / LOG).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        assert person.get("/hello").text == person.get("/hello").text == "Hello, World!"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    person.get("/hello")
    first, cut, last = raw(logging_app).splitlines()
    assert len(cut) == 10
    assert json.loads(first)["status"] == json.loads(last)["status"] == 200


HOSTILE = [
    b'/"},{"level":"info","x":"',
    b"/%22%7D%0A%7B%22level%22%3A%22info%22%7D",
    b"/%0d%0a%00%1b%5b31m%7f",
    b"/\xff\xfe%ff%c0%80%ed%a0%80%f4%90%80%80",
    b"/%e2%80%a8%e2%80%a9%c2%85",
    b"/\\u0000\\ud800\\",
    b"/%",
    b"/%u0041",
    b"/" + b"x" * 8192,
    b"/" + b"%22" * 2700,
    "/新闻/📰".encode(),
    b"/%F0%9F%93%B0",
    b"//evil.example/..%2f..%2fetc/passwd",
    b"http://evil.example/",
    b"*",
    b"/\x01\x02",
    b"/a\tb",
    b"/post/" + b"9" * 40,
    b'/?"\n=',
]


# Under the real server


@pytest.fixture(scope="module")
def server(copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    with UwsgiServer(copied_instance("log"), workers=2, environ={"PRESSROOM_LOG": "json"}) as server:
        until(server.all_ready, "both workers are there")
        yield server


def say(server: UwsgiServer, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(sent)
        answer = b""
        try:
            while more := client.recv(65_536):
                answer += more
        except ConnectionResetError:
            pass
        return answer


def test_hostile_requests_each_have_one_line(server: UwsgiServer) -> None:
    """All at once over both workers. uWSGI itself answers some of them, or hangs up."""
    requests = [
        method + b" " + target + b' HTTP/1.1\r\nHost: localhost\r\nUser-Agent: "\\\r\nCookie: session="\xff\r\n\r\n'
        for method in (b"GET", b"POST", b'G"ET', b"\xff\xfe")
        for target in HOSTILE
    ]
    before = len(lines(server.instance))
    with ThreadPoolExecutor(8) as pool:
        answers = [answer for answer in pool.map(lambda sent: say(server, sent), requests * 4) if answer]
    ids = [found[1].decode() for answer in answers if (found := re.search(rb"\r\nX-Request-ID: (\w+)\r\n", answer))]
    assert len(ids) > 200
    found = lines(server.instance)[before:]
    assert sorted(line["id"] for line in found) == sorted(ids)
    assert all(len(line["path"]) <= 301 for line in found)
    assert {line["pid"] for line in found} == server.worker_pids()
    assert "/新闻/📰" in {line["path"] for line in found}
    assert stat.S_IMODE((server.instance / LOG).stat().st_mode) == 0o600


def test_a_stream_is_handed_over_and_logged(server: UwsgiServer) -> None:
    ada = Browser(server.url, "ada")
    post_id = ada.write_post()
    with Listener(server.url, f"/post/{post_id}/live") as listener:
        n = int(ada.post(f"/post/{post_id}/updates", csrf_token=ada.token, body="Goal!").rpartition("-")[2])
        listener.until_number(n)
        assert listener.headers["x-request-id"]
    (line,) = (line for line in lines(server.instance) if line.get("path") == f"/post/{post_id}/live")
    assert (line["status"], line["bytes"]) == (200, None)
    assert line["ms"] < 60_000


@pytest.mark.slow
def test_a_full_disk_loses_no_answer(copied_instance: Callable[[str], Path]) -> None:
    with UwsgiServer(copied_instance("no-room"), environ={"PRESSROOM_LOG": "json"}) as server:
        until(server.all_ready, "the worker is there")
        (pid,) = server.worker_pids()
        worker = psutil.Process(pid)
        hard = worker.rlimit(psutil.RLIMIT_FSIZE)[1]
        before = len(lines(server.instance))
        worker.rlimit(psutil.RLIMIT_FSIZE, (0, hard))
        for _time in range(20):
            assert Browser(server.url).get("/hello") == "Hello, World!"
        assert len(lines(server.instance)) == before
        worker.rlimit(psutil.RLIMIT_FSIZE, (hard, hard))
        Browser(server.url).get("/hello")
        assert len(lines(server.instance)) == before + 1
        assert server.worker_pids() == {pid}


@pytest.mark.slow
def test_nginx_and_the_app_name_a_request_alike(copied_instance: Callable[[str], Path]) -> None:
    with behind_nginx(copied_instance("nginx-log"), {"PRESSROOM_LOG": "json"}) as way:
        answer = ask(way, "/hello", X_Request_ID="stranger-1")
        found = lines(way.server.instance)
        assert re.fullmatch(r"[0-9a-f]{32}", found[-1]["id"])
        assert answer.one("X-Request-ID") == found[-1]["id"]
        assert found[-1]["network"] == "127.0.0.0/24"


@pytest.mark.slow
def test_the_start_refuses_a_log_that_it_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / LOG).mkdir()
    server = UwsgiServer(tmp_path / "instance", environ={"PRESSROOM_LOG": "json"})
    assert f"{LOG} is not writable (Is a directory)" in "\n".join(server.refused())
