"""Withdrawals for legal reasons: whatever had the words, nothing in the instance's folder has them afterwards."""

from __future__ import annotations

import gzip
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from support import postgresql
from support.live_post import LivePost
from support.persons import Person
from support.photos import photo, send
from webapp import changes, db
from webapp.db import engine
from webapp.models import Post

WORD = "Schmähkritik"
TOKEN = "schmahkritik"  # as the search index has it


@pytest.fixture
def live_post(ada: Person) -> LivePost:
    return LivePost(ada)


def files_with(folder: Path, word: str = WORD) -> list[str]:
    """Names of the files that hold the word, compressed ones too, as `grep -r` and `zgrep` find it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if _holds(path, word.casefold()))


def _holds(path: Path, word: str) -> bool:
    if not path.is_file():
        return False
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    content_text = content.decode(errors="replace").casefold()
    return word in content_text or TOKEN in content_text


def terms(app: Flask) -> list[str]:
    """Of the index; in its file a word's beginning may be the one before's."""
    with closing(sqlite3.connect(app.config["INSTANCE"] / "pressroom.db")) as database:
        database.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, search_index, row)")
        return [term for (term,) in database.execute("SELECT term FROM terms") if TOKEN[:-2] in term]


def dumped(app: Flask) -> str:
    """All that PostgreSQL has."""
    command = [str(postgresql.PROGRAMS / "pg_dump"), "--inserts", f"--dbname={app.config['DATABASE_URL']}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def dead_rows(app: Flask) -> int:
    """Those that nobody can ask for, and that are still in PostgreSQL's files."""
    count = "SELECT sum((pgstattuple(relid)).dead_tuple_count) FROM pg_stat_user_tables"
    with app.extensions["engine"].begin() as connection:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS pgstattuple"))
        return int(connection.scalar(text(count)))


def is_left(app: Flask) -> bool:
    """Where the database keeps for a while what was deleted."""
    if postgresql.IS_USED:
        return dead_rows(app) > 0
    return WORD.encode() in (app.config["INSTANCE"] / "pressroom.db-wal").read_bytes()


def nowhere(app: Flask) -> bool:
    """Whether neither the database nor a backup has it."""
    if postgresql.IS_USED:
        dump = dumped(app)
        return WORD not in dump and TOKEN not in dump and not is_left(app)
    backup = app.config["INSTANCE"].parent / "backup.tar.gz"
    done: Result = app.test_cli_runner().invoke(args=["backup", str(backup)])
    assert done.exit_code == 0, done.output
    backed_up = gzip.decompress(backup.read_bytes())
    backup.unlink()
    return terms(app) == [] and WORD.encode() not in backed_up and TOKEN.encode() not in backed_up


@pytest.fixture
def leaves_nothing(app: Flask) -> Iterator[None]:
    """Before the test it is nowhere, and after it nowhere again; in between it must have been somewhere."""
    folder = app.config["INSTANCE"]
    list(app.extensions["pages"].store.sweep(0))
    assert files_with(folder) == []
    yield
    list(app.extensions["pages"].store.sweep(0))  # what a minute brings
    assert files_with(folder) == []
    assert nowhere(app)


def kept(app: Flask) -> None:
    """It was stored, or the test shows nothing. A copy from before an upgrade has it too."""
    folder = app.config["INSTANCE"]
    (folder / "backups").mkdir(exist_ok=True)
    (folder / "backups" / "pressroom-0002.db").write_text(WORD)
    assert "backups/pressroom-0002.db" in files_with(folder)
    assert WORD in dumped(app) if postgresql.IS_USED else is_left(app)


@pytest.mark.usefixtures("leaves_nothing")
def test_an_update_with_all_that_it_said(app: Flask, anonymous: Person, live_post: LivePost) -> None:
    n = live_post.add(f"Such {WORD}.", title=WORD, key="y")
    live_post.correct(n, f"It was {WORD}, too.", note=f"No {WORD}.")
    live_post.change(n, "edit", body=f"It was {WORD} as well.")
    pages = [*live_post.places(n), f"{live_post.path}/feed.json"]
    for path in pages:
        assert WORD in anonymous.get(path).text, path
    assert "<mark>" in anonymous.get(f"/search?q={WORD}").text
    kept(app)
    live_post.change(n, "withdraw")
    live_post.change(n, "withdraw", reason="legal")
    for path in pages:
        assert WORD not in anonymous.get(path).text, path
    assert "<mark>" not in anonymous.get(f"/search?q={WORD}").text
    for path in (f"/desk{live_post.path}/live", f"/desk{live_post.path}/revisions"):
        assert WORD not in live_post.ada.get(path).text


