"""Imports as a whole: whole blogs come in, and are taken back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from support import blogs
from support.commands import done, failed
from support.page_store import pages_there, wrong
from support.persons import Person
from webapp import jobs
from webapp.content import importing

MADE = (
    "post",
    "tag",
    "post_tag",
    "post_author",
    "revision",
    "event",
    "imported_file",
    "old_address",
    "update",
    "comment",
)


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    def run(*arguments: object) -> Result:
        author = [] if "--undo" in arguments else ["--author", "ada"]
        return app.test_cli_runner().invoke(args=["import", *map(str, arguments), *author])

    return run


def rows(app: Flask, select: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(app.config["INSTANCE"] / "pressroom.db")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(select)]


def what_is_there(app: Flask) -> dict[str, Any]:
    """All but ids and times of changes: what keeps a number isn't there for anybody."""
    found = {
        table: sorted(map(repr, (row.values() for row in rows(app, f'SELECT * FROM "{table}"'))))  # noqa: S608
        for table in MADE
        if table not in ("post", "event")
    }
    found["post"] = [repr(row) for row in rows(app, "SELECT * FROM post WHERE status NOT IN ('deleted', 'front')")]
    found["event"] = [repr(row) for row in rows(app, "SELECT * FROM event WHERE post_id <> 0")]
    found["search"] = [repr(row) for row in rows(app, "SELECT item, crc FROM search_doc ORDER BY item")]
    found["due"] = [repr(row) for row in rows(app, "SELECT item FROM search_due")]
    with app.app_context():
        there = pages_there(app)
        found["pages"] = {path: re.sub(b'data-seq="[0-9]+"', b"", page.content) for path, page in there.items()}
        assert wrong(app, there) == []
    return found


@pytest.mark.parametrize("style", blogs.STYLES)
def test_a_blog_comes_in_with_all_that_it_says(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person, style: str
) -> None:
    expected = {post.path: post for post in blogs.write(folder, style, 60)}
    done(run(folder))
    found = {
        row["path"]: row
        for row in rows(
            app,
            "SELECT post.*, imported_file.path, imported_file.kept, imported_file.dated_at,"
            " (SELECT group_concat(tag.name, ',') FROM tag JOIN post_tag ON tag_id = tag.id WHERE post_id = post.id)"
            " AS tags, (SELECT group_concat(username) FROM user JOIN post_author ON user_id = user.id"
            " WHERE post_id = post.id) AS authors FROM post JOIN imported_file ON post.id = imported_file.post_id",
        )
    }
    assert found.keys() == expected.keys()
    for path, post in expected.items():
        row = found[path]
        assert row["status"] == ("published" if post.is_public else "draft"), path
        at_ms = int(post.at.timestamp() * 1000) if post.at else None
        assert row["dated_at"] == at_ms, path
        assert row["published_at"] == (at_ms if post.is_public else None)
        assert (row["title"], row["language"]) == (post.title, "en")
        assert set(row["tags"].split(",")) == set(post.tags)
        assert row["summary"].startswith(post.summary[:200])
        assert post.image in row["kept"]
        assert ("Jane Doe" in row["kept"]) == (post.author == "Jane Doe")
        assert row["authors"] == "ada"
        assert "print('ferry')" in row["body"]
        assert anonymous.get(post.addresses[0]).location == (f"/post/{row['id']}" if post.is_public else None)
        assert anonymous.get(f"/post/{row['id']}").status_code == (200 if post.is_public else 404)


