"""What a stranger tries: writes without rights or token, odd values, large bodies, other methods and headers."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.wrappers import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support.apps import refill
from support.live_post import Clock
from support.persons import PASSWORD, Person
from support.photos import photo, send
from webapp import changes
from webapp.content import search
from webapp.db import engine
from webapp.models import Revision
from webapp.people import users

ONCE = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")
ONCE += ("Permissions-Policy", "Cache-Control", "Content-Type")
DOMAIN = "127.0.0.1"
ALL_METHODS = ("GET", "POST", "PUT", "DELETE", "FOO")

PHOTO = "a file, which `filled` opens"

# Every POST of the site: whose it is, who is a stranger to it, its address on `site`, and what makes it succeed.
EVERYBODY: dict[str, tuple[str, dict[str, str]]] = {
    "accounts.login": ("/login", {"username": "ada", "password": PASSWORD}),
    "accounts.register": ("/register", {"username": "newcomer", "password": PASSWORD}),
    "accounts.invited": ("/invite/{invitation}", {"username": "newcomer", "password": PASSWORD}),
    "accounts.new_password": ("/password/{password}", {"password": PASSWORD * 2}),
}
OWN: dict[str, tuple[str, dict[str, str]]] = {
    "accounts.logout": ("/logout", {}),
    "accounts.settings": ("/settings", {"username": "ada2", "email": "", "password": PASSWORD}),
    "accounts.change_password": ("/settings/password", {"password": PASSWORD, "new_password": PASSWORD * 2}),
    "accounts.end_other_sessions": ("/settings/sessions/end", {}),
    "accounts.delete_account": ("/settings/delete", {"password": PASSWORD}),
    "community.add_comment": ("/post/{post}/comments", {"body": "New."}),
}
ADAS = ("ada", ("eve", "bob"))
EVES = ("eve", ("bob", "ada", "edith"))
EDITORS = ("edith", ("eve", "ada"))
ADMINS = ("root", ("eve", "ada", "edith"))
RIGHTS: dict[str, tuple[tuple[str, tuple[str, ...]], str, dict[str, str]]] = {
    "desk.new": (("ada", ("eve",)), "/desk/new", {"title": "New", "action": "publish"}),
    "desk.publish_drafts": (ADAS, "/desk/publish", {"post": "{draft}"}),
    "desk.edit": (ADAS, "/desk/post/{post}", {"title": "Changed", "action": "publish"}),
    "desk.unpublish": (ADAS, "/desk/post/{post}/unpublish", {}),
    "desk.end": (ADAS, "/desk/post/{post}/end", {}),
    "desk.keep_live": (ADAS, "/desk/post/{post}/keep-live", {}),
    "desk.switch_comments": (ADAS, "/desk/post/{post}/comments", {"comments": "closed"}),
    "desk.delete": (ADAS, "/desk/post/{draft}/delete", {}),
    "desk.new_draft_link": (ADAS, "/desk/post/{draft}/draft-link", {}),
    "desk.erase_older_text": (ADAS, "/desk/post/{post}/revisions/{revision}/erase", {}),
    "desk.add_update": (ADAS, "/post/{post}/updates", {"body": "New."}),
    "desk.edit_update": (ADAS, "/desk/post/{post}/update/{update}/edit", {"body": "Changed."}),
    "desk.correct_update": (ADAS, "/desk/post/{post}/update/{update}/correct", {"body": "Changed.", "note": "Why"}),
    "desk.withdraw_update": (ADAS, "/desk/post/{post}/update/{update}/withdraw", {}),
    "desk.restore_update": (ADAS, "/desk/post/{post}/update/{withdrawn}/restore", {}),
    "desk.pin_update": (ADAS, "/desk/post/{post}/update/{update}/pin", {}),
    "desk.unpin_update": (ADAS, "/desk/post/{post}/update/{pinned}/unpin", {}),
    "desk.mark_key": (ADAS, "/desk/post/{post}/update/{update}/key", {}),
    "desk.unmark_key": (ADAS, "/desk/post/{post}/update/{pinned}/not-key", {}),
    "desk.editing_update": (ADAS, "/desk/post/{post}/update/{update}/editing", {}),
    "desk.preview": (("ada", ("eve",)), "/desk/preview/update", {"body": "New."}),
    "desk.withdraw_comment": (ADAS, "/desk/post/{post}/comment/{comment}/withdraw", {}),
    "desk.restore_comment": (ADAS, "/desk/post/{post}/comment/{rude}/restore", {}),
    "community.delete_comment": (EVES, "/post/{post}/comment/{comment}/delete", {}),
    "desk.new_about": (EDITORS, "/desk/about/new", {"name": "new", "title": "New", "body": "New."}),
    "desk.edit_about": (EDITORS, "/desk/about/edit/imprint", {"name": "imprint", "title": "Changed", "body": "New."}),
    "desk.delete_about": (EDITORS, "/desk/about/delete/imprint", {}),
    "desk.upload_piece": (("ada", ("eve",)), "/desk/media/6a2f41a3-c54c-4bb6-8bcb-0f7f4d1f7a01/0", {"size": "9"}),
    "desk.upload_whole": (("ada", ("eve",)), "/desk/media", {"file": PHOTO}),
    "desk.picture": (ADAS, "/desk/media/{picture}", {"alt": "Changed."}),
    "desk.replace_picture": (ADAS, "/desk/media/{picture}/replace", {"file": PHOTO}),
    "desk.restore_picture": (ADAS, "/desk/media/{replaced}/restore", {}),
    "desk.delete_picture": (ADAS, "/desk/media/{picture}/delete", {}),
    "desk.invite": (ADMINS, "/desk/people/invite", {"role": "admin"}),
    "desk.password_link": (ADMINS, "/desk/people/{bob}/password-link", {}),
    "desk.set_role": (ADMINS, "/desk/people/{bob}/role", {"role": "admin"}),
    "desk.disable": (ADMINS, "/desk/people/{bob}/disable", {}),
    "desk.enable": (ADMINS, "/desk/people/{mallory}/enable", {}),
}
WRITE_NOTHING = ("desk.preview", "desk.upload_piece")  # in the database
ADDRESSES = {name: (url, data) for name, (_whose, url, data) in RIGHTS.items()} | EVERYBODY | OWN

# Every page that isn't for everybody, and somebody who may not see it.
PAGES = {
    "accounts.settings": ("/settings", "ada", None),
    "accounts.own_comments": ("/settings/comments", "eve", None),
    "desk.index": ("/desk", "ada", "eve"),
    "desk.new": ("/desk/new", "ada", "eve"),
    "desk.edit": ("/desk/post/{post}", "ada", "bob"),
    "desk.confirm_delete": ("/desk/post/{draft}/delete", "ada", None),
    "desk.live": ("/desk/post/{post}/live", "ada", "bob"),
    "desk.older_texts": ("/desk/post/{post}/revisions", "ada", "bob"),
    "desk.edit_update": ("/desk/post/{post}/update/{update}/edit", "ada", "bob"),
    "desk.correct_update": ("/desk/post/{post}/update/{update}/correct", "ada", "bob"),
    "desk.composer": ("/desk/post/{post}/composer", "ada", "bob"),
    "desk.reached": ("/desk/post/{post}/reached/{update}", "ada", "bob"),
    "desk.night": ("/desk/comments", "ada", "eve"),
    "desk.comments_switch": ("/desk/post/{post}/comments", "ada", "bob"),
    "desk.moderated_comment": ("/desk/post/{post}/comment/{comment}", "ada", "bob"),
    "community.new_comment": ("/post/{post}/comments/new", "eve", None),
    "desk.media": ("/desk/media", "ada", "eve"),
    "desk.picture": ("/desk/media/{picture}", "ada", "eve"),
    "desk.about_pages": ("/desk/about", "edith", "ada"),
    "desk.new_about": ("/desk/about/new", "edith", "ada"),
    "desk.edit_about": ("/desk/about/edit/imprint", "edith", "ada"),
    "desk.everybody": ("/desk/people", "root", "edith"),
}
FOR_WHOEVER_COMES = {"accounts.login", "accounts.register", "accounts.me", "accounts.invited", "accounts.new_password"}
FOR_WHOEVER_COMES |= {"desk.draft"}


class Cast:
    """Everybody, each logged in when first asked for."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.people: dict[str, Person] = {}

    def __getitem__(self, name: str) -> Person:
        if name not in self.people:
            self.people[name] = Person(self.app, None if name == "anonymous" else name)
        return self.people[name]