@pytest.mark.usefixtures("leaves_nothing")
def test_what_an_update_said_before(app: Flask, anonymous: Person, live_post: LivePost) -> None:
    n = live_post.add(f"Such {WORD}.")
    live_post.correct(n, "Nothing of the kind.", note="It wasn’t so.")
    assert WORD in anonymous.get(live_post.path).text
    kept(app)
    erase_first(live_post)
    page = anonymous.get(live_post.path).text
    assert "It wasn’t so." in page, "that it was corrected stays"
    assert "Nothing of the kind." in page
    assert live_post.ada.get(f"/desk{live_post.path}/revisions").text.count("Withdrawn for legal reasons") == 1


@pytest.mark.usefixtures("leaves_nothing")
def test_what_a_post_said_before(app: Flask, anonymous: Person, live_post: LivePost, ada: Person) -> None:
    fields = {"live": "y", "action": "publish"}
    ada.post(f"/desk{live_post.path}", title=f"The {WORD}", summary=WORD, body=WORD, tags=WORD, **fields)
    live_post.add("On we go.")
    then = anonymous.get(f"{live_post.path}/at").location
    ada.post(f"/desk{live_post.path}", title="The derby", summary="", body="Kick-off.", tags="", **fields)
    assert WORD in anonymous.get(then).text
    kept(app)
    while "revisions/" in ada.get(f"/desk{live_post.path}/revisions").text:
        erase_first(live_post)
    page = anonymous.get(then).text
    assert WORD not in page
    assert "Withdrawn for legal reasons" in page
    assert "On we go." in page


def erase_first(live_post: LivePost) -> None:
    page = live_post.ada.get(f"/desk{live_post.path}/revisions").text
    (path, *_) = re.findall(r'action="(/desk/post/\d+/revisions/\d+/erase)"', page)
    assert live_post.ada.post(path).status_code == 302
    assert live_post.ada.post(path).status_code == 409, "once is enough"


@pytest.mark.usefixtures("leaves_nothing")
def test_a_comment(app: Flask, ada: Person, eve: Person, anonymous: Person, live_post: LivePost) -> None:
    n = eve.comment(live_post.id, f"Such {WORD}.")
    assert WORD in anonymous.get(live_post.path).text
    kept(app)
    verb = f"/desk{live_post.path}/comment/{n}"
    assert ada.post(f"{verb}/withdraw").status_code == 302
    assert ada.post(f"{verb}/withdraw", reason="legal").status_code == 302
    assert ada.post(f"{verb}/restore").status_code == 409
    for person, path in ((ada, "/desk/comments"), (ada, f"/desk{live_post.path}/live"), (eve, "/settings/comments")):
        assert WORD not in person.get(path).text


@pytest.mark.usefixtures("leaves_nothing")
def test_a_whole_post(app: Flask, ada: Person, edith: Person, eve: Person, live_post: LivePost) -> None:
    ada.post(f"/desk{live_post.path}", title=WORD, body=WORD, tags=WORD, live="y", action="publish")
    live_post.correct(live_post.add(WORD), f"{WORD}!")
    eve.comment(live_post.id, WORD)
    for path in ("/", live_post.path, f"{live_post.path}/feed.json", "/feed.atom", "/user/ada"):
        assert WORD in eve.get(path).text, path
    kept(app)
    delete = f"/desk{live_post.path}/delete"
    for _state in ("published", "unpublished"):
        assert ada.post(delete).status_code == ada.get(delete).status_code == 403, "readers know it: an editor's matter"
        assert delete not in ada.get(f"/desk{live_post.path}").text
        assert delete in edith.get(f"/desk{live_post.path}").text
        ada.post(f"/desk{live_post.path}/unpublish")
    said = edith.get(delete).text
    for part in ("One live update", "One comment", "2 earlier versions"):
        assert part in said
    assert edith.post(delete).status_code == 302