def test_taken_back_it_was_never_there(
    app: Flask, folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    ada.write_post(title="Our own", tags="Harbour, Own")
    with app.app_context():
        jobs.index()
    before = what_is_there(app)
    posts = blogs.write(folder, "hexo", 40)
    assert "Take it back: " in done(run(folder))
    assert anonymous.get("/post/5").status_code == 200
    assert what_is_there(app) != before
    assert "40 posts taken back, 0 left as they are." in done(run("--undo", 1))
    assert what_is_there(app) == before
    assert anonymous.get("/post/5").status_code == 410
    assert anonymous.get(posts[0].addresses[0]).status_code == 404
    assert "was undone before. None can be undone." in failed(run("--undo", 1))
    assert "There is no import 7." in failed(run("--undo", 7))
    assert "32 published" in done(run(folder)), "and can come again"
    assert "2 published" in done(run(folder, "--publish-undated")), "those without a date"


def test_what_people_worked_on_since_is_spared(
    folder: Path, run: Callable[..., Result], ada: Person, eve: Person, anonymous: Person
) -> None:
    for name in "abcdefg":
        draft = "draft: true\n" if name in "fg" else ""
        (folder / f"{name}.md").write_text(f"---\ntitle: Title {name}\ndate: 2020-01-01\n{draft}---\nText {name}.")
    done(run(folder))
    ada.post("/desk/post/1", title="Edited", body="By hand.", action="publish")
    ada.post("/desk/post/2", title="Title b", body="Text b.", live="y", action="publish")
    ada.add_update(2)
    eve.comment(3)
    ada.post("/desk/post/4/unpublish")
    ada.post("/desk/publish", post=["6"])
    said = done(run("--undo", 1))
    assert "2 posts taken back, 5 left as they are." in said
    for number, why in ((1, "edited since"), (2, "edited since"), (3, "commented on since"), (4, "unpublished since"),
                        (6, "published since")):  # fmt: skip
        assert f"Left as it is: post {number}: {why}" in said
    assert [anonymous.get(f"/post/{n}").status_code for n in range(1, 8)] == [200, 200, 200, 404, 410, 200, 404]
    assert "Edited" in anonymous.get("/post/1").text


def test_an_update_by_a_file_is_taken_back_to_the_text_before(
    folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    head = "---\ntitle: {}\ndate: 2020-01-0{}\ntags: [{}]\n{}---\n"
    (folder / "a.md").write_text(head.format("First", 1, "Sea", "") + "The first text.")
    done(run(folder))
    (folder / "a.md").write_text(head.format("First", 2, "Moon", "draft: true\n") + "The second text.")
    (folder / "b.md").write_text(head.format("Another", 2, "Moon", "") + "Text.")
    done(run(folder))
    assert anonymous.get("/post/1").status_code == 404
    assert "0 posts taken back, 1 left" in done(run("--undo", 1))
    assert "2 posts taken back, 0 left" in done(run("--undo", 2))
    page = anonymous.get("/post/1").text
    assert "The first text." in page
    assert "/tag/sea" in page
    assert 'datetime="2020-01-01' in page
    assert anonymous.get("/post/2").status_code == 410
    assert "The second text." in ada.get("/desk/post/1/revisions").text
    assert "1 posts taken back, 0 left" in done(run("--undo", 1))
    assert anonymous.get("/post/1").status_code == 410


def test_stopped_it_leaves_whole_posts_and_a_number(
    folder: Path, run: Callable[..., Result], app: Flask, monkeypatch: pytest.MonkeyPatch, anonymous: Person
) -> None:
    for n in range(20):
        (folder / f"{n:02}.md").write_text(f"---\ntitle: Title {n}\ndate: 2020-01-01\n---\n[next]({n + 1:02}.md)")
    read = importing.read

    def stop(file: importing.File, options: importing.Options) -> importing.Source:
        if file.below == "12.md":
            raise KeyboardInterrupt
        return read(file, options)

    monkeypatch.setattr(importing, "read", stop)
    result = run(folder)
    assert "Stopped. The same command imports the rest." in failed(result)
    assert "8 published" in result.stdout
    assert "This was import 1." in result.stdout
    assert 'href="/post/2"' in anonymous.get("/post/1").text
    monkeypatch.setattr(importing, "read", read)
    assert "12 published, 0 drafts, 0 updated, 8 already there." in done(run(folder))
    for number in (1, 2):
        assert ", 0 left" in done(run("--undo", number))
    assert "<article" not in anonymous.get("/").text