def filled(data: dict[str, str], site: dict[str, Any]) -> dict[str, Any]:
    return {
        field: (io.BytesIO(photo()), "derby.jpg") if value == PHOTO else value.format(**site)
        for field, value in data.items()
    }


def link_of(page: str) -> str:
    found = re.search(r'id="link"[^>]* value="[^"]*/([^/"]+)"', page)
    assert found
    return found[1]


@dataclass
class Site:
    """A site on which every verb has something to work on: its database, the parts of its addresses, its sessions."""

    folder: Path
    parts: dict[str, Any]
    cookies: dict[str, str]


@pytest.fixture(scope="module")
def prepared(shared_app: Flask, template_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    app, folder = shared_app, shared_app.config["INSTANCE"]
    refill(folder, template_instance)
    cast = Cast(app)
    ada, eve, edith, root = cast["ada"], cast["eve"], cast["edith"], cast["root"]
    post = ada.write_post(live="y")
    ada.post("/desk/new", title="A draft", action="draft")
    parts: dict[str, Any] = {"post": post, "draft": post + 1, "update": ada.add_update(post)}
    parts |= {"withdrawn": ada.add_update(post), "pinned": ada.add_update(post, key="y")}
    parts |= {"comment": eve.comment(post, "Of Eve."), "rude": eve.comment(post, "Rude.")}
    ada.post(f"/desk/post/{post}/update/{parts['withdrawn']}/withdraw")
    ada.post(f"/desk/post/{post}/update/{parts['pinned']}/pin")
    ada.post(f"/desk/post/{post}/update/{parts['pinned']}/edit", body="Two.")
    ada.post(f"/desk/post/{post}/comment/{parts['rude']}/withdraw")
    edith.post("/desk/about/new", name="imprint", title="Imprint", body="Made by us.")
    with app.app_context(), changes.changing() as session:
        parts["bob"] = users.by_name(session, "bob").id
        parts["revision"] = session.scalar(select(Revision.id))
        mallory = users.create(session, "mallory", None, None)
        users.disable(session, mallory.id, True)
        parts["mallory"] = mallory.id
    parts["picture"] = send(ada, photo(seed=2)).json["name"]
    parts["replaced"] = send(ada, photo(seed=3)).json["name"]
    ada.post(f"/desk/media/{parts['replaced']}/replace", by=parts["picture"])
    parts["invitation"] = link_of(root.post("/desk/people/invite", role="reader").text)
    parts["password"] = link_of(root.post(f"/desk/people/{parts['bob']}/password-link").text)
    cookies = {}
    for name in ("ada", "bob", "eve", "edith", "root"):
        cookie = cast[name].client.get_cookie("session", domain=DOMAIN)
        assert cookie
        cookies[name] = cookie.value
    app.extensions["engine"].dispose()
    kept = tmp_path_factory.mktemp("prepared")
    refill(kept, folder)
    return Site(kept, parts, cookies)


@pytest.fixture
def site(app: Flask, prepared: Site) -> dict[str, Any]:
    """The parts of the prepared site's addresses; the site itself is there, too."""
    refill(app.config["INSTANCE"], prepared.folder)
    app.config["REGISTRATION"] = "open"
    return dict(prepared.parts)


@pytest.fixture
def cast(app: Flask, site: dict[str, Any], prepared: Site) -> Cast:
    """Everybody on the prepared site."""
    cast = Cast(app)
    for name, cookie in prepared.cookies.items():
        cast.people[name] = Person(app)
        cast.people[name].name = name
        cast.people[name].client.set_cookie("session", cookie, domain=DOMAIN)
    return cast


def contents(app: Flask) -> list[str]:
    """All that the database holds, apart from the counts of tries."""
    with closing(sqlite3.connect(app.config["INSTANCE"] / "pressroom.db")) as base:
        return [line for line in base.iterdump() if not line.startswith('INSERT INTO "attempt"')]


def posts_of(app: Flask) -> set[str]:
    return {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}


# Who may what


def test_every_route_that_writes_is_tried_here(app: Flask) -> None:
    assert posts_of(app) == ADDRESSES.keys()
    writes = {
        rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or set()) & {"PUT", "PATCH", "DELETE"}
    }
    assert writes == set()


