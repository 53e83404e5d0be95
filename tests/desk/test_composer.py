"""What the script of the post's page asks of the desk, without a browser."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch

import pytest
from flask.wrappers import Response

from support.live_post import Clock
from support.persons import Person
from webapp.content import editing
from webapp.desk import composer
from webapp.system.clock import now_ms

JSON = {"Accept": "application/json"}


@pytest.fixture
def post_id(ada: Person) -> int:
    return ada.write_post(live="y")


def ask(person: Person, path: str, **data: Any) -> Response:
    """Send a form as the script does."""
    return person.client.post(path, data={"csrf_token": person.csrf_token(), **data}, headers=JSON)


def test_what_a_script_sends_is_answered_with_what_it_puts_in(ada: Person, post_id: int) -> None:
    made = ask(ada, f"/post/{post_id}/updates", body="It is **dark**.").json
    assert made["id"] in ada.get(f"/post/{post_id}").text
    assert "<strong>dark</strong>" in made["html"]
    there = f"/desk/post/{post_id}/update/{made['id'].removeprefix('update-')}"
    form = ada.get(f"{there}/edit", headers=JSON).json
    assert (form["title"], form["body"], form["version"], form["editing"]) == ("", "It is **dark**.", 1, [])
    assert "dim" in ask(ada, f"{there}/edit", body="It is dim.", version=1).json["html"]
    assert "update--pinned" in ask(ada, f"{there}/pin").json["html"]
    assert "update--key" in ask(ada, f"{there}/key").json["html"]
    assert ask(ada, f"{there}/withdraw").json == {"id": made["id"], "html": None}
    assert "dim" in ask(ada, f"{there}/restore").json["html"]


def test_errors_are_said_in_json_to_a_script(ada: Person, eve: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Two boats.")
    there = f"/desk/post/{post_id}/update/{n}"
    empty = ask(ada, f"/post/{post_id}/updates", body=" ")
    assert empty.status_code == 400
    assert empty.json["errors"] == {"body": "This field is required."} == {"body": empty.json["message"]}
    assert ask(ada, f"{there}/correct", body="Three.", version=1).json["errors"] == {"note": "This field is required."}
    ask(ada, f"{there}/edit", body="Three boats.", version=1)
    conflict = ask(ada, f"{there}/edit", body="Four boats.", version=1)
    assert conflict.status_code == 409
    assert (conflict.json["version"], conflict.json["theirs"]) == (2, {"title": "", "body": "Three boats."})
    assert ask(ada, f"{there}/edit", body="Three boats.", version=1).status_code == 200  # sent again: it is done
    for person, status in ((eve, 403), (anonymous, 401)):
        refused = ask(person, f"/post/{post_id}/updates", body="Mine.")
        assert (refused.status_code, refused.json["status"]) == (status, status) if person is eve else True
        assert refused.json["message"]
    assert ada.client.post(f"/post/{post_id}/updates", data={"body": "No token."}, headers=JSON).json["status"] == 400


def test_only_who_may_write_gets_the_composer_and_previews(
    ada: Person, edith: Person, eve: Person, post_id: int
) -> None:
    assert "Publish update" in ada.get(f"/desk/post/{post_id}/composer").text
    ada.post(f"/desk/post/{post_id}/end")
    ended = edith.get(f"/desk/post/{post_id}/composer").text
    assert "Publish update" not in ended
    assert 'data-act="correct"' in ended
    assert eve.get(f"/desk/post/{post_id}/composer").status_code == 403
    assert ask(ada, "/desk/preview/update", body="*So*").json == {"html": '<p dir="auto"><em>So</em></p>\n'}
    assert ask(ada, "/desk/preview/update?language=ar", body="CNN").json == {"html": '<p dir="rtl">CNN</p>\n'}
    assert ask(eve, "/desk/preview/update", body="*So*").status_code == 403


def test_a_preview_is_bounded_and_clean(ada: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "<script" not in ask(ada, "/desk/preview/post", body="<script>alert(1)</script>So").json["html"]
    assert "h2" in ask(ada, "/desk/preview/post", body="# So").json["html"]
    assert ask(ada, "/desk/preview/update", body="x" * 10_001).json["message"] == "The text is longer than 10 kB."
    long = ask(ada, "/desk/preview/post", body="x" * (composer.PREVIEW_BYTES + 1))
    assert (long.status_code, "Preview button" in long.json["message"]) == (400, True)
    assert ask(ada, "/desk/preview/comment", body="x").status_code == 404
    monkeypatch.setattr(composer._previews, "allowed", 2)
    ada.app.extensions["uses_per_minute"].clear()
    statuses = [ask(ada, "/desk/preview/post", body="x").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_whoever_has_an_update_open_is_seen_for_a_minute(ada: Person, edith: Person, post_id: int) -> None:
    n = ada.add_update(post_id)
    there = f"/desk/post/{post_id}/update/{n}"
    assert "has this update open too" not in ada.get(f"{there}/edit").text
    assert "ada has this update open too." in edith.get(f"{there}/correct").text
    assert ask(ada, f"{there}/editing").json == {"editing": ["edith"]}
    later = now_ms() + editing.OPEN_MS - 5_000
    with patch.object(editing, "now_ms", return_value=later):
        assert ask(ada, f"{there}/editing").json == {"editing": ["edith"]}
    with patch.object(editing, "now_ms", return_value=later + 10_000):
        assert ask(edith, f"{there}/editing").json == {"editing": ["ada"]}
        assert ask(edith, f"{there}/editing", closed="y").json == {"editing": ["ada"]}
        assert ask(ada, f"{there}/edit", body="Saved.", version=1).status_code == 200
        assert ask(edith, f"{there}/editing").json == {"editing": []}


def test_readers_load_nothing_of_the_desk(ada: Person, anonymous: Person, post_id: int) -> None:
    ada.add_update(post_id)
    page = anonymous.get(f"/post/{post_id}").text
    assert f'data-desk="/desk/post/{post_id}/composer"' in page
    assert not re.search(r"composer\.(js|css)|update_tools\.js|outbox\.js|csrf_token", page)
