"""What no sound client sends is refused before Flask hears of it, and what a sound one sends is not."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, request

from support.programs import Program
from support.proxies import behind_nginx
from support.uwsgi_server import UwsgiServer
from webapp.http import guard
from webapp.http.guard import guarded
from webapp.system import server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Environ = dict[str, Any]
SOUND: Environ = {
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/post/7?q=100%25",
    "PATH_INFO": "/post/7",
    "QUERY_STRING": "q=100%25",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_HOST": "news.example.org",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11)",
    "wsgi.url_scheme": "http",
}
CSRF = b"form has expired"


class Answers:
    """An application that answers 200, and keeps what it heard."""

    def __init__(self, trusted: frozenset[str] | None = None) -> None:
        self.heard: list[Environ] = []
        self.guarded = guarded(self._answer, trusted)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.heard.append(environ)
        start_response("200 OK", [])
        return [b"heard"]

    def ask(self, **changes: str | bool | None) -> tuple[int, dict[str, str], bytes]:
        """With a sound request, changed: a name of None is left out."""
        named = {"wsgi.input_terminated" if name == "terminated" else name: value for name, value in changes.items()}
        environ = {name: value for name, value in (SOUND | named).items() if value is not None}
        said: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
            said.extend((status, headers))

        body = b"".join(self.guarded(environ, start_response))
        return int(said[0].split()[0]), dict(said[1]), body


REFUSED: list[tuple[dict[str, str | None], guard.Refusal]] = [
    *(({"SERVER_PROTOCOL": said}, guard.PROTOCOL) for said in ("HTTP/9.9", "XTTP/1.1", "b HTTP/1.1", "HTTP/1.1 ", "")),
    ({"SERVER_PROTOCOL": None, "REQUEST_URI": None, "PATH_INFO": None}, guard.PROTOCOL),
    *(({"REQUEST_METHOD": said}, guard.METHOD) for said in ("", "G T", "G\x01T", "\r\nGET", "G(T", "GÄT")),
    *(({"REQUEST_URI": said}, guard.TARGET) for said in ("http://evil/a", "HTTPS://evil/", "evil:443", "*", "a", "?a")),
    ({"REQUEST_URI": None, "RAW_URI": "http://evil/a"}, guard.TARGET),
    ({"REQUEST_URI": None, "PATH_INFO": "http://evil/a"}, guard.TARGET),
    *(({"REQUEST_URI": f"/a{c}b"}, guard.TARGET_CONTROL) for c in "\0\a\t\r\n\x1f\x7f"),
    ({"REQUEST_URI": "/a?q=\x07"}, guard.TARGET_CONTROL),
    *(
        ({"QUERY_STRING": f"q={q}"}, guard.QUERY)
        for q in ("\xff", "\xe9", "\xc3", "\xed\xa0\x80", "\xc0\xaf", "ä", "足")
    ),
    *(({"CONTENT_LENGTH": n}, guard.BAD_LENGTH) for n in ("5, 5", "5, 3", "+5", "-1", "0x5", "5abc", " 5", "٥", "²")),
    ({"CONTENT_LENGTH": "9" * 19}, guard.BAD_LENGTH),
    ({"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}, guard.TWO_FRAMINGS),
    ({"CONTENT_LENGTH": "0", "HTTP_TRANSFER_ENCODING": ""}, guard.TWO_FRAMINGS),
    *(({"HTTP_TRANSFER_ENCODING": said}, guard.NO_LENGTH) for said in ("chunked", "gzip, chunked", "identity", "")),
    *(({name: "b"}, guard.NAME) for name in ("HTTP_X_A ", "HTTP_X A", "HTTP_ X_A", "HTTP_X_\x07", "HTTP_Ä", "HTTP_:")),
    *(({"HTTP_X_A": value}, guard.FOLD) for value in ("one\r\n two", "one\r\n\ttwo", "one\n two")),
    *(({"HTTP_X_A": f"a{c}b"}, guard.VALUE) for c in "\0\a\r\n\x1f\x7f"),
    ({"CONTENT_TYPE": "text/plain\0"}, guard.VALUE),
    ({"HTTP_HOST": None}, guard.NO_HOST),
    ({"HTTP_HOST": ""}, guard.NO_HOST),
    *(({"HTTP_HOST": host}, guard.BAD_HOST) for host in ("x, y", "x y", "x/y", "u@x", "x:y", "x:1:2", ":80", ".", "ä")),
    *(({"HTTP_HOST": host}, guard.BAD_HOST) for host in ("[::1", "::1", "[1:2]", "[::1]x", "x" * 256, "x:123456")),
]


@pytest.mark.parametrize(("changes", "refusal"), REFUSED)
def test_it_refuses_what_no_sound_client_sends(changes: dict[str, str | None], refusal: guard.Refusal) -> None:
    site = Answers()
    status, headers, body = site.ask(**changes)
    assert (status, body.decode()) == (int(refusal.status[:3]), f"{refusal.sentence}\n")
    assert headers.items() >= server.HEADERS.items()
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Cache-Control"] == "no-store"
    assert site.heard == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        *({"REQUEST_METHOD": method} for method in ("HEAD", "POST", "OPTIONS", "get", "M-SEARCH", "FOO")),
        {"REQUEST_METHOD": "OPTIONS", "REQUEST_URI": "*"},
        *({"REQUEST_URI": target} for target in ("/", "//a", "/a%00%0d%0a", "/Ã¤", "/100%", "/?a=http://b", "/a:b@c")),
        *({"QUERY_STRING": query} for query in ("", "q=\xc3\xa4", "q=%ff", "q=\xe8\xb6\xb3&\xc3\xa4")),
        *({"CONTENT_LENGTH": length} for length in ("0", "5", "005", "", "1000000000")),
        {"HTTP_TRANSFER_ENCODING": "chunked", "terminated": True},
        {"HTTP_CONTENT_LENGTH": "5", "CONTENT_LENGTH": "5"},  # as nginx says it
        *({"HTTP_X_A": value} for value in ("", "a\tb", "Ã¤\xa0\x85", "x" * 40_000)),
        {"HTTP_X-A!": "1", "HTTP_X.B~": "2"},
        *({"SERVER_PROTOCOL": said, "HTTP_HOST": None} for said in ("HTTP/1.0", "HTTP/2.0", "HTTP/3.0")),
        {"SERVER_PROTOCOL": "HTTP/1.0", "HTTP_HOST": ""},
        *({"HTTP_HOST": host} for host in ("X.example.", "x:8000", "x:", "[::1]", "[::1]:80", "a_b", "192.0.2.1:1")),
    ],
)
def test_it_lets_pass_what_is_sound(changes: dict[str, str | bool | None]) -> None:
    site = Answers()
    assert site.ask(**changes)[::2] == (200, b"heard")
    assert len(site.heard) == 1


def test_a_refused_head_has_no_body() -> None:
    assert Answers().ask(REQUEST_METHOD="HEAD", HTTP_HOST="a b")[::2] == (400, b"")


def test_a_proxy_that_speaks_uwsgi_has_unchunked_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert Answers().ask(**both)[0] == 400
    monkeypatch.setattr(server, "reads_http", lambda: False)
    assert Answers().ask(**both)[0] == 200
    assert Answers().ask(HTTP_TRANSFER_ENCODING="chunked")[0] == 411


@pytest.mark.parametrize("name", [guard.PROTO, guard.SSL, guard.OLD_PROTO])
def test_the_scheme_is_the_connections(name: str) -> None:
    """uWSGI has set it to whatever the header says, by the time that we see it."""
    for more, scheme in (({}, "http"), ({"HTTPS": "on"}, "https"), ({"UWSGI_SCHEME": "https"}, "https")):
        for said in ("https", "http", "javascript"):
            site = Answers()
            site.ask(**{name: said, "wsgi.url_scheme": said}, **more)
            assert site.heard[0]["wsgi.url_scheme"] == scheme
    site = Answers()
    site.ask(**{"wsgi.url_scheme": "https"})
    assert site.heard[0]["wsgi.url_scheme"] == "https", "a server's own TLS"


# Trusted hosts


def test_a_foreign_host_is_misdirected() -> None:
    trusted = guard.trusted_hosts(("news.example.org", "[2001:db8::1]"), "https://www.example.org:8443")
    site = Answers(trusted)
    taken = ["news.example.org", "NEWS.example.ORG.:443", "www.example.org", "www.example.org:1", "[2001:DB8:0::1]:80"]
    taken += ["127.0.0.1:8000", "localhost", "[::1]:8000"]
    foreign = ["evil.example", "example.org", "a.news.example.org", "news.example.org.evil.example", "[2001:db8::2]"]
    assert [site.ask(HTTP_HOST=host)[0] for host in taken] == [200] * len(taken)
    assert [site.ask(HTTP_HOST=host)[0] for host in foreign] == [421] * len(foreign)
    assert [Answers().ask(HTTP_HOST=host)[0] for host in foreign] == [200] * len(foreign), "unset, any will do"
    assert site.ask(HTTP_HOST=None, SERVER_PROTOCOL="HTTP/1.0")[0] == 200, "it names no foreign one"


def test_a_name_in_another_script_is_as_browsers_send_it() -> None:
    site = Answers(guard.trusted_hosts(("a.example",), "https://新闻.example"))
    assert site.ask(HTTP_HOST="xn--efvy88h.example")[0] == 200


def test_a_base_url_without_a_host_adds_none() -> None:
    assert guard.trusted_hosts(("a",), "http://:8000") == {"a", *guard.LOOPBACK}


def test_the_setting_reaches_the_guard(make_app: Callable[..., Flask]) -> None:
    site = make_app(TRUSTED_HOSTS=("news.example.org",), BASE_URL="https://www.example.org").test_client()
    for host, status in (("news.example.org:80", 200), ("www.example.org", 200), ("127.0.0.1", 200), ("evil", 421)):
        assert site.get("/hello", headers={"Host": host}).status_code == status
    assert make_app().test_client().get("/hello", headers={"Host": "evil"}).status_code == 200


@pytest.mark.parametrize("proxies", [0, 1])
def test_forwarded_headers_are_believed_from_proxies_only(make_app: Callable[..., Flask], proxies: int) -> None:
    app = make_app(PROXIES=proxies)
    app.add_url_rule("/seen", view_func=lambda: [request.remote_addr, request.scheme, request.host, request.root_path])
    said = {"For": "192.0.2.6", "Proto": "https", "Host": "evil", "Port": "99", "Prefix": "/evil", "Ssl": "on"}
    headers = {f"X-Forwarded-{name}": value for name, value in said.items()}
    headers |= {"Forwarded": "for=192.0.2.6;proto=https;host=evil", "X-Real-IP": "192.0.2.6"}
    seen = app.test_client().get("/seen", headers=headers).json
    believed = ["192.0.2.6", "https"] if proxies else ["127.0.0.1", "http"]
    assert seen == [*believed, "127.0.0.1:8000", ""]


# The real servers, and what they do to the bytes


@pytest.fixture(scope="module")
def uwsgi(copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    with UwsgiServer(copied_instance("guard")) as running:
        yield running


@pytest.fixture(scope="module")
def trusting(copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    environ = {"PRESSROOM_PROXIES": "1", "PRESSROOM_TRUSTED_HOSTS": "news.example.org"}
    with UwsgiServer(copied_instance("trusting"), environ=environ) as running:
        yield running


def say(port: int, *lines: str, body: str = "", host: str = "Host: x") -> bytes:
    """All that comes back until the server hangs up."""
    head = "\r\n".join(filter(None, [lines[0], host, *lines[1:]]))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(f"{head}\r\n\r\n{body}".encode("latin-1"))
        answer = b""
        while more := client.recv(65_536):
            answer += more
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/\d\.\d (\d{3}) ", answer)]


GET, POST = "GET /hello HTTP/1.1", "POST /login HTTP/1.1"
# What follows a body would be the second request of a connection that is kept.
HIDDEN = "5\r\nhello\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
RAW: dict[str, tuple[int, tuple[str, ...], str]] = {
    "two lengths": (400, (POST, "Content-Length: 5", "Content-Length: 3"), "Host: x"),
    "the same length twice": (400, (POST, "Content-Length: 5", "Content-Length: 5"), "Host: x"),
    "a length in an underscore header": (400, (POST, "Content-Length: 5", "Content_Length: 3"), "Host: x"),
    "signed length": (400, (POST, "Content-Length: +5"), "Host: x"),
    "negative length": (400, (POST, "Content-Length: -1"), "Host: x"),
    "length and more": (400, (POST, "Content-Length: 5abc"), "Host: x"),
    "space before the colon": (400, (POST, "Content-Length : 5"), "Host: x"),
    "length and chunked": (400, (POST, "Content-Length: 5", "Transfer-Encoding: chunked"), "Host: x"),
    "chunked": (411, (POST, "Transfer-Encoding: chunked"), "Host: x"),
    "hidden chunked": (411, (POST, "Transfer-Encoding: xchunked"), "Host: x"),
    "folded": (400, (GET, "X-A: one", " two"), "Host: x"),
    "NUL in a value": (400, (GET, "X-A: a\0b"), "Host: x"),
    "LF in a value": (400, (GET, "X-A: a\nX-B: b"), "Host: x"),
    "bell in a value": (400, (GET, "X-A: a\ab"), "Host: x"),
    "NUL in the path": (400, ("GET /hello\0 HTTP/1.1",), "Host: x"),
    "CR in the path": (400, ("GET /hel\rlo HTTP/1.1",), "Host: x"),
    "LF in the path": (400, ("GET /hel\nlo HTTP/1.1",), "Host: x"),
    "a space in the path": (400, ("GET /hello x HTTP/1.1",), "Host: x"),
    "no Host": (400, (GET,), ""),
    "two Hosts": (400, (GET, "Host: y"), "Host: x"),
    "folded Host": (400, (GET,), "Host: x\r\n y"),
    "absolute target": (400, ("GET http://evil/hello HTTP/1.1",), "Host: x"),
    "CONNECT": (400, ("CONNECT evil:443 HTTP/1.1",), "Host: x"),
    "HTTP/0.9": (400, ("GET /hello",), ""),
}


@pytest.mark.parametrize("name", RAW)
def test_uwsgi_passes_it_on_and_it_is_refused(uwsgi: UwsgiServer, name: str) -> None:
    status, lines, host = RAW[name]
    answer = say(uwsgi.port, *lines, host=host, body=HIDDEN if lines[0] == POST else "")
    assert statuses(answer) == [status]
    assert b"Hello, World!" not in answer
    assert answer.lower().count(b"content-security-policy") == 1
    assert b"Connection: close" in answer
    assert b"text/plain; charset=utf-8" in answer


def test_uwsgi_itself_hangs_up(uwsgi: UwsgiServer) -> None:
    for lines in ((GET, "nonsense"), (GET, "X-A: a\rb"), (POST, f"Content-Length: {'9' * 30}")):
        assert say(uwsgi.port, *lines) == b""
    assert statuses(say(uwsgi.port, GET)) == [200]


@pytest.mark.parametrize(
    ("lines", "host", "status"),
    [
        ((GET,), "Host: anything.example:99", 200),
        ((GET, "Content-Length: 5"), "Host: [::1]:80", 200),
        (("GET /hello HTTP/1.0",), "", 200),
        (("GET /hello?q=%00%0d%0a HTTP/1.1", "X-A: a\tb\xe4"), "Host: x", 200),
        (("HEAD /hello HTTP/1.1",), "Host: x", 200),
        (("GET /hello%00 HTTP/1.1",), "Host: x", 404),
        (("OPTIONS * HTTP/1.1",), "Host: x", 404),
        (("FOO /hello HTTP/1.1",), "Host: x", 405),
    ],
)
def test_uwsgi_passes_on_what_is_sound(uwsgi: UwsgiServer, lines: tuple[str, ...], host: str, status: int) -> None:
    assert statuses(say(uwsgi.port, *lines, host=host, body="hello")) == [status]


def test_a_form_is_read_with_its_length(uwsgi: UwsgiServer) -> None:
    assert CSRF in say(uwsgi.port, POST, "Content-Length: 5", body="a=b&c")


@pytest.mark.slow
def test_uwsgi_is_not_to_believe_a_scheme_from_anybody(uwsgi: UwsgiServer, trusting: UwsgiServer) -> None:
    for header in ("X-Forwarded-Proto: https", "X_Forwarded_Proto: https", "X-Forwarded-SSL: on"):
        assert b"session=" in (answer := say(uwsgi.port, "GET /login HTTP/1.1", header))
        assert b"; Secure" not in answer, header
    answer = say(trusting.port, "GET /login HTTP/1.1", "X-Forwarded-Proto: https", host="Host: news.example.org")
    assert b"; Secure" in answer


@pytest.mark.slow
def test_uwsgi_refuses_a_host_that_is_not_trusted(trusting: UwsgiServer) -> None:
    assert statuses(say(trusting.port, GET, host="Host: evil.example")) == [421]
    assert statuses(say(trusting.port, GET, host="Host: News.example.org.:443")) == [200]
    assert statuses(say(trusting.port, GET, host="Host: 127.0.0.1")) == [200]
    assert statuses(say(trusting.port, "GET /hello HTTP/1.0", host="")) == [200]


@pytest.mark.slow
def test_a_chunked_form_gets_through_nginx(copied_instance: Callable[[str], Path]) -> None:
    with behind_nginx(copied_instance("nginx"), {}) as way:
        more = ("Transfer-Encoding: chunked", "Connection: close")
        chunked = say(way.port, POST, *more, host="Host: 127.0.0.1", body="3\r\na=b\r\n0\r\n\r\n")
        assert CSRF in chunked
        assert say(way.port, "GET /hello HTTP/1.0", host="") == b"", "it refuses whoever names no host"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["gunicorn -w 1 --threads 2 -b 127.0.0.1:{port}", "waitress-serve --listen 127.0.0.1:{port}"]
)
def test_nothing_hides_behind_a_request_refused_under_other_servers(
    copied_instance: Callable[[str], Path], tmp_path: Path, command: str
) -> None:
    with ExitStack() as stack:
        environ = {"PRESSROOM_INSTANCE": str(copied_instance("others"))}
        port = stack.enter_context(Program([*command.split(), "webapp.wsgi:app"], tmp_path, environ)).port
        last = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        for lines, host in (((GET,), "Host: a b"), (("GET http://evil/hello HTTP/1.1",), "Host: x"), ((GET,), "")):
            answer = say(port, *lines, f"Content-Length: {len(last)}", host=host, body=last + last)
            assert statuses(answer) == [400, 200], "the body isn't taken for a request, and what follows it is"
        chunked = say(port, POST, "Transfer-Encoding: chunked", "Connection: close", body="3\r\na=b\r\n0\r\n\r\n")
        assert CSRF in chunked, "these can read it"