@pytest.mark.parametrize("endpoint", RIGHTS)
def test_no_stranger_writes(app: Flask, cast: Cast, site: dict[str, Any], endpoint: str) -> None:
    (rightful, strangers), url, data = RIGHTS[endpoint]
    url = url.format(**site)
    for name in strangers:
        assert cast[name].csrf_token()
    before = contents(app)
    refused = cast["anonymous"].post(url, form_at="/login", **filled(data, site))
    assert refused.status_code == 401, refused.text
    for name in strangers:
        is_unknown = "{draft}" in str(ADDRESSES[endpoint]) and name == "bob"
        assert cast[name].post(url, **filled(data, site)).status_code == (404 if is_unknown else 403), name
    assert contents(app) == before
    assert cast[rightful].post(url, **filled(data, site)).status_code in (200, 302)
    assert contents(app) != before or endpoint in WRITE_NOTHING


@pytest.mark.parametrize("endpoint", sorted(OWN.keys() - {"accounts.logout"}))
def test_what_is_ones_own_needs_a_login(app: Flask, cast: Cast, site: dict[str, Any], endpoint: str) -> None:
    url, data = OWN[endpoint]
    url = url.format(**site)
    Person(app, "ada")
    before = contents(app)
    assert cast["anonymous"].post(url, form_at="/login", **data).status_code == 401
    assert contents(app) == before
    assert cast["ada"].post(url, **data).status_code == 302
    assert contents(app) != before or endpoint in WRITE_NOTHING


