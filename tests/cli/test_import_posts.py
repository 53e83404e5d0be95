"""`pressroom import`: what becomes of files, and what is left out with a reason."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, update

from support import blogs
from support.archives import content
from support.checkout import CHECKOUT, SAMPLES
from support.commands import done, failed
from support.persons import Person
from webapp import changes, db
from webapp.content import importing, posts
from webapp.models import ImportedFile, Post, User
from webapp.people import users
from webapp.text.render import render_post

FILES = [*SAMPLES.glob("*.md"), *(CHECKOUT.parent / "shared" / "samples").glob("*.md")]


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    def run(*paths: Path | str, author: str | None = "ada", undated: bool = True) -> Result:
        options = ["--author", author] if author else []
        options += ["--publish-undated"] if undated else []
        return app.test_cli_runner().invoke(args=["import", *map(str, paths), *options])

    return run


def test_imported_posts_are_published_at_their_time(
    folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    (folder / "new.md").write_text("---\ntitle: The newer\ndate: 2026-03-01\ntags: Local Elections\n---\nOne *word*.")
    (folder / "old.md").write_text("---\ntitle: The older\ndate: 2001-02-03 04:05\nsummary: In short.\n---\nTwo.")
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert "2 published, 0 drafts, 0 updated, 0 already there." in result.stdout
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
    refused = failed(run(folder, author=None))
    assert refused == "Error: Several accounts may write: ada, admin, bob, edith, root. Choose one with --author."
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


def said(result: Result) -> str:
    """The line of counts."""
    return done(result).splitlines()[0]


def test_importing_again_makes_nothing_twice(folder: Path, run: Callable[..., Result], anonymous: Person) -> None:
    (folder / "a.md").write_text("# One\n\nText.")
    (folder / "copy.md").write_text("# One\n\nText.")
    assert said(run(folder)) == "1 published, 0 drafts, 0 updated, 1 already there."
    assert said(run(folder)) == "0 published, 0 drafts, 0 updated, 2 already there."
    (folder / "a.md").rename(folder / "moved.md")
    assert said(run(folder)) == "0 published, 0 drafts, 0 updated, 2 already there."
    (folder / "copy.md").unlink()
    assert said(run(folder)) == "0 published, 0 drafts, 0 updated, 1 already there."
    (folder / "moved.md").write_text("# One\n\nThe text was changed in the file.")
    assert said(run(folder)) == "0 published, 0 drafts, 1 updated, 0 already there.", "it is known by its new path"
    (folder / "b.md").write_text("# Two\n\nText.")
    assert said(run(folder)) == "1 published, 0 drafts, 0 updated, 1 already there."
    folder.rename(folder.with_name("elsewhere"))
    assert said(run(folder.with_name("elsewhere"))).endswith("2 already there.")
    assert anonymous.get("/").text.count("<article") == 2


@pytest.mark.parametrize("other", ["date: 2020-01-02\n", "date: 2020-01-01\nlanguage: de\n"])
def test_the_same_text_of_another_day_or_language_is_another_post(
    folder: Path, run: Callable[..., Result], other: str
) -> None:
    (folder / "a.md").write_text("---\ntitle: Tides\ndate: 2020-01-01\n---\nHigh at nine.")
    (folder / "b.md").write_text(f"---\ntitle: Tides\n{other}---\nHigh at nine.")
    assert said(run(folder)) == "2 published, 0 drafts, 0 updated, 0 already there."
    assert said(run(folder)).endswith("2 already there.")


def test_a_file_of_the_same_name_in_another_blog_is_another_post(folder: Path, run: Callable[..., Result]) -> None:
    for number, name in enumerate(("one", "two")):
        (folder / name).mkdir()
        (folder / name / "about.md").write_text(f"---\ntitle: About {name}\ndate: 2020-01-0{number + 1}\n---\n{name}.")
        assert said(run(folder / name)).startswith("1 published")
    for name in ("one", "two"):
        assert said(run(folder / name)).endswith("1 already there.")


def test_a_changed_file_updates_its_post(
    folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    head = "---\ntitle: Tides\ndate: 2020-01-0{}\ntags: [{}]\n---\n"
    (folder / "a.md").write_text(head.format(1, "Sea") + "High at nine.")
    run(folder)
    (folder / "a.md").write_text(head.format(1, "Moon") + "High at ten.")
    assert said(run(folder)) == "0 published, 0 drafts, 1 updated, 0 already there."
    page = anonymous.get("/post/1").text
    assert "High at ten." in page
    assert "/tag/moon" in page
    assert "/tag/sea" not in page
    assert "High at nine." in ada.get("/desk/post/1/revisions").text
    (folder / "a.md").write_text(head.format(2, "Moon") + "High at ten.")
    assert said(run(folder)) == "0 published, 0 drafts, 1 updated, 0 already there."
    assert 'datetime="2020-01-02' in anonymous.get("/").text
    (folder / "a.md").write_text("---\ntitle: Tides\ndate: 2020-01-02\ndraft: true\n---\nNot for readers.")
    run(folder)
    assert anonymous.get("/post/1").status_code == 404, "what is restricted by now is not shown"
    (folder / "a.md").write_text("---\ntitle: Tides\ndate: 2020-01-02\n---\nFor readers again.")
    run(folder)
    assert "For readers again." in anonymous.get("/post/1").text


def test_what_the_last_release_imported_is_known(
    folder: Path, run: Callable[..., Result], app: Flask, anonymous: Person
) -> None:
    """By its whole path. What it read as text, or published against its file's word, is mended."""
    texts = {"same.md": "# One\n\nText.", "wrong.md": "Its header.", "draft.md": "Secret.", "edited.md": "Edited."}
    with app.app_context(), changes.changing() as session:
        author = users.by_name(session, "ada")
        for name, text in texts.items():
            body = text.removeprefix("# One\n\n")
            title = "One" if name == "same.md" else name.removesuffix(".md")
            writing = posts.Writing(title, body, render_post(body), tags=["Sea"], language="en")
            post = posts.create(session, [author], writing, actor_id=author.id)
            post.source = str((folder / name).resolve())
            posts.publish(session, post.id, 1_600_000_000_000)
            if name == "edited.md":
                session.flush()
                posts.edit(session, post.id, [author], replace(writing, title="By hand"), version=1, actor_id=author.id)
    head = "---\ndate: 2020-09-13T12:26:40Z\ntags: Sea\n{}---\n"
    for name, more in {
        "same.md": "",
        "wrong.md": "title: Right\n",
        "draft.md": "draft: true\n",
        "edited.md": "",
    }.items():
        (folder / name).write_text(head.format(more) + texts[name])
    assert said(run(folder)) == "0 published, 0 drafts, 2 updated, 1 already there."
    front = anonymous.get("/").text
    assert "Right" in front
    assert "draft" not in front
    assert "By hand" in front
    assert said(run(folder)).endswith("4 already there.") is False
    assert said(run(folder)) == "0 published, 0 drafts, 0 updated, 3 already there."


