"""`pressroom import`: what becomes of files, and what is left out with a reason."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, update

from support.checkout import CHECKOUT, SAMPLES
from support.commands import done, failed
from support.persons import Person
from webapp import db
from webapp.content import importing
from webapp.models import Post, User

FILES = [*SAMPLES.glob("*.md"), *(CHECKOUT.parent / "shared" / "samples").glob("*.md")]


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    def run(*paths: Path, author: str | None = "ada") -> Result:
        options = ["--author", author] if author else []
        return app.test_cli_runner().invoke(args=["import", *map(str, paths), *options])

    return run


def test_imported_posts_are_published_at_their_time(
    folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    (folder / "new.md").write_text("---\ntitle: The newer\ndate: 2026-03-01\ntags: Local Elections\n---\nOne *word*.")
    (folder / "old.md").write_text("---\ntitle: The older\ndate: 2001-02-03 04:05\nsummary: In short.\n---\nTwo.")
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert "2 imported, 0 already there." in result.stdout
    front = anonymous.get("/").text
    assert front.index("The newer") < front.index("The older")
    assert "In short." in front
    assert 'datetime="2001-02-03T04:05:00+00:00"' in front
    tag = anonymous.get("/tag/local-elections").text
    assert "The newer" in tag
    assert "The older" not in tag
    assert "The newer" in anonymous.get("/search?q=word").text
    assert "/user/ada" in anonymous.get("/post/1").text


def test_without_an_author_it_takes_the_only_one(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    (folder / "a.md").write_text("# One\n\nText.")
    said = failed(run(folder, author=None))
    assert said == "Error: Several accounts may write: ada, admin, bob, edith, root. Choose one with --author."
    for name in ("ada", "admin", "bob", "edith"):
        done(app.test_cli_runner().invoke(args=["user", "disable", name]))
    done(run(folder, author=None))
    assert "/user/root" in anonymous.get("/post/1").text


def test_without_anyone_who_may_write_it_says_how_to_create_one(
    app: Flask, folder: Path, run: Callable[..., Result]
) -> None:
    (folder / "a.md").write_text("# One\n\nText.")
    with app.app_context(), db.writing() as session:
        session.execute(update(User).values(role="reader"))
    assert "user create NAME --role author" in failed(run(folder, author=None))


def test_importing_again_makes_nothing_twice(folder: Path, run: Callable[..., Result], anonymous: Person) -> None:
    (folder / "a.md").write_text("# One\n\nText.")
    (folder / "copy.md").write_text("# One\n\nText.")
    assert "1 imported, 1 already there." in run(folder).stdout
    assert "0 imported, 2 already there." in run(folder).stdout
    (folder / "a.md").write_text("# One\n\nThe text was changed in the file.")
    assert "0 imported, 2 already there." in run(folder).stdout
    (folder / "a.md").rename(folder / "moved.md")
    (folder / "copy.md").rename(folder / "moved-too.md")
    (folder / "moved.md").write_text("# One\n\nText.")
    assert "0 imported, 2 already there." in run(folder).stdout
    (folder / "b.md").write_text("# Two\n\nText.")
    assert "1 imported, 2 already there." in run(folder).stdout
    assert anonymous.get("/").text.count("<article") == 2


def test_what_somebody_changed_or_unpublished_here_stays_so(
    folder: Path, run: Callable[..., Result], ada: Person
) -> None:
    (folder / "a.md").write_text("# One\n\nText.")
    run(folder)
    ada.post("/desk/post/1", title="Changed", body="Here.", action="publish", comments="open")
    ada.post("/desk/post/1/unpublish")
    assert "0 imported, 1 already there." in run(folder).stdout
    assert not re.search("(One|Changed)</a>", ada.get("/").text)
    assert ada.get("/post/1").status_code == 404


def test_another_author_does_not_tell_when_it_was_imported(
    folder: Path, run: Callable[..., Result], edith: Person, anonymous: Person
) -> None:
    (folder / "a.md").write_text("---\ndate: 2020-01-01\n---\n# One\n\nText.")
    run(folder)
    fields = {"title": "One", "body": "Text.", "authors": "bob", "version": "1", "action": "publish"}
    assert edith.post("/desk/post/1", **fields).status_code == 302
    page = anonymous.get("/post/1").text
    assert "/user/bob" in page
    assert "Published" in page
    assert "Changed" not in page
    edith.post("/desk/post/1", **fields | {"body": "Another text.", "version": "2"})
    assert "Changed" in anonymous.get("/post/1").text


def test_what_is_not_for_readers_is_left_out_and_named(
    folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    (folder / "a.md").write_text("# Good\n\nText.")
    (folder / "b.md").write_text("+++\ntitle = 'Secret plan'\ndraft = true\n+++\nNot yet.")
    result = run(folder)
    done(result)
    assert "1 imported, 0 already there, 1 not for readers.\n" in result.stdout
    assert f"Not for readers: {folder / 'b.md'}: draft: true\n" in result.stdout
    assert "Secret plan" not in anonymous.get("/").text
    assert anonymous.get("/search?q=secret").text.count("<article") == 0


def test_the_cases_are_read_as_their_list_says(run: Callable[..., Result], app: Flask) -> None:
    cases = CHECKOUT.parent / "shared" / "cases" / "import"
    if not cases.is_dir():
        pytest.skip("the cases stand beside the checkout")
    said = run(cases)
    left_out = set(re.findall("Not for readers: .*/(.*?): ", said.stdout))
    assert left_out == {"draft-true.md", "published-false.md", "idea.md", "future.md", "toml.md", "json.md"}
    assert set(re.findall("Not imported: .*/(.*?): ", said.stderr)) == {"unclosed.md", "date-us.md"}
    with app.app_context():
        posts = db.reading().execute(select(Post.title, Post.published_at)).all()
    at = {title: datetime.fromtimestamp((ms or 0) / 1000, UTC).isoformat()[:16] for title, ms in posts}
    assert at["Harbour opens"] == "2014-03-09T12:00"
    assert at["Colon: inside"] == "2020-01-01T12:00"
    assert at["Capital keys"] == "2012-08-13T12:00"
    assert at['@home with "x"'] == at["Fish & chips – code x"] == at["No"] == "2020-01-02T12:00"
    assert at["t2"] == "2013-11-22T05:00"
    assert at["t4"] == at["t12"] == "2013-11-22T15:00"
    assert at["t1"] == "2020-07-21T12:00"


def test_one_bad_file_does_not_stop_the_others(folder: Path, run: Callable[..., Result], anonymous: Person) -> None:
    (folder / "a.md").write_text("# Good\n\nText.")
    (folder / "bad.md").write_text("---\ntitle: [\n---\n")
    (folder / "worse.md").write_bytes(b"\xff\xfe")
    (folder / "z.md").write_text("# Good too\n\nText.")
    result = run(folder)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "2 imported, 0 already there." in result.stdout
    assert f"Not imported: {folder / 'bad.md'}: line 2: invalid YAML" in result.stderr
    assert f"Not imported: {folder / 'worse.md'}: not UTF-8 text" in result.stderr
    front = anonymous.get("/").text
    assert "Good" in front
    assert "Good too" in front


def test_a_name_that_is_no_text_is_left_out(folder: Path, run: Callable[..., Result]) -> None:
    path = os.fsencode(folder) + b"/\xff.md"
    try:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"Text.")
    except OSError:
        pytest.skip("this file system takes no such name")
    result = run(folder)
    assert isinstance(result.exception, SystemExit), result.exception
    assert "the file name isn't UTF-8" in result.stderr


def test_a_folder_without_markdown_says_so(folder: Path, run: Callable[..., Result]) -> None:
    (folder / "notes.txt").write_text("Text.")
    result = run(folder)
    assert result.exit_code == 1
    assert "No Markdown files found" in result.stderr
    assert run(folder / "nowhere").exit_code == 2


def test_html_of_imported_files_is_cleaned(folder: Path, run: Callable[..., Result], anonymous: Person) -> None:
    (folder / "a.md").write_text(
        "---\ntitle: <b>Bold</b>\nsummary: <i>x</i>\ntags: [<u>]\n---\n"
        "<script>alert(1)</script><p onclick=alert(1)>Kept.</p>\n\n[link](javascript:alert(1))"
    )
    assert run(folder).exit_code == 0
    page = anonymous.get("/post/1").text
    assert "Kept." in page
    for bad in ("alert(1)</script>", "onclick", 'href="javascript:', "<b>Bold", "<i>x"):
        assert bad not in page, bad


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_sample_guides_become_posts(path: Path, run: Callable[..., Result], anonymous: Person) -> None:
    source = importing.read(path, UTC)
    assert source.writing.language == "zh"
    result = run(path)
    assert result.exit_code == 0, result.output
    page = anonymous.get("/post/1").text
    assert source.writing.title in page
    assert 'lang="zh' in page
    assert "<table" in page
    assert "<pre" in page
    for heading in source.writing.rendered.toc:
        assert f'id="{heading.id}"' in page
    assert "0 imported, 1 already there." in run(path).stdout


def test_our_own_sample_is_here() -> None:
    assert SAMPLES / "guide.zh.md" in FILES