@pytest.mark.parametrize("endpoint", ["accounts.invited", "accounts.new_password"])
def test_a_guessed_link_makes_nothing(app: Flask, cast: Cast, site: dict[str, Any], endpoint: str) -> None:
    url, data = EVERYBODY[endpoint]
    before = contents(app)
    guessed = url.format(invitation=site["password"], password=site["invitation"])
    for wrong in (guessed, url.format(invitation="x", password="x")):
        assert cast["anonymous"].post(wrong, form_at="/login", **data).status_code == 404
    assert contents(app) == before
    assert cast["anonymous"].post(url.format(**site), form_at="/login", **data).status_code == 302


def test_every_page_is_for_everybody_or_tried_here(app: Flask) -> None:
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    public = {
        endpoint
        for endpoint in pages
        if endpoint.startswith(("reader.", "feeds.", "crawlers.", "branding.", "assets.", "live.", "health."))
        or endpoint == "static"
    }
    assert pages - public == PAGES.keys() | FOR_WHOEVER_COMES


@pytest.mark.parametrize("endpoint", PAGES)
def test_no_stranger_sees_a_personal_page(cast: Cast, site: dict[str, Any], endpoint: str) -> None:
    url, rightful, stranger = PAGES[endpoint]
    url = url.format(**site)
    assert cast[rightful].get(url).status_code == 200
    answer = cast["anonymous"].get(url)
    assert (answer.status_code, answer.location) == (302, f"/login?next={url}")
    if stranger:
        assert cast[stranger].get(url).status_code == 403


def test_a_session_that_was_ended_or_forged_is_nobodys(app: Flask, ada: Person) -> None:
    cookie = ada.client.get_cookie("session", domain=DOMAIN)
    assert cookie
    assert ada.get("/desk").status_code == 200
    stolen = app.test_client()
    for value in (cookie.value[:-1], f"x{cookie.value}", "e30.e30.e30", "", "x" * 4000, '{"sid":1}'):
        stolen.set_cookie("session", value, domain=DOMAIN)
        assert stolen.get("/desk").status_code == 302
        assert stolen.get("/me").json["signed_in"] is False  # type: ignore[index]
    stolen.set_cookie("session", cookie.value, domain=DOMAIN)
    assert stolen.get("/desk").status_code == 200
    ada.post("/logout")
    assert stolen.get("/desk").status_code == 302


# CSRF


@pytest.mark.parametrize("endpoint", ADDRESSES)
def test_no_form_of_another_site_writes(app: Flask, cast: Cast, site: dict[str, Any], endpoint: str) -> None:
    url, data = ADDRESSES[endpoint]
    person = cast[RIGHTS[endpoint][0][0]] if endpoint in RIGHTS else cast["ada"]
    other = cast["bob"].csrf_token()
    before = contents(app)
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": other}):
        answer = person.client.post(url.format(**site), data={**filled(data, site), **token})
        assert answer.status_code == 400, token
        assert "form has expired" in answer.text
    assert contents(app) == before
    rightly = {**filled(data, site), "csrf_token": person.csrf_token()}
    assert person.client.post(url.format(**site), data=rightly).status_code != 400


def test_what_was_typed_survives_a_form_that_was_open_for_too_long(ada: Person) -> None:
    answer = ada.client.post("/desk/new", data={"title": "My title", "body": "Hours of <work>", "password": "secret!"})
    assert answer.status_code == 400
    assert "Hours of &lt;work&gt;" in answer.text
    assert "My title" in answer.text
    assert "secret!" not in answer.text


def test_a_token_may_come_in_a_header(ada: Person) -> None:
    fields = {"title": "By a script", "action": "publish"}
    assert ada.client.post("/desk/new", data=fields).status_code == 400
    answer = ada.client.post("/desk/new", data=fields, headers={"X-CSRFToken": ada.csrf_token()})
    assert answer.status_code == 302