@pytest.mark.parametrize("path", ["", "/update/1", "/updates/1", "/comments/1", "/feed.atom", "/feed.json", "/at"])
def test_a_deleted_post_is_gone_and_its_number_with_it(
    app: Flask, edith: Person, anonymous: Person, live_post: LivePost, path: str
) -> None:
    ada = live_post.ada
    live_post.add("On we go.")
    assert edith.post(f"/desk{live_post.path}/delete").status_code == 302
    answer = anonymous.get(live_post.path + path)
    assert answer.status_code == 410
    assert "This post was deleted." in answer.text
    assert "event: gone" in anonymous.get(f"{live_post.path}/live?after=0").text
    for person in (ada, edith):
        assert person.get(f"/desk{live_post.path}").status_code == 410
        assert person.post(f"/desk{live_post.path}", title="Anew", action="publish").status_code == 410
        assert person.post(f"/desk{live_post.path}/delete").status_code == 410
    assert ada.write_post() > live_post.id
    with app.app_context():
        row = db.reading().execute(select(Post.__table__).where(Post.id == live_post.id)).mappings().one()
    told = {name for name, value in row.items() if value not in (None, "", 0, False, [])}
    times = {"created_at", "changed_at", "published_at"}
    assert told == {"id", "status", "comments", "seq", "version", *times}, "nothing is left of it"


def test_a_draft_that_was_never_public_is_just_not_there_and_its_number_isnt_given_again(
    ada: Person, anonymous: Person
) -> None:
    draft = ada.write_post(action="draft")
    assert ada.post(f"/desk/post/{draft}/delete").status_code == 302
    assert anonymous.get(f"/post/{draft}").status_code == ada.get(f"/desk/post/{draft}").status_code == 404
    assert ada.write_post(action="draft") > draft


@pytest.mark.parametrize("steps", [({}, {"reason": "legal"}), ({"reason": "legal"},)])
def test_whoever_comes_back_to_the_stream_is_told_to_take_it_away(
    ada: Person, eve: Person, anonymous: Person, live_post: LivePost, steps: tuple[dict[str, str], ...]
) -> None:
    n, comment = live_post.add(f"Such {WORD}."), eve.comment(live_post.id, f"Such {WORD}.")
    for fields in steps:
        live_post.change(n, "withdraw", **fields)
        assert ada.post(f"/desk{live_post.path}/comment/{comment}/withdraw", **fields).status_code == 302
    replay = anonymous.get(f"{live_post.path}/live?after={comment}").text
    for item in (f"update-{n}", f"comment-{comment}"):
        assert f'event: remove\ndata: {{"id": "{item}"}}' in replay


def test_a_reader_who_holds_the_log_doesnt_keep_it(
    app: Flask, live_post: LivePost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still in the log goes as soon as it can."""
    monkeypatch.setattr(engine, "LOG_PATIENCE_SECONDS", 0.0)
    n = live_post.add(f"Such {WORD}.")
    with app.app_context(), engine.snapshot(app.extensions["engine"]) as session:
        session.connection().exec_driver_sql("SELECT * FROM post")
        live_post.change(n, "withdraw", reason="legal")
    assert is_left(app)
    with app.app_context():
        changes.empty_log()
    assert not is_left(app)


def test_a_disk_that_is_full_meanwhile_fails_no_change_and_is_tried_again(
    app: Flask, live_post: LivePost, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OperationalError("PRAGMA wal_checkpoint", None, Exception("database or disk is full"))
    n = live_post.add(f"Such {WORD}.")
    with monkeypatch.context() as patched:
        patched.setattr(engine, "empty_log", Mock(side_effect=full))
        live_post.change(n, "withdraw", reason="legal")
    assert is_left(app)
    with app.app_context():
        changes.empty_log()
    assert not is_left(app)


@pytest.mark.skipif(not postgresql.IS_USED, reason="make test-postgresql runs it")
def test_an_original_leaves_no_row(app: Flask, ada: Person, edith: Person) -> None:
    name = send(ada, photo(seed=3)).json["name"]
    assert edith.post(f"/desk/media/{name}/delete", reason="legal").status_code == 200
    assert not is_left(app)


@pytest.mark.usefixtures("leaves_nothing")
def test_a_backup_that_was_killed(app: Flask, live_post: LivePost) -> None:
    n = live_post.add(f"Such {WORD}.")
    folder = app.config["INSTANCE"] / "tmp" / "backup-killed"
    folder.mkdir()
    (folder / "whole.db").write_text(WORD)
    live_post.change(n, "withdraw", reason="legal")


def test_nobody_erases_what_isnt_theirs(bob: Person, eve: Person, live_post: LivePost) -> None:
    live_post.correct(live_post.add("One."), "Two.")
    page = live_post.ada.get(f"/desk{live_post.path}/revisions").text
    (path,) = re.findall(r'action="(/desk/post/\d+/revisions/\d+/erase)"', page)
    assert [person.post(path).status_code for person in (bob, eve)] == [403, 403]
    other = LivePost(bob)
    assert bob.post(path.replace(live_post.path, other.path)).status_code == 404, "not by the way of one's own post"
    assert live_post.ada.post(path).status_code == 302