def test_what_somebody_changed_or_unpublished_here_stays_so(
    folder: Path, run: Callable[..., Result], ada: Person
) -> None:
    (folder / "a.md").write_text("# One\n\nText.")
    run(folder)
    ada.post("/desk/post/1", title="Changed", body="Here.", action="publish", comments="open")
    ada.post("/desk/post/1/unpublish")
    assert said(run(folder)).endswith("1 already there.")
    (folder / "a.md").write_text("# One\n\nAnother text.")
    result = run(folder)
    assert said(result) == "0 published, 0 drafts, 0 updated, 0 already there."
    assert "1 file left out, as the post was changed on the site: a.md" in result.stdout
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


def test_what_is_not_for_readers_becomes_a_draft_and_is_named(
    folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    (folder / "a.md").write_text("---\ndate: 2020-01-01\n---\n# Good\n\nText.")
    (folder / "b.md").write_text("+++\ntitle = 'Secret plan'\ndate = 2019-05-06\ndraft = true\n+++\nNot yet.")
    (folder / "c.md").write_text("# Secret and undated\n\nText.")
    (folder / "d.md").write_text("---\ntitle: Secret future\ndate: 2999-01-01\n---\nText.")
    result = run(folder, undated=False)
    assert said(result) == "1 published, 3 drafts, 0 updated, 0 already there."
    for line in ("1 draft (draft: true): b.md", "1 draft (no date): c.md", "is to come): d.md"):
        assert line in result.stdout
    assert "Secret" not in anonymous.get("/").text
    assert anonymous.get("/search?q=secret").text.count("<article") == 0
    desk = ada.get("/desk").text
    assert "2019-05-06" in desk
    assert "No date" in desk
    for post_id in (2, 3, 4):
        ada.post("/desk/publish", post=[str(post_id)])
    assert 'datetime="2019-05-06' in anonymous.get("/post/2").text, "its date was kept"
    assert 'datetime="2999' not in anonymous.get("/post/4").text


def test_undated_files_are_published_by_a_second_import(
    folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    for name in ("a", "b", "c", "d"):
        (folder / f"{name}.md").write_text(f"# Title {name}\n\nText.")
    (folder / "e.md").write_text("---\ndraft: true\n---\nText.")
    assert said(run(folder, undated=False)) == "0 published, 5 drafts, 0 updated, 0 already there."
    ada.post("/desk/post/2", title="By hand", body="Text.", action="draft")
    ada.post("/desk/publish", post=["3"])
    result = run(folder)
    assert said(result) == "2 published, 0 drafts, 0 updated, 2 already there."
    assert "1 file left out, as the post was changed on the site: b.md" in result.stdout
    assert [anonymous.get(f"/post/{n}").status_code for n in range(1, 6)] == [200, 404, 200, 200, 404]
    assert "2 posts taken back, 0 left" in done(run("--undo", "2"))
    assert [anonymous.get(f"/post/{n}").status_code for n in range(1, 6)] == [404, 404, 200, 404, 404]


def test_files_are_dated_by_their_last_change(folder: Path, run: Callable[..., Result], anonymous: Person) -> None:
    (folder / "a.md").write_text("# One\n\nText.")
    os.utime(folder / "a.md", (1_600_000_000, 1_600_000_000))
    assert said(run(folder, "--date-from=mtime", undated=False)).startswith("1 published")
    assert 'datetime="2020-09-13T12:26:40' in anonymous.get("/").text


def test_authors_who_have_an_account_are_named(folder: Path, run: Callable[..., Result], anonymous: Person) -> None:
    people = {"a.md": "Bob", "b.md": "Jane Doe", "c.md": "[eve, bob]", "d.md": "edith"}
    for name, author in people.items():
        (folder / name).write_text(f"---\ndate: 2020-01-01\ntitle: By {author}\nauthor: {author}\n---\nText {name}.")
    result = run(folder)
    assert "2 authors without an account: Jane Doe (1), eve (1)" in result.stdout
    assert "By Bob" in anonymous.get("/user/bob").text
    assert "By edith" in anonymous.get("/user/edith").text
    assert "By Jane Doe" in anonymous.get("/user/ada").text
    assert "By" not in anonymous.get("/user/eve").text, "a reader writes no posts"


def test_old_addresses_lead_to_the_post(
    folder: Path, run: Callable[..., Result], ada: Person, edith: Person, anonymous: Person
) -> None:
    (folder / "a.md").write_text(
        "---\ndate: 2020-01-01\ntitle: A\npermalink: /2020/café/\naliases: [/post/a, /tag/a, /desk/x.html]\n---\nText."
    )
    (folder / "b.md").write_text("---\ndate: 2020-01-01\ntitle: B\naliases: [/2020/café, /login, /]\n---\nText.")
    assert "1 old address not redirected, as another post has it: /2020/café" in done(run(folder))
    for path in ("/2020/café", "/2020/caf%C3%A9/?utm=1", "/2020/café/index.html", "/post/a", "/tag/a", "/desk/x.html"):
        answer = anonymous.get(path)
        assert (answer.status_code, answer.location) == (301, "/post/1"), path
    assert anonymous.client.head("/post/a").status_code == 301
    assert anonymous.get("/login").status_code == 200
    assert anonymous.post("/2020/café", form_at="/login").status_code == 404
    ada.post("/desk/post/1/unpublish")
    assert anonymous.get("/post/a").status_code == 404, "nobody is told of what isn't public"
    edith.post("/desk/post/1/delete")
    assert anonymous.get("/post/a").status_code == 404


def test_links_between_imported_files_lead_to_their_posts(
    folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    (folder / "sub").mkdir()
    (folder / "a.md").write_text(
        "---\ndate: 2020-01-01\n---\n# A\n\n[b](sub/b.md#part) [itself](./a.md) {% post_url 2020-01-02-c %}\n\n"
        "`[b](sub/b.md)` [gone](gone.md) [web](https://example.org/b.md) [top](#top)\n\n```\n[b](sub/b.md)\n```\n"
    )
    (folder / "sub" / "b.md").write_text("---\ndate: 2020-01-01\n---\n# B\n\n[a](../a.md), [also][1]\n\n[1]: ../a/")
    (folder / "2020-01-02-c.md").write_text("# C\n\n<a href='a.md'>a</a>")
    result = run(folder)
    assert said(result).startswith("3 published")
    ids = {title: n for n in (1, 2, 3) for title in "ABC" if f"<title>{title} " in anonymous.get(f"/post/{n}").text}
    a, b, c = (anonymous.get(f"/post/{ids[title]}").text for title in "ABC")
    assert f'href="/post/{ids["B"]}#part"' in a
    assert f'href="/post/{ids["A"]}"' in a
    assert f"/post/{ids['C']}" in a
    assert len(re.findall(r"<code[^>]*>\[b\]\(sub/b.md\)\s*</code>", a)) == 2, "code stays code"
    assert b.count(f'href="/post/{ids["A"]}"') == 2
    assert f'href="/post/{ids["A"]}"' in c
    assert "Links to files that weren’t imported: 1 in 1 file, such as gone.md in a.md" in result.stdout
    assert said(run(folder)).endswith("3 already there.")


def test_a_dry_run_says_all_and_writes_nothing(folder: Path, run: Callable[..., Result], app: Flask) -> None:
    blogs.write(folder, "jekyll", 40)
    (folder / "bad.md").write_text("---\ntitle: [\n---\n")
    before = content(app.config["INSTANCE"] / "pressroom.db")
    dry = run(folder, "--dry-run", undated=False)
    assert content(app.config["INSTANCE"] / "pressroom.db") == before
    wet = run(folder, undated=False)
    first, *rest = dry.stdout.splitlines()
    assert first == "Dry run: this is what an import would do."
    assert rest == [line for line in wet.stdout.splitlines() if not line.startswith("This was import 1.")]
    assert dry.stderr.splitlines()[-2:] == wet.stderr.splitlines()[-2:]


def test_the_cases_are_read_as_their_list_says(run: Callable[..., Result], app: Flask, anonymous: Person) -> None:
    cases = CHECKOUT.parent / "shared" / "cases" / "import"
    if not cases.is_dir():
        pytest.skip("the cases stand beside the checkout")
    said = run(cases, undated=False)
    assert set(re.findall("Not imported: .*/(.*?): ", said.stderr)) == {"unclosed.md", "date-us.md"}
    with app.app_context():
        rows = db.reading().execute(select(ImportedFile.path, Post).join(Post)).all()
        found = {Path(path).name if "bundle" not in path else path: post for path, post in rows}
        tags = {post.title: {tag.name for tag in post.tags} for post in found.values()}
    assert {name for name, post in found.items() if post.status == "draft"} == {
        "draft-true.md", "published-false.md", "idea.md", "future.md", "toml.md", "json.md", "hr-start.md",
        "list-yaml.md",
    }  # fmt: skip
    at = {
        post.title: datetime.fromtimestamp((post.published_at or 0) / 1000, UTC).isoformat()[:16]
        for post in found.values()
    }
    assert at["Harbour opens"] == "2014-03-09T12:00"
    assert at["Colon: inside"] == "2020-01-01T12:00"
    assert at["Capital keys"] == "2012-08-13T12:00"
    assert at['@home with "x"'] == at["Fish & chips – code x"] == at["No"] == "2020-01-02T12:00"
    assert at["t2"] == "2013-11-22T05:00"
    assert at["t4"] == at["t12"] == "2013-11-22T15:00"
    assert at["t1"] == "2020-07-21T12:00"
    assert tags[found["categories.md"].title] == {"Weather", "Ports"}
    assert found["german-guess.md"].language == "de"
    assert found["hr-start.md"].body.startswith("---")
    assert "- a" in found["list-yaml.md"].body
    assert "Images that weren’t found: 2 in 1 file, such as map.png in bundle/index.md" in said.stdout
    assert anonymous.get("/2020/01/my-slug/").location == anonymous.get("/old").location != ""


def test_one_bad_file_does_not_stop_the_others(folder: Path, run: Callable[..., Result], anonymous: Person) -> None:
    (folder / "a.md").write_text("# Good\n\nText.")
    (folder / "bad.md").write_text("---\ntitle: [\n---\n")
    (folder / "worse.md").write_bytes(b"\xff\xfe")
    (folder / "z.md").write_text("# Good too\n\nText.")
    result = run(folder)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "2 published, 0 drafts, 0 updated, 0 already there." in result.stdout
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
    source = importing.read(importing.File(path, path.name), importing.Options(UTC))
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
    assert said(run(path)).endswith("1 already there.")


def test_our_own_sample_is_here() -> None:
    assert SAMPLES / "guide.zh.md" in FILES