def test_forms_work_on_https_without_a_referrer(app: Flask, cast: Cast, site: dict[str, Any]) -> None:
    """The pages of one-time links tell browsers to send none."""
    base, client = "https://127.0.0.1:8000", app.test_client()
    page = client.get(f"/invite/{site['invitation']}", base_url=base)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token
    fields = {"username": "newcomer", "password": PASSWORD, "csrf_token": token[1]}
    assert client.post(f"/invite/{site['invitation']}", base_url=base, data=fields).status_code == 302


# Headers and cookies


def busy(app: Flask, person: Person, url: str) -> Response:
    """The answer while another process holds the database."""
    token = person.csrf_token()
    with closing(sqlite3.connect(app.config["INSTANCE"] / "pressroom.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        return person.client.post(url, data={"csrf_token": token, "body": "Kept <while> busy"})


@pytest.fixture
def answers(app: Flask, ada: Person, eve: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> dict[str, Response]:
    """An answer of every kind."""
    post_id = ada.write_post(live="y")
    n = ada.add_update(post_id)
    ada.post(f"/desk/post/{post_id}/update/{n}/edit", body="Changed.", version="1")
    stale = {"body": "Too late.", "version": "1"}
    with monkeypatch.context() as patch:
        patch.setattr(engine, "WRITE_PATIENCE_SECONDS", 0)
        busy_answer = busy(app, ada, f"/post/{post_id}/comments")
    with monkeypatch.context() as patch:
        patch.setattr(search, "find", lambda *_args: 1 / 0)
        broken = eve.get("/search?q=x")
    for _ in range(5):
        eve.comment(post_id)
    return {
        "200 page": eve.get(f"/post/{post_id}"),
        "200 personal": ada.get("/desk"),
        "200 json": ada.get("/me"),
        "200 text": eve.get("/hello"),
        "200 file": eve.get("/static/css/base.css", buffered=True),
        "200 HEAD": eve.client.head("/"),
        "200 OPTIONS": eve.client.options("/"),
        "301": eve.get("/page/1"),
        "302": ada.post("/login", username="ada", password=PASSWORD),
        "302 to log in": app.test_client().get("/desk"),
        "400": eve.client.post("/logout"),
        "401": app.test_client().post(
            f"/post/{post_id}/comments", data={"body": "x"}
        ),
        "403": eve.get("/desk"),
        "404 page": eve.get("/post/999"),
        "404": eve.get("/nothing"),
        "404 file": eve.get("/static/nothing.css"),
        "405": eve.client.put("/"),
        "409": Person(app, "ada").post(f"/desk/post/{post_id}/update/{n}/edit", **stale),
        "413": eve.client.post("/login", data={"username": "x" * 1_000_001}),
        "429": eve.post(f"/post/{post_id}/comments", body="One more."),
        "500": broken,
        "503": busy_answer,
    }  # fmt: skip


def test_every_kind_of_answer_has_each_security_header_once(answers: dict[str, Response]) -> None:
    for kind, answer in answers.items():
        if kind != "401":  # without a token it is a 400 first; the next test's table has the real one
            assert str(answer.status_code) == kind.split(" ")[0], kind
        for header in ONCE:
            assert len(answer.headers.getlist(header)) == 1, (kind, header)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; "), kind
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers or "ython" not in answer.headers["Server"]


def test_what_is_personal_or_broken_is_stored_nowhere(answers: dict[str, Response]) -> None:
    public = {"200 page", "200 text", "200 file", "200 HEAD", "200 OPTIONS", "301", "404 page", "404 file"}
    for kind, answer in answers.items():
        expected = "no-cache" if kind in public else "no-store"
        if kind not in ("405", "404 file", "200 OPTIONS"):
            assert answer.headers["Cache-Control"] == expected, kind


def test_errors_are_pages_in_the_sites_look(answers: dict[str, Response]) -> None:
    for kind, answer in answers.items():
        if kind[0] in "45" and kind != "409":
            assert 'class="masthead"' in answer.text, kind
            assert f"Error {answer.status_code}" in answer.text
            assert "Traceback" not in answer.text
            assert "ZeroDivision" not in answer.text
    assert "Kept &lt;while&gt; busy" in answers["503"].text
    assert answers["503"].headers["Retry-After"] == "5"
    assert answers["429"].headers["Retry-After"] == "60"
    assert "GET" in answers["405"].headers["Allow"]


@pytest.mark.parametrize("endpoint", PAGES)
def test_a_personal_page_is_stored_nowhere(cast: Cast, site: dict[str, Any], endpoint: str) -> None:
    url, rightful, _stranger = PAGES[endpoint]
    for name in (rightful, "anonymous"):
        answer = cast[name].get(url.format(**site))
        assert answer.headers.getlist("Cache-Control") == ["no-store"], name


def test_pages_hold_no_script_or_style_that_the_policy_forbids(app: Flask, cast: Cast, site: dict[str, Any]) -> None:
    pages = [(name, url.format(**site)) for url, name, _stranger in PAGES.values()]
    pages += [("anonymous", url) for url in ("/", f"/post/{site['post']}", "/login", "/register", "/search?q=goal")]
    for name, url in pages:
        page = cast[name].get(url).text
        assert not re.search(r"<script(?![^>]* src=| type=.application/ld.json.>)", page), url
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), url


def cookies(answer: Response) -> dict[str, set[str]]:
    """The cookies that an answer sets: name and attributes."""
    found = {}
    for line in answer.headers.getlist("Set-Cookie"):
        first, *attributes = line.split("; ")
        found[first.split("=")[0]] = {part.split("=")[0] if part[0] in "EM" else part for part in attributes}
    return found


def log_in(app: Flask, base_url: str, **headers: str) -> Response:
    client = app.test_client()
    page = client.get("/login", base_url=base_url, headers=headers)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token
    fields = {"csrf_token": token[1], "username": "ada", "password": PASSWORD}
    answer = client.post("/login", base_url=base_url, headers=headers, data=fields)
    assert answer.status_code == 302, answer.text
    return answer


def test_the_sessions_cookie_is_out_of_reach_of_scripts_and_other_sites(app: Flask) -> None:
    plain = cookies(log_in(app, "http://127.0.0.1:8000"))
    assert plain["session"] >= {"HttpOnly", "SameSite=Lax", "Path=/"}
    assert "Secure" not in plain["session"], "or nobody could log in on loopback"
    assert plain["signed_in"] >= {"SameSite=Lax", "Path=/"}
    assert "HttpOnly" not in plain["signed_in"], "the page's script reads it"
    secure = cookies(log_in(app, "https://127.0.0.1:8000"))
    assert secure["__Host-session"] >= {"HttpOnly", "SameSite=Lax", "Secure"}
    assert secure["__Host-signed_in"] >= {"SameSite=Lax", "Secure"}


def test_a_proxy_is_believed_about_https_only_when_there_is_one(make_app: Callable[..., Flask]) -> None:
    said = {"X-Forwarded-Proto": "https"}
    for proxies, name in ((0, "session"), (1, "__Host-session")):
        assert name in cookies(log_in(make_app(PROXIES=proxies), "http://127.0.0.1:8000", **said))


# Odd values


@pytest.mark.parametrize("number", ["9" * 40, "9" * 5000, "2147483648", "9223372036854775808", "-1", "0", "1e3", "٩٩"])
def test_odd_numbers_are_not_found(cast: Cast, site: dict[str, Any], number: str) -> None:
    urls = [f"/post/{number}", f"/post/1/update/{number}", f"/page/{number}", f"/user/ada/page/{number}"]
    urls += [f"/post/1/updates/{number}", f"/post/{number}/comments/{number}", f"/desk/post/{number}"]
    for url in urls:
        assert cast["ada"].get(url).status_code in (404, 301), url
    for verb in ("unpublish", "end", "update/{0}/pin", "comment/{0}/withdraw"):
        url = f"/desk/post/{number}/{verb.format(number)}"
        assert cast["edith"].post(url).status_code in (404, 405), url
    assert cast["root"].post(f"/desk/people/{number}/disable").status_code in (404, 405)


def test_a_version_of_forty_digits_is_no_version(ada: Person) -> None:
    post_id = ada.write_post()
    for version in ("9" * 40, "-1", "x", "１", "1.0", "\x00"):
        answer = ada.post(f"/desk/post/{post_id}", title=f"Not {version}", action="publish", version=version)
        assert answer.status_code == 302, version


@pytest.mark.parametrize(
    "target",
    ["/\r\nSet-Cookie: a=b", "\r\n//evil.example", "//[", "///evil.example", "/\\evil.example", "https:evil.example"]
    + ["javascript:alert(1)", "\x00", "/\x00", "/\ud7ff", "/\u2028", "//℀", "/" + "x" * 10_000, "evil.example"],
)
def test_next_splits_no_header_and_leaves_no_site(app: Flask, target: str) -> None:
    person = Person(app)
    assert person.get("/login", query_string={"next": target}).status_code == 200
    answer = person.post("/login", form_at="/login", username="ada", password=PASSWORD, next=target)
    assert answer.status_code == 302
    assert answer.location == "/" or re.fullmatch(r"/[^/\\\s][!-~]*", answer.location)
    assert "a=b" not in str(answer.headers.getlist("Set-Cookie"))
    assert person.get("/me").json["signed_in"] is True  # type: ignore[index]


JSON = ["[" * 100_000, '{"a":' * 100_000, '{"title": 5}', "[1, 2]", "5", '"x"', "null", "{", ""]
JSON += ['{"title": "\\ud800", "action": "draft", "csrf_token": "x"}', '{"title": ["a"], "action": {"b": 1}}']


@pytest.mark.parametrize("url", ["/desk/new", "/login", "/post/1/updates", "/post/1/comments", "/settings"])
def test_forms_take_no_json(ada: Person, url: str) -> None:
    ada.write_post(live="y")
    token = ada.csrf_token()
    for body in JSON:
        answer = ada.client.post(url, data=body, content_type="application/json", headers={"X-CSRFToken": token})
        assert answer.status_code in (400, 413), body[:40]
    assert "card" not in ada.get("/page/2").text


@pytest.mark.parametrize("field", ["title", "body", "tags", "authors", "live", "version", "submission", "action"])
def test_a_file_is_no_text(ada: Person, field: str) -> None:
    file = (io.BytesIO(b"file"), "file.txt")
    data: dict[str, Any] = {"csrf_token": ada.csrf_token(), "title": "A title", "action": "draft"}
    answer = ada.client.post("/desk/new", data=data | {field: file}, content_type="multipart/form-data")
    assert answer.status_code in (302, 400)
    assert ada.client.post("/desk/new", data=data, content_type="multipart/form-data").status_code == 302


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "x",
        "",
        "application/json",
    ]
    + ["multipart/form-data; boundary=" + "x" * 200, "application/x-www-form-urlencoded; charset=utf-7", "\xff"],
)
def test_odd_content_types_write_nothing(ada: Person, content_type: str) -> None:
    body = b"title=Odd&action=publish\r\n--x\r\nContent-Disposition: form-data; name=title\r\n\r\nOdd\r\n"
    headers = {"X-CSRFToken": ada.csrf_token()}
    answer = ada.client.post("/desk/new", data=body, content_type=content_type, headers=headers)
    assert answer.status_code in (302, 400, 413)
    if "urlencoded" not in content_type:
        assert answer.status_code == 400
        assert "Odd" not in ada.get("/").text


