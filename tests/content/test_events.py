"""Events: every visible change writes its own, numbered 1, 2, 3 … without a gap, whoever writes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from support.persons import Happened, Person, happened
from webapp import changes
from webapp.content import events, fragments, posts
from webapp.db.engine import snapshot
from webapp.errors import NotFound
from webapp.models import FRONT
from webapp.people import users

WRITERS = 4
EACH = 8

# What another worker does, in a process of its own: it waits for a line, so that all begin at once.
WORKER = """
import sys
from pathlib import Path
from webapp import changes, create_app
from webapp.content import updates
folder, post_id, author_id, count = Path(sys.argv[1]), *map(int, sys.argv[2:5])
app = create_app({"INSTANCE": folder, "DATABASE_URL": sys.argv[5]})
print("ready", flush=True)
sys.stdin.readline()
with app.app_context():
    for number in range(count):
        with changes.changing() as session:
            updates.add(session, post_id, author_id, f"Number {number}.", f"<p>Number {number}.</p>")
"""


def kinds(app: Flask, post_id: int, after: int = 0) -> list[str]:
    return [event.kind for event in happened(app, post_id)[after:]]


def data(event: Happened) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(event.payload)
    return loaded


def gapless(app: Flask, post_id: int) -> bool:
    numbers = [event.seq for event in happened(app, post_id)]
    return numbers == list(range(1, len(numbers) + 1))


# Every verb writes its event


@pytest.mark.parametrize(
    ("act", "on_post", "on_front"),
    [
        (lambda a, p, u, c: a.post(f"/desk/post/{p}", title="New", live="y", action="publish"), ["post"], ["card"]),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/unpublish"), ["gone"], ["remove"]),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/end"), ["post"], ["card"]),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}", live="", action="publish"), ["post"], ["card"]),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/comments", comments="closed"), ["comments"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/comments", comments="open"), [], []),
        (
            lambda a, p, u, c: a.post(f"/desk/post/{p}", title="New", live="y", comments="slow", action="publish"),
            ["post", "comments"],
            ["card"],
        ),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}", live="y", language="fr", action="publish"), ["reload"], ["card"]),
        (lambda a, p, u, c: a.add_update(p), ["update"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/edit", body="New"), ["update"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/correct", body="New", note="N"), ["update"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/pin"), ["update"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/key"), ["update"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/withdraw"), ["remove"], []),
        (lambda a, p, u, c: a.comment(p), ["comment"], []),
        (lambda a, p, u, c: a.post(f"/post/{p}/comment/{c}/delete"), ["remove"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/comment/{c}/withdraw"), ["remove"], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/draft-link"), [], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}", title="New", action="preview"), [], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/restore"), [], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/unpin"), [], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/not-key"), [], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/update/{u}/edit", body="Goal!"), [], []),
        (lambda a, p, u, c: a.post(f"/desk/post/{p}/comment/{c}/restore"), [], []),
    ],
)
def test_a_visible_change_writes_its_event_and_nothing_else_does(
    app: Flask, ada: Person, act: Callable[..., Any], on_post: list[str], on_front: list[str]
) -> None:
    post_id = ada.write_post(live="y")
    n, comment = ada.add_update(post_id), ada.comment(post_id)
    assert kinds(app, post_id) == ["post", "update", "comment"]
    assert kinds(app, FRONT) == ["card"]
    act(ada, post_id, n, comment)
    assert kinds(app, post_id, after=3) == on_post
    assert kinds(app, FRONT, after=1) == on_front
    assert gapless(app, post_id)
    assert gapless(app, FRONT)


def test_publishing_and_bringing_back_write_events_and_drafts_write_none(app: Flask, ada: Person) -> None:
    ada.post("/desk/new", title="A draft", action="draft")
    ada.post("/desk/post/1", title="A draft, changed", action="draft")
    assert kinds(app, 1) == kinds(app, FRONT) == []
    ada.post("/desk/post/1", title="A post", action="publish")
    ada.post("/desk/post/1/unpublish")
    ada.post("/desk/post/1", title="Changed meanwhile", action="draft")
    ada.post("/desk/post/1", title="A post again", action="publish")
    assert kinds(app, 1) == ["post", "gone", "post"]
    assert kinds(app, FRONT) == ["card", "remove", "card"]


def test_what_is_restored_comes_back_as_its_own_event(app: Flask, ada: Person, eve: Person) -> None:
    post_id = ada.write_post(live="y")
    n, comment = ada.add_update(post_id), eve.comment(post_id)
    for url in (f"/desk/post/{post_id}/update/{n}", f"/desk/post/{post_id}/comment/{comment}"):
        ada.post(f"{url}/withdraw")
        ada.post(f"{url}/restore")
    *_, removed, restored = happened(app, post_id)
    assert kinds(app, post_id, after=3) == ["remove", "update", "remove", "comment"]
    assert removed.payload == "", "what came after says it all"
    assert data(restored)["id"] == f"comment-{comment}"


def test_pinning_another_update_tells_of_both(app: Flask, ada: Person) -> None:
    post_id = ada.write_post(live="y")
    first, second = ada.add_update(post_id), ada.add_update(post_id)
    ada.post(f"/desk/post/{post_id}/update/{first}/pin")
    ada.post(f"/desk/post/{post_id}/update/{second}/pin")
    unpinned, pinned = happened(app, post_id)[-2:]
    assert data(unpinned)["id"] == f"update-{first}"
    assert "update--pinned" not in data(unpinned)["html"]
    assert data(pinned)["id"] == f"update-{second}"
    assert "update--pinned" in data(pinned)["html"]


def test_a_withdrawn_update_is_edited_without_an_event(app: Flask, ada: Person) -> None:
    post_id = ada.write_post(live="y")
    n = ada.add_update(post_id, "Rumour.")
    ada.post(f"/desk/post/{post_id}/update/{n}/withdraw")
    before = happened(app, post_id)
    ada.post(f"/desk/post/{post_id}/update/{n}/edit", body="Another rumour.")
    assert happened(app, post_id) == before


def test_a_new_name_tells_every_page_that_shows_it(app: Flask, ada: Person, bob: Person) -> None:
    written, commented, untouched = ada.write_post(), bob.write_post(), bob.write_post()
    ada.comment(commented)
    with app.app_context(), changes.changing() as session:
        users.rename(session, users.by_name(session, "ada").id, "countess", None)
    assert kinds(app, written)[-1] == kinds(app, commented)[-1] == kinds(app, FRONT)[-1] == "reload"
    assert "reload" not in kinds(app, untouched)


# What an event says


def test_every_payload_is_the_pages_own_markup(app: Flask, ada: Person, eve: Person, anonymous: Person) -> None:
    post_id = ada.write_post(
        title="Derby & <co>", summary="“Quoted” & <b>", tags="football, 足球", live="y", language="ar",
        body="# One\n\n## Two\n\n## Three\n\n`code`\n\n```python\nprint('<hi>')\n```", authors="ada, bob",
    )  # fmt: skip
    n = ada.add_update(post_id, "*Goal* by <b>Ten</b> & co\n\n| a | b |\n|---|---|\n| 1 | 2 |", title="1 < 2", key="y")
    ada.post(f"/desk/post/{post_id}/update/{n}/correct", title="1 < 2", body="By *Nine*.", note="Not <Ten>.")
    ada.post(f"/desk/post/{post_id}/update/{n}/pin")
    other = ada.add_update(post_id, "没有空格的一句话。\n第二行。")
    comment = eve.comment(post_id, "Well **said** <script>")
    ada.post(f"/desk/post/{post_id}", title="Derby & <co>, day 2", live="y", action="publish")
    last = {data(event)["id"]: data(event) for event in happened(app, post_id) if event.payload}
    assert last.keys() == {f"post-{post_id}", f"update-{n}", f"update-{other}", f"comment-{comment}"}
    page = anonymous.get(f"/post/{post_id}").text
    for item, payload in last.items():
        assert f'id="{item}"' in payload["html"]
        assert payload["html"] in page, item
        assert payload["at"] > 1_700_000_000_000, "milliseconds"
    assert last[f"update-{n}"]["html"] in anonymous.get(f"/post/{post_id}/update/{n}").text
    assert last[f"update-{n}"]["html"] in anonymous.get(f"/post/{post_id}/updates/1").text

    card = data(happened(app, FRONT)[-1])
    assert card["id"] == f"post-{post_id}"
    assert card["html"] in anonymous.get("/").text


def test_the_page_says_the_number_of_the_last_event_that_it_contains(
    app: Flask, ada: Person, anonymous: Person
) -> None:
    post_id = ada.write_post(live="y")
    for change in (lambda: ada.add_update(post_id), lambda: ada.comment(post_id)):
        page = anonymous.get(f"/post/{post_id}").text
        assert f'data-post="{post_id}" data-epoch="1" data-seq="{len(happened(app, post_id))}"' in page
        change()
        assert f'data-seq="{len(happened(app, post_id))}"' in anonymous.get(f"/post/{post_id}").text


def test_what_was_corrected_or_withdrawn_is_in_no_earlier_event(app: Flask, ada: Person, eve: Person) -> None:
    post_id = ada.write_post(live="y", body="Libel in the post.")
    n, comment = ada.add_update(post_id, "Libel in the update."), eve.comment(post_id, "Libel in the comment.")
    untouched = ada.add_update(post_id, "The plain truth.")

    def told() -> str:
        return " ".join(event.payload for event in happened(app, post_id))

    for what in ("post", "update", "comment"):
        assert f"Libel in the {what}." in told()
    ada.post(f"/desk/post/{post_id}", title="The derby", body="Mended.", live="y", action="publish")
    ada.post(f"/desk/post/{post_id}/update/{n}/correct", body="Corrected.", note="It was wrong.")
    eve.post(f"/post/{post_id}/comment/{comment}/delete")
    assert "Libel in the post" not in told()
    assert "Libel in the comment" not in told()
    assert "Libel in the update" in told(), "in the history of the corrected one"
    for kept in ("Mended.", "Corrected.", "The plain truth."):
        assert kept in told()
    ada.post(f"/desk/post/{post_id}/update/{n}/withdraw")
    assert "Corrected." not in told()
    assert "Libel" not in told()
    empty = [event.seq for event in happened(app, post_id) if not event.payload]
    assert empty == [1, n, comment, 6]
    assert untouched not in empty
    assert gapless(app, post_id)


def test_an_event_of_one_post_empties_none_of_another(app: Flask, ada: Person) -> None:
    first, second = ada.write_post(title="One", live="y"), ada.write_post(title="Two", live="y")
    n = ada.add_update(first, "Of the first.")
    assert ada.add_update(second, "Of the second.") == n
    ada.post(f"/desk/post/{first}/update/{n}/withdraw")
    assert "Of the second." in happened(app, second)[-1].payload


def test_a_change_of_more_than_8_kb_only_says_reload(app: Flask, ada: Person) -> None:
    post_id = ada.write_post(live="y")
    ada.add_update(post_id, "字" * 2000)
    n = ada.add_update(post_id, "字" * 3000)
    fits, large = happened(app, post_id)[-2:]
    assert (fits.kind, large.kind, large.payload) == ("update", "reload", "{}")
    assert all(len(event.payload.encode()) <= 8 * 1024 for event in happened(app, post_id))
    ada.post(f"/desk/post/{post_id}/update/{n}/edit", body="Short.")
    assert "Short." in happened(app, post_id)[-1].payload
    assert happened(app, post_id)[-2].payload == ""


# Numbers without a gap


@pytest.mark.parametrize("path", ["updates", "comments"])
def test_a_change_that_fails_leaves_no_number_behind(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    post_id = ada.write_post(live="y")
    with monkeypatch.context() as patch:
        patch.setattr(fragments, "fragment", lambda *_args, **_values: 1 / 0)
        assert ada.post(f"/post/{post_id}/{path}", body="Never seen.").status_code == 500
    assert kinds(app, post_id) == ["post"]
    assert "Never seen." not in ada.get(f"/post/{post_id}").text
    assert ada.post(f"/post/{post_id}/{path}", body="Seen.").status_code == 302
    assert kinds(app, post_id) == ["post", path.removesuffix("s")]
    assert gapless(app, post_id)


def test_what_is_refused_leaves_no_number_behind(app: Flask, ada: Person, bob: Person) -> None:
    post_id = ada.write_post(live="y", comments="closed")
    n = ada.add_update(post_id)
    ada.post(f"/desk/post/{post_id}/update/{n}/edit", body="Second.", version="1")
    before = happened(app, post_id)
    assert ada.post(f"/desk/post/{post_id}/update/{n}/edit", body="Third.", version="1").status_code == 409
    assert bob.post(f"/post/{post_id}/comments", body="Closed.").status_code == 409
    assert bob.post(f"/post/{post_id}/updates", body="Not mine.").status_code == 403
    assert happened(app, post_id) == before
    ada.add_update(post_id)
    assert gapless(app, post_id)


def test_the_same_submission_twice_takes_one_number(app: Flask, ada: Person) -> None:
    post_id = ada.write_post(live="y")
    for _ in range(2):
        ada.add_update(post_id, submission="00000000-0000-4000-8000-000000000001")
        ada.comment(post_id, submission="00000000-0000-4000-8000-000000000001")
    assert kinds(app, post_id) == ["post", "update", "comment"]


def test_no_post_has_no_next_number(app: Flask) -> None:
    with app.app_context(), changes.changing() as session, pytest.raises(events.NotFound):
        events.next_number(session, 999)


def test_threads_that_write_to_one_post_at_once_share_its_numbers(app: Flask, ada: Person, eve: Person) -> None:
    app.config["LIMITS"] = "off"
    post_id = ada.write_post(live="y")
    tokens = {person.name: person.csrf_token() for person in (ada, eve)}
    begin = Barrier(WRITERS)

    def write(number: int) -> list[int]:
        person, path = [(ada, "updates"), (eve, "comments")][number % 2]
        client = app.test_client()
        cookie = person.client.get_cookie("session", domain="127.0.0.1")
        assert cookie
        client.set_cookie("session", cookie.value, domain="127.0.0.1")
        begin.wait()
        fields = {"csrf_token": tokens[person.name], "body": f"Of writer {number}."}
        return [client.post(f"/post/{post_id}/{path}", data=fields).status_code for _ in range(EACH)]

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = [status for one in pool.map(write, range(WRITERS)) for status in one]
    assert answers == [302] * WRITERS * EACH
    assert len(happened(app, post_id)) == 1 + WRITERS * EACH
    assert gapless(app, post_id)
    assert ada.get(f"/post/{post_id}").text.count('<article class="update') == WRITERS * EACH // 2


def test_processes_that_write_to_one_post_at_once_share_its_numbers(app: Flask, ada: Person) -> None:
    post_id = ada.write_post(live="y")
    with app.app_context(), snapshot(app.extensions["engine"]) as session:
        author_id = users.by_name(session, "ada").id
    args = [sys.executable, "-c", WORKER, str(app.config["INSTANCE"]), str(post_id), str(author_id), str(EACH)]
    args.append(app.config["DATABASE_URL"])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    worker = subprocess.Popen(args, text=True, **pipes)
    assert worker.stdin
    assert worker.stdout
    assert worker.stdout.readline() == "ready\n"
    worker.stdin.write("\n")
    worker.stdin.flush()
    mine = [ada.add_update(post_id, f"Mine {number}.") for number in range(EACH)]
    _said, complained = worker.communicate(timeout=60)
    assert worker.returncode == 0, complained
    assert len(happened(app, post_id)) == 1 + 2 * EACH
    assert gapless(app, post_id)
    assert mine == sorted(mine)
    said = [data(event)["html"] for event in happened(app, post_id)[1:]]
    assert [number for number in mine if "Mine" not in said[number - 2]] == []
    page = ada.get(f"/post/{post_id}").text
    assert f'data-seq="{1 + 2 * EACH}"' in page
    assert page.count('<article class="update') == 2 * EACH


def test_posts_published_at_once_share_the_front_pages_numbers(app: Flask, ada: Person) -> None:
    ids = []
    for number in range(WRITERS):
        ada.post("/desk/new", title=f"Post {number}", action="draft")
        ids.append(number + 1)
    begin = Barrier(WRITERS)

    def publish(post_id: int) -> None:
        with app.app_context():
            begin.wait()
            with changes.changing() as session:
                posts.publish(session, post_id)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(publish, ids))
    assert kinds(app, FRONT) == ["card"] * WRITERS
    assert gapless(app, FRONT)
    assert sorted(data(event)["id"] for event in happened(app, FRONT)) == [f"post-{post_id}" for post_id in ids]


def payloads(app: Flask, post_id: int) -> str:
    return "".join(event.payload for event in happened(app, post_id))


def test_a_reload_forgets_what_the_page_said_before(app: Flask, ada: Person) -> None:
    post_id = ada.write_post(body="LIBEL")
    assert "LIBEL" in payloads(app, post_id)
    ada.post(f"/desk/post/{post_id}", title="The derby", body="Clean.", comments="closed", action="publish")
    assert "LIBEL" not in payloads(app, post_id)


def test_a_deleted_accounts_name_is_in_no_event(app: Flask, ada: Person, eve: Person) -> None:
    post_id = ada.write_post()
    eve.comment(post_id)
    assert "/user/eve" in payloads(app, post_id)
    with app.app_context(), changes.changing() as session:
        users.remove(session, users.by_name(session, "eve").id)
    assert "/user/eve" not in payloads(app, post_id)


def test_a_post_is_locked_once_in_a_transaction_and_not_when_it_is_gone(app: Flask, ada: Person) -> None:
    post_id = ada.write_post()
    asked: list[str] = []
    with app.app_context(), changes.changing() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *said: asked.append(said[2]))
        assert posts.locked(session, post_id) is posts.locked(session, post_id)
        assert len([statement for statement in asked if "FROM post" in statement]) == 1
        posts.erase(session, post_id)
        with pytest.raises(NotFound):
            posts.locked(session, post_id)
