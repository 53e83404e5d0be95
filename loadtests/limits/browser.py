"""People with a browser: one request at a time, signing in by the form, sending forms."""

from __future__ import annotations

import http.client
import re
import secrets
import socket
import time
from email.message import Message
from http.cookies import SimpleCookie
from typing import NamedTuple
from urllib.parse import urlencode

from loadtests.first_visit import any_certificate

PASSWORD = secrets.token_urlsafe(12)
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Answer(NamedTuple):
    status: int
    headers: Message
    body: str


class Person(NamedTuple):
    """Somebody who is signed in: what their browser sends."""

    cookie: str
    token: str


def url_of(port: int, tls: bool) -> str:
    return f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"


def connect(port: int, tls: bool = False) -> http.client.HTTPConnection:
    """tls: to localhost, with any certificate; an address has no name in TLS."""
    if tls:
        return http.client.HTTPSConnection("localhost", port, timeout=30, context=any_certificate())
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def ask(
    port: int,
    path: str,
    form: dict[str, str] | None = None,
    cookie: str = "",
    headers: dict[str, str] | None = None,
    *,
    tls: bool = False,
) -> Answer:
    """One request on a connection of its own: a POST if there is a form. Raises OSError when nobody answers."""
    sent = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
    connection = connect(port, tls)
    try:
        connection.request("GET" if form is None else "POST", path, urlencode(form) if form else None, sent)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return Answer(answer.status, answer.headers, body.decode("utf-8", "replace"))


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes, as it does after each answer."""
    parts = []
    while part := connection.recv(1 << 18):
        parts.append(part)
    return b"".join(parts)


def sign_in(port: int, name: str, password: str = PASSWORD, *, tls: bool = False) -> Person:
    """By the form, as a browser does it."""
    jar = SimpleCookie()

    def go(path: str, form: dict[str, str] | None = None) -> str:
        answer = ask(port, path, form, cookie_of(jar), tls=tls)
        for cookie in answer.headers.get_all("Set-Cookie", []):
            jar.load(cookie)
        return answer.body

    token = CSRF.search(go("/login"))
    assert token, "the form of /login has no csrf_token"
    go("/login", {"username": name, "password": password, "csrf_token": token[1]})
    me = re.search(r'"csrf_token": ?"([^"]+)"', go("/me"))
    assert me, f"{name} is not signed in"
    return Person(cookie_of(jar), me[1])


def cookie_of(jar: SimpleCookie) -> str:
    return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())


def send(port: int, path: str, person: Person, *, tls: bool = False, **fields: str) -> tuple[str, float]:
    """Send a form; where it redirects to, and after how many seconds. Any other answer ends the run."""
    start = time.perf_counter()
    answer = ask(port, path, {"csrf_token": person.token, **fields}, person.cookie, tls=tls)
    seconds = time.perf_counter() - start
    assert answer.status == 302, f"POST {path} answered {answer.status}: {answer.body[:500]}"
    return answer.headers["Location"], seconds