@pytest.mark.parametrize(
    ("url", "status"),
    [("/desk/new", 413), ("/post/1/updates", 413), ("/login", 413), ("/nothing", 404), ("/", 405), ("/static/x", 405)],
)
def test_a_body_of_more_than_a_megabyte_is_refused(ada: Person, url: str, status: int) -> None:
    ada.write_post(live="y")
    token = {"X-CSRFToken": ada.csrf_token()}
    part = b'--x\r\nContent-Disposition: form-data; name="body"\r\n\r\n%s\r\n--x--\r\n'
    for kind, body in (("multipart/form-data; boundary=x", part), ("application/x-www-form-urlencoded", b"body=%s")):
        fits = ada.client.post(url, data=body % b"Fits.", content_type=kind, headers=token)
        assert fits.status_code != 413
        answer = ada.client.post(url, data=body % (b"x" * 1_000_001), content_type=kind, headers=token)
        assert answer.status_code == status
        assert 'class="masthead"' in answer.text


def test_a_thousand_fields_are_refused_politely(ada: Person) -> None:
    many = {f"field{i}": "x" for i in range(2_000)}
    answer = ada.client.post("/desk/new", data=many, content_type="multipart/form-data")
    assert answer.status_code == 413
    assert ada.client.post("/desk/new", data=many).status_code in (400, 413)


