"""Who may do what: every route, method and role, and what strangers learn of what isn't theirs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from support.apps import close, refill, settings_for
from support.checkout import CHECKOUT
from support.persons import PASSWORD, Person, draft, id_of
from support.photos import photo, send
from webapp import create_app, db
from webapp.models import Post, Revision
from webapp.people import sessions, users
from webapp.system import instance

TABLE = CHECKOUT / "docs" / "rights.md"
NEVER = 999_999
# By the table's columns. The last three wrote the post together with its author.
ROLES = {
    "not logged in": None,
    "reader": "eve",
    "another author": "bob",
    "its author": "ada",
    "editor": "edith",
    "admin": "root",
    "disabled": "dis",
    "deleted": "del",
    "session ended": "end",
}
GONE = ("disabled", "deleted", "session ended")
# One of them is right for every form.
FIELDS = {
    "title": "A title", "body": "A text.", "note": "A note.", "name": "a-page", "username": "another", "email": "",
    "password": PASSWORD, "new_password": "a password of my own", "role": "reader", "comments": "slow",
    "action": "draft", "language": "en", "size": "9",
}  # fmt: skip


@dataclass
class World:
    app: Flask
    template: Path
    people: dict[str, Person]
    tokens: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)

    def ask(self, role: str, method: str, path: str) -> TestResponse:
        """What the role is answered; whatever it changed is undone afterwards."""
        known = self.people[role].client
        client = self.app.test_client()
        for name in ("session", "signed_in"):
            if cookie := known.get_cookie(name, domain="127.0.0.1"):
                client.set_cookie(name, cookie.value, domain="127.0.0.1")
        data = FIELDS | {"csrf_token": self.tokens[role], "submission": str(uuid4())} if method == "POST" else None
        answer = client.open(path, method=method, data=data)
        answer.get_data()
        answer.close()
        if method == "POST" and answer.status_code < 400:
            refill(self.app.config["INSTANCE"], self.template)
        return answer


@pytest.fixture(scope="module")
def world(template_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("rights") / "instance"
    instance.prepare(folder)
    refill(folder, template_instance)
    app = create_app(settings_for(folder, LIMITS="off", REGISTRATION="open"))
    with app.app_context(), db.writing() as session:
        known = users.by_name(session, "ada").password_hash
        for name in ("dis", "del", "end"):
            users.create(session, name, None, known, "author")
    people = {role: Person(app, name) for role, name in ROLES.items()}
    tokens = {role: person.csrf_token(None if person.name else "/login") for role, person in people.items()}
    made = World(app, folder.parent / "template", people, tokens)
    _fill(made)
    with app.app_context(), db.writing() as session:
        users.disable(session, id_of(app, "dis"), True)
        users.remove(session, id_of(app, "del"))
        sessions.end_sessions(session, id_of(app, "end"))
    instance.prepare(made.template)
    refill(made.template, folder)
    yield made
    close(app)


def _fill(world: World) -> None:
    ada, eve, root = (world.people[role] for role in ("its author", "reader", "admin"))
    authors = {"authors": "ada, dis, del, end"}
    posts = {}
    for name in ("public", "unpublished"):
        posts[name] = ada.write_post(live="y", tags="ferries", comments="open", **authors)
        n = ada.add_update(posts[name], "One.")
        ada.post(f"/desk/post/{posts[name]}/update/{n}/edit", body="Two.")
        comment = eve.comment(posts[name])
    ada.post(f"/desk/post/{posts['unpublished']}/unpublish")
    posts["draft"] = draft(ada, **authors)
    root.post("/desk/about/new", form_at="/desk/about/new", name="imprint", title="Imprint", body="We.")
    picture, replaced = (send(ada, photo(seed=seed)).json["name"] for seed in (1, 2))
    ada.post(f"/desk/media/{replaced}/replace", by=picture)
    invitation = re.search(r"/invite/([^\"]+)", root.post("/desk/people/invite", role="reader").text)
    reset = re.search(r"/password/([^\"]+)", root.post(f"/desk/people/{id_of(world.app, 'eve')}/password-link").text)
    assert invitation
    assert reset
    with world.app.app_context():
        session = db.reading()
        revisions = {revision.item_id: revision.id for revision in session.scalars(select(Revision))}
        token = session.get_one(Post, posts["draft"]).draft_token
        world.values = {
            "posts": posts, "n": n, "comment": comment, "revision_id": min(revisions.values()), "number": 1,
            "user_id": users.by_name(session, "eve").id, "username": "ada", "tag": "ferries", "kind": "atom",
            "part": "post", "place": "rss", "item": "post", "when": 1.5, "mark": "none", "filename": "favicon.svg",
            "upload": uuid4(), "offset": 0, "picture": picture, "replaced": replaced, "width": 640, "ending": "jpg",
            "token": token, "invited": invitation[1], "new_password": reset[1],
        }  # fmt: skip


def routes(app: Flask) -> list[tuple[str, Rule]]:
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    return [(method, rule) for rule in rules for method in ("GET", "POST") if method in (rule.methods or ())]


def path_of(world: World, rule: Rule, post: str = "public") -> str:
    values: dict[str, Any] = {}
    endpoint = rule.endpoint.partition(".")[2]
    for name in rule.arguments:
        if name == "post_id":
            values[name] = world.values["posts"].get(post, NEVER)
        elif name == "n":
            values[name] = world.values["comment" if "comment" in endpoint else "n"]
        elif name == "token":
            values[name] = world.values.get(endpoint, world.values["token"])
        elif name == "name":
            picture = "replaced" if endpoint == "restore_picture" else "picture"
            values[name] = world.values[picture] if "/media/<string" in rule.rule else "imprint"
        elif name not in (rule.defaults or {}):
            values[name] = world.values[name]
    built = rule.build(values)
    assert built, rule
    return built[1]


def cell(answer: TestResponse) -> str:
    status = answer.status_code
    if status == 401 or (status == 302 and answer.location.startswith("/login?next=")):
        return "log in"
    return {403: "no"}.get(status, "yes" if status < 400 else str(status))


@pytest.mark.slow
def test_the_table_says_who_may_what(world: World) -> None:
    found = [
        [f"`{method} {rule.rule.replace('|', chr(92) + '|')}`"]
        + [cell(world.ask(role, method, path_of(world, rule))) for role in ROLES]
        for method, rule in routes(world.app)
    ]
    for row in found:
        assert row[-3:] == [row[1]] * 3, f"{row[0]}: whose account or session is gone is a stranger"
    text = TABLE.read_text("utf-8")
    head, *rows = [line for line in text.partition("Made by")[2].splitlines() if line.startswith("|")]
    lines = ["| " + " | ".join(row[: -len(GONE)] + row[-1:]) + " |" for row in found]
    if os.environ.get("RIGHTS") == "write":  # make rights
        begin = text.partition(head)[0]
        TABLE.write_text("\n".join([begin + head, rows[0], *lines, ""]), "utf-8")
    assert [cell.strip() for cell in head.split("|")[2:-1]] == [*list(ROLES)[: -len(GONE)], ", ".join(GONE)]
    assert TABLE.read_text("utf-8").splitlines()[-len(lines) :] == lines


def told(answer: TestResponse) -> tuple[int, str, str]:
    """The answer without what was asked for."""
    if answer.mimetype == "text/event-stream":
        return answer.status_code, "", re.sub(r"\d+", "N", answer.text)
    words = re.sub(r"\d{6}|/post/\d+|%2Fpost%2F\d+", "N", answer.text)
    words = re.sub(r'name="csrf_token" value="[^"]*"|[0-9a-f]{16}', "", words)
    return answer.status_code, re.sub(r"\d+", "N", answer.location or ""), words


@pytest.mark.parametrize("role", [*list(ROLES)[:3], *GONE])
def test_others_learn_nothing_of_what_is_not_public(world: World, role: str) -> None:
    """A draft of somebody else, a post that was taken back, and a number that never was are answered alike."""
    for method, rule in routes(world.app):
        if "<int:post_id>" in rule.rule:
            asked = ("draft", "unpublished", "never")
            draft, taken_back, never = (told(world.ask(role, method, path_of(world, rule, post))) for post in asked)
            assert draft == never, f"{method} {rule.rule}"
            if role == "reader" and rule.endpoint == "community.delete_comment":
                continue  # it is their own comment
            assert taken_back == never, f"{method} {rule.rule}"
