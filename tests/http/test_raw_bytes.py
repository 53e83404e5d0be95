"""Any byte, in whatever part of a request: never an error of ours, and never a long log."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import run_wsgi_app

from support.persons import Person

LOG_BYTES = 400
# These in every place; each other one in some of the places, by turns.
TELLING = b"\x00\t\n\r\x1b %+/;=\\\x7f\x80\xa0\xc0\xc3\xed\xf0\xf5\xff"
TURNS = 8
PATHS = (
    "/",
    "/tag/",
    "/user/",
    "/hello/",
    "/about/",
    "/static/",
    "/media/",
    "/invite/",
    "/password/",
    "/draft/",
    "/feed.",
)
HEADERS = (
    "USER_AGENT REFERER ACCEPT ACCEPT_LANGUAGE ACCEPT_ENCODING IF_MODIFIED_SINCE IF_NONE_MATCH IF_RANGE RANGE "
    "LAST_EVENT_ID X_FORWARDED_FOR AUTHORIZATION ORIGIN HOST"
).split()


def environ(method: str = "GET", path: str = "/", query: str = "", body: bytes = b"", **more: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "here",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    if body:
        made |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/x-www-form-urlencoded"}
    return made | more


def multipart(byte: bytes, token: str) -> bytes:
    parts = [
        (b"csrf_token", b"", token.encode()),
        (b"x" + byte, b'; filename="' + byte + b'"', byte),
        (b"username", b"", byte),
    ]
    form = b"".join(b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % part for part in parts)
    return form + b"--B--\r\n"


def requests(byte: bytes, token: str, cookie: str) -> Iterator[dict[str, Any]]:
    """The byte in each place of a request."""
    text, log_in = byte.decode("latin-1"), {"method": "POST", "path": "/login", "HTTP_COOKIE": f"session={cookie}"}
    for path in PATHS:
        yield environ(path=path + text)
    for query in (f"q={text}&next=/{text}&after={text}&limit={text}", f"{text}=1"):
        for path in ("/search", "/login", "/live"):
            yield environ(path=path, query=query)
    fields = b"csrf_token=" + token.encode() + b"&username=" + byte + b"&password=" + byte + b"&next=/" + byte
    yield environ(body=fields, **log_in)
    yield environ(body=fields + b"&" + byte + b"=1", **log_in)
    yield environ(body=b"csrf_token=" + byte, **log_in)
    for boundary in ("B", text):
        kind = f"multipart/form-data; boundary={boundary}"
        yield environ(body=multipart(byte, token), CONTENT_TYPE=kind, **log_in)
    yield environ(body=fields, CONTENT_TYPE=f"application/x-www-form-urlencoded; charset={text}", **log_in)
    for said in (f"session={text}", f"{text}=1", f"session={cookie}{text}; signed_in={text}"):
        yield environ(path="/me", HTTP_COOKIE=said)
    for header in HEADERS:
        yield environ(path="/search", **{f"HTTP_{header}": text})


@pytest.mark.slow
@pytest.mark.parametrize("around", [b"%s", b"\xc3%s", b"%%%s"], ids=["alone", "after a lead byte", "percent"])
def test_no_byte_of_a_request_is_an_error_of_ours(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture, around: bytes
) -> None:
    app = make_app(LIMITS="off", REGISTRATION="open")
    visitor = Person(app)
    token = visitor.csrf_token("/login")
    cookie = visitor.client.get_cookie("session", domain="127.0.0.1")
    assert cookie
    with caplog.at_level(logging.DEBUG, logger="webapp"):
        for number in range(256) if around == b"%s" else TELLING:
            byte = around % (b"%02x" % number if around == b"%%%s" else bytes([number]))
            for place, asked in enumerate(requests(byte, token, cookie.value)):
                if number not in TELLING and (place + number) % TURNS:
                    continue
                caplog.clear()
                _answer, status, _headers = run_wsgi_app(app.wsgi_app, asked, buffered=True)
                assert int(status[:3]) < 500, asked
                assert sum(len(record.getMessage()) for record in caplog.records) <= LOG_BYTES, asked
                assert not any(record.exc_info for record in caplog.records), asked