def test_a_body_that_is_cut_short_is_refused(ada: Person) -> None:
    for url in ("/desk/new", "/nothing", "/"):
        answer = ada.client.post(url, data=b"title=Cut", headers={"Content-Length": "1000"})
        assert answer.status_code in (400, 404, 405), url


ODD_TEXT = st.text(st.sampled_from("\x00\r\n\t \u200b\u202e\ufffd😀é路<>&\"'`*_[]()#|~\\%{}:=-0aA"), max_size=40)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.fixed_dictionaries(dict.fromkeys(("title", "body", "summary", "tags", "language"), ODD_TEXT)))
def test_no_text_breaks_the_form_of_a_post(quick_ada: Person, fields: dict[str, str]) -> None:
    answer = quick_ada.post("/desk/new", **fields, live="y", action="publish")
    assert answer.status_code in (302, 400)
    if answer.status_code == 302:
        assert quick_ada.get(answer.location).status_code == 200
        update = {"title": fields["title"], "body": fields["body"] or "x"}
        assert quick_ada.post(f"{answer.location}/updates", **update).status_code in (302, 400)
        assert quick_ada.get(answer.location).status_code == 200
        assert quick_ada.get("/").status_code == quick_ada.get("/desk").status_code == 200


@pytest.fixture
def quick_ada(ada: Person) -> Person:
    """Ada with one token for all her forms."""
    token = ada.csrf_token()
    ada.csrf_token = lambda form_at=None: token  # type: ignore[method-assign]
    return ada


