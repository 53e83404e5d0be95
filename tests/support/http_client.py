"""Requests to a running site: a browser without JavaScript, and single requests with the whole answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from typing import Protocol
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from support.persons import PASSWORD


class Site(Protocol):
    @property
    def port(self) -> int: ...


class Browser:
    """Cookies, redirects left alone, and the CSRF token: enough to log in and write."""

    def __init__(self, url: str, name: str | None = None) -> None:
        self.url = url
        self.cookies = CookieJar()
        self.opener: OpenerDirector = build_opener(HTTPCookieProcessor(self.cookies))
        self.token = ""
        if name:
            self.log_in(name)

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        self.take_token("/login")
        self.post("/login", csrf_token=self.token, username=name, password=password)
        found = re.search(r'"csrf_token":"([^"]+)"', self.get("/me"))
        assert found, "not logged in"
        self.token = found[1]

    def take_token(self, form_at: str) -> None:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(form_at))
        assert found, f"no form at {form_at}"
        self.token = found[1]

    @property
    def cookie(self) -> str:
        """The header that it sends."""
        return "; ".join(f"{kept.name}={kept.value}" for kept in self.cookies)

    def get(self, path: str) -> str:
        with self.opener.open(self.url + path, timeout=60) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **data: str) -> str:
        """Send a form; the address that it led to."""
        with self.opener.open(Request(self.url + path, urlencode(data).encode()), timeout=60) as answer:
            answer.read()
            return str(answer.url)

    def page_of(self, path: str, **data: str) -> str:
        """Send a form; what answers it."""
        with self.opener.open(Request(self.url + path, urlencode(data).encode()), timeout=60) as answer:
            return str(answer.read().decode())

    def write_post(self) -> int:
        fields = {"title": "Under load", "body": "A text.", "live": "y", "action": "publish"}
        return int(self.post("/desk/new", csrf_token=self.token, **fields).rpartition("/")[2])

    def add_update(self, post_id: int, body: str = "Goal!") -> int:
        """The update's number."""
        return int(self.post(f"/post/{post_id}/updates", csrf_token=self.token, body=body).rpartition("-")[2])

    def seq(self, post_id: int) -> int:
        """The number of the last event that the post's page has."""
        found = re.search(r'data-seq="(\d+)"', self.get(f"/post/{post_id}"))
        assert found
        return int(found[1])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values}"
        return values[0]

    @property
    def from_file(self) -> bool:
        """uWSGI sends Expires with a file, and Python Cache-Control."""
        assert bool(self.all("Expires")) != bool(self.all("Cache-Control")), self.headers
        return bool(self.all("Expires"))


def ask(
    site: Site, path: str, method: str = "GET", body: bytes | None = None, seconds: float = 30.0, **headers: str
) -> Answer:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=seconds)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()
