"""Those who speak in the tests: a browser without JavaScript, and what they all know."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from flask.wrappers import Response
from sqlalchemy import select

from webapp import db
from webapp.db.engine import snapshot
from webapp.models import Event
from webapp.people import access, users

PASSWORD = "correct horse battery"
NEW_PASSWORD = "staple staple staple"
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Happened(NamedTuple):
    seq: int
    kind: str
    payload: str


def happened(app: Flask, post_id: int) -> list[Happened]:
    """All events of a post, oldest first; FRONT for the front page's."""
    columns = (Event.seq, Event.kind, Event.payload)
    with snapshot(app.extensions["engine"]) as session:
        rows = session.execute(select(*columns).where(Event.post_id == post_id).order_by(Event.seq))
        return [Happened(*row) for row in rows]


class Person:
    """A browser without JavaScript, in somebody's hands."""

    def __init__(self, app: Flask, name: str | None = None) -> None:
        self.app = app
        self.name = name
        self.client: FlaskClient = app.test_client()
        self.token: tuple[str, str] | None = None
        if name:
            self._sign_in(name)

    def _sign_in(self, name: str) -> None:
        """As the form does, which has tests of its own, without rendering it for each of a thousand people."""
        with self.app.test_request_context("/login") as context:
            user = users.by_login(db.reading(), name)
            assert user, name
            access.sign_in(user.id, user.password_hash or "")
            answer = self.app.process_response(access.hint(Response(), signed_in=True))
        for header in answer.headers.getlist("Set-Cookie"):
            key, _, value = header.partition(";")[0].partition("=")
            self.client.set_cookie(key, value, domain=context.request.host.partition(":")[0])

    def log_in(self, name: str, password: str = PASSWORD, **data: str) -> Response:
        return self.post("/login", form_at="/login", username=name, password=password, **data)

    def get(self, path: str, **kwargs: Any) -> Response:
        return self.client.get(path, **kwargs)

    def csrf_token(self, form_at: str | None = None) -> str:
        """From the form at this address, or from /me; asked anew when the session's cookie is another."""
        if form_at is None:
            cookie = self.client.get_cookie("session", domain="127.0.0.1")
            if self.token is None or cookie is None or self.token[0] != cookie.value:
                token = str(self.get("/me").json["csrf_token"])  # type: ignore[index]
                cookie = self.client.get_cookie("session", domain="127.0.0.1")
                self.token = (cookie.value if cookie else "", token)
            return self.token[1]
        found = _CSRF.search(self.get(form_at).text)
        assert found, f"no form at {form_at}"
        return unescape(found[1])

    def post(self, path: str, form_at: str | None = None, **data: Any) -> Response:
        """Send a form with its CSRF token."""
        return self.client.post(path, data={"csrf_token": self.csrf_token(form_at), **data})

    def write_post(self, **data: Any) -> int:
        """Publish a post by the form; its id."""
        fields = {"title": "The derby", "body": "Kick-off at eight.", "action": "publish"} | data
        answer = self.post("/desk/new", **fields)
        assert answer.status_code == 302, answer.text
        return int(re.search(r"/post/(\d+)", answer.location)[1])  # type: ignore[index]

    def add_update(self, post_id: int, body: str = "Goal!", **data: Any) -> int:
        answer = self.post(f"/post/{post_id}/updates", body=body, **data)
        assert answer.status_code == 302, answer.text
        return int(urlsplit(answer.location).fragment.removeprefix("update-"))

    def comment(self, post_id: int, body: str = "Well said.", **data: Any) -> int:
        answer = self.post(f"/post/{post_id}/comments", body=body, **data)
        assert answer.status_code == 302, answer.text
        return int(urlsplit(answer.location).fragment.removeprefix("comment-"))


def is_signed_in(person: Person) -> bool:
    return bool(person.get("/me").json["signed_in"])


def id_of(app: Flask, name: str) -> int:
    with app.app_context():
        return users.by_name(db.reading(), name).id


def draft(person: Person, **data: str) -> int:
    """Save a draft by the form; its id."""
    fields = {"title": "The derby", "body": "Kick-off at eight.", "action": "draft"} | data
    answer = person.post("/desk/new", **fields)
    assert answer.status_code == 302, answer.text
    found = re.fullmatch(r"/desk/post/(\d+)", answer.location)
    assert found, answer.location
    return int(found[1])


def value_of(page: str, name: str) -> str:
    """What stands in a form's field."""
    box = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\r?\n?(.*?)</textarea>', page, re.DOTALL)
    line = re.search(rf'<input(?=[^>]* name="{name}")[^>]* value="([^"]*)"', page)
    found = box or line
    assert found, f"no field {name}"
    return unescape(found[1])