@pytest.mark.parametrize(
    "url", ["/login", "/desk/new", "/desk/people/invite", "/desk/people/2/role", "/desk/about/new"]
)
@pytest.mark.parametrize(
    "value", ["\x00", "\ud7ff\ufffe", "x" * 50_000, "%00", "{{70009*70009}}", "' OR 1=1 --", "ａｄｍｉｎ"]
)
def test_odd_texts_are_refused_or_taken_and_never_break(cast: Cast, url: str, value: str) -> None:
    names = ("username", "password", "next", "title", "body", "tags", "language", "authors", "comments", "role", "name")
    answer = cast["root"].post(url, **dict.fromkeys(names, value))
    assert answer.status_code in (400, 413, 429)
    assert str(70009 * 70009) not in answer.text


def test_every_address_refuses_every_other_method(app: Flask, cast: Cast, site: dict[str, Any]) -> None:
    site |= {"post_id": site["post"], "n": site["update"], "number": 1, "user_id": site["bob"], "username": "ada"}
    site |= {
        "kind": "atom",
        "part": "post",
        "place": "rss",
        "item": "post",
        "tag": "x",
        "name": "imprint",
        "token": "00000000-0000-4000-8000-000000000001",
        "filename": "css/base.css",
        "when": "1700000000.5",
        "mark": "000000000000",
        "revision_id": site["revision"],
        "upload": "00000000-0000-4000-8000-000000000001",
        "offset": 0,
        "width": 640,
        "ending": "jpg",
    }
    adapter = app.url_map.bind("127.0.0.1:8000")
    before = contents(app)
    for rule in app.url_map.iter_rules():
        names = {"name": site["picture"]} if "length=16" in rule.rule else {}
        url = re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"{\1}", rule.rule).format(**site | names)
        allowed = adapter.allowed_methods(url)
        for method in ALL_METHODS:
            if method not in allowed:
                answer = cast["root"].client.open(url, method=method)
                assert answer.status_code == 405, (method, url)
                assert set(answer.headers["Allow"].split(", ")) == set(allowed)
    assert contents(app) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": ""}, {"Host": "a b"}, {"Host": "x" * 5000}, {"Host": "evil.example:99999"}, {"Host": "[::1"},
        {"Cookie": "session=" + "x" * 8000}, {"Cookie": "=;;;=\xff"}, {"User-Agent": "\xff" * 5000},
        {"If-Modified-Since": "yesterday"}, {"If-None-Match": "*"}, {"Range": "bytes=9-1,x"}, {"Accept": "\xff"},
        {"Transfer-Encoding": "chunked"}, {"Content-Length": "-1"}, {"Content-Length": "x"}, {"Expect": "x"},
        {"X-CSRFToken": "\xff"}, {"Content-Type": "\xff"}, {"Referer": "\xff"}, {"X-Forwarded-For": "," * 1000},
    ],
)  # fmt: skip
def test_odd_headers_break_nothing(app: Flask, ada: Person, headers: dict[str, str]) -> None:
    ada.write_post()
    for url in ("/", "/post/1", "/login", "/static/css/base.css"):
        assert app.test_client().get(url, headers=headers, buffered=True).status_code in (200, 304, 400, 411, 416), url
    assert ada.client.post("/desk/new", data={"title": "x"}, headers=headers).status_code in (302, 400, 411)


def test_assets_may_be_kept_for_ever_under_their_hash_only(app: Flask, anonymous: Person) -> None:
    url = re.search(r'href="(/static/favicon.svg\?v=[0-9a-f]{12})"', anonymous.get("/").text)
    assert url
    assert "max-age=31536000" in anonymous.get(url[1], buffered=True).headers["Cache-Control"]
    assert anonymous.get("/static/favicon.svg", buffered=True).headers["Cache-Control"] == "no-cache"
    for outside in ("/static/../webapp/config.py", "/static/%2e%2e/webapp/config.py", "/static/..%2f..%2fetc/passwd"):
        assert anonymous.get(outside).status_code == 404
