"""Imports as a whole: whole blogs come in, and are taken back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from support import blogs, postgresql
from support.apps import environ_of
from support.checkout import CHECKOUT
from support.commands import done, failed
from support.page_store import pages_there, wrong
from support.persons import Person
from support.slow import slow_but
from tools.processes import until
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
    with app.extensions["engine"].connect() as connection:
        found = connection.execute(text(select)).mappings()
        return [{name: _as_text(value) for name, value in row.items()} for row in found]


def _as_text(value: Any) -> Any:
    """JSON as SQLite keeps it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


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


@pytest.mark.parametrize("style", slow_but(["hexo"], blogs.STYLES))
def test_a_blog_comes_in_with_all_that_it_says(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person, style: str
) -> None:
    expected = {post.path: post for post in blogs.write(folder, style, 60)}
    done(run(folder))
    names = "string_agg" if postgresql.IS_USED else "group_concat"
    found = {
        row["path"]: row
        for row in rows(
            app,
            f"""SELECT post.*, imported_file.path, imported_file.kept, imported_file.dated_at,
            (SELECT {names}(tag.name, ',') FROM tag JOIN post_tag ON tag_id = tag.id WHERE post_id = post.id) AS tags,
            (SELECT {names}(username, ',') FROM "user" JOIN post_author ON user_id = "user".id
            WHERE post_id = post.id) AS authors
            FROM post JOIN imported_file ON post.id = imported_file.post_id""",  # noqa: S608
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


@pytest.mark.slow
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
        assert re.search(f"Left as it is: post {number}, “.*”: {why}", said)
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
    said = done(run("--undo", 1))
    assert "0 posts taken back, 1 left" in said
    assert "“First”: changed by import 2, which can be undone first" in said
    assert "2 posts taken back, 0 left" in done(run("--undo", 2))
    page = anonymous.get("/post/1").text
    assert "The first text." in page
    assert "/tag/sea" in page
    assert 'datetime="2020-01-01' in page
    assert anonymous.get("/post/2").status_code == 410
    assert "The second text." in ada.get("/desk/post/1/revisions").text
    assert "1 post taken back, 0 left" in done(run("--undo", 1))
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


def test_a_dry_run_of_undoing_changes_nothing(
    app: Flask, folder: Path, run: Callable[..., Result], ada: Person
) -> None:
    blogs.write(folder, "pelican", 8)
    done(run(folder))
    ada.post("/desk/post/1", title="Edited", body="By hand.", action="publish")
    before = what_is_there(app)
    said = done(run("--undo", 1, "--dry-run")).splitlines()
    assert said[0].startswith("Dry run")
    assert what_is_there(app) == before
    assert done(run("--undo", 1)).splitlines() == said[1:]
    refused = run("--undo", 1, folder)
    assert (refused.exit_code, "name no files" in refused.output) == (2, True)


TWINS = {
    "the same day": ("title: Riding a bike\ndate: 2020-01-01", "title: Fahrrad fahren\ndate: 2020-01-01"),
    "the same title": ("title: Blog\ndate: 2020-01-01", "title: Blog\ndate: 2021-01-01"),
    "no date": ("title: Blog", "title: Another"),
}


@pytest.mark.parametrize("twins", TWINS)
@pytest.mark.parametrize("together", [True, False])
def test_files_of_one_name_in_two_folders_are_two_posts(
    folder: Path, run: Callable[..., Result], twins: str, together: bool
) -> None:
    for name, head in zip(("en", "de"), TWINS[twins], strict=True):
        (folder / name).mkdir()
        (folder / name / "bike.md").write_text(f"---\n{head}\n---\nText in {name}.")
    named = [folder / "en", folder / "de"]
    for paths in [named] if together else [named[:1], named[1:]]:
        done(run(*paths, "--publish-undated"))
    assert "2 already there" in done(run(*named))
    (folder / "de" / "bike.md").write_text("---\ntitle: Neu\ndate: 2022-02-02\n---\nAll is changed.")
    assert "1 updated, 1 already there" in done(run(*named)), "by its place"


@pytest.mark.parametrize("by_command", [True, False])
def test_what_was_deleted_on_the_site_stays_deleted(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person, by_command: bool
) -> None:
    edith = Person(app, "edith")
    text = "---\ntitle: Tides\ndate: 2020-01-01\npermalink: /old\n---\nText."
    (folder / "a.md").write_text(text)
    done(run(folder))
    if by_command:
        done(app.test_cli_runner().invoke(args=["post", "delete", "1", "--yes"]))
    else:
        edith.post("/desk/post/1/delete")
    for changed in (text, text.replace("Text", "Another text")):
        (folder / "a.md").write_text(changed)
        said = done(run(folder))
        assert said.startswith("0 published, 0 drafts, 0 updated, 0 already there.")
        assert "1 file left out, as the post was deleted on the site: a.md" in said
    assert "a.md" not in repr(rows(app, "SELECT * FROM imported_file")), "its name may say what was deleted"
    assert anonymous.get("/old").status_code == 404
    assert "was undone before" in failed(run("--undo", 1))
    (folder / "a.md").write_text(text)
    (folder / "a.md").rename(folder / "b.md")
    assert "deleted on the site: b.md" in done(run(folder)), "under another name, too"


def test_a_draft_that_was_published_here_follows_its_file(
    folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    (folder / "a.md").write_text("---\ntitle: A\n---\nText.")
    (folder / "b.md").write_text("---\ntitle: B\ndraft: true\n---\nText.")
    done(run(folder))
    ada.post("/desk/publish", post=["1", "2"])
    (folder / "a.md").write_text("---\ntitle: A\n---\nAnother text.")
    (folder / "b.md").write_text("---\ntitle: B\ndraft: true\n---\nWhat nobody has released.")
    said = done(run(folder))
    assert "1 updated" in said
    assert "1 file left out, as the post was changed on the site: b.md" in said
    assert "Another text." in anonymous.get("/post/1").text
    assert "released" not in anonymous.get("/post/2").text


def test_a_draft_that_is_given_a_date_and_its_name_is_no_other_post(
    folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    (folder / "_drafts").mkdir()
    (folder / "_posts").mkdir()
    (folder / "_drafts" / "someday.md").write_text("---\ntitle: Someday\n---\nText.")
    done(run(folder))
    (folder / "_drafts" / "someday.md").rename(folder / "_posts" / "2022-02-02-someday.md")
    assert "1 published, 0 drafts, 0 updated, 0 already there." in done(run(folder))
    assert 'datetime="2022-02-02' in anonymous.get("/post/1").text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[b]({filename}b.md)", 'href="/post/{b}"'),
        ("[b]({filename}/sub/c.md)", 'href="/post/{c}"'),
        ("[b]({{ site.baseurl }}{% post_url b %})", 'href="/post/{b}"'),
        ("[b]({{ site.url }}/{% link sub/c.md %})", 'href="/post/{c}"'),
        ('[b]({{< ref "b.md" >}})', 'href="/post/{b}"'),
        ("{% post_link b The other %}", 'href="/post/{b}" rel="noopener">The other</a>'),
        ("[[B]] and [[c|this one]]", 'href="/post/{c}" rel="noopener">this one</a>'),
        ("[b](../b/)", 'href="/post/{b}"'),
        ("%%not for readers%%", "<p"),
    ],
)
def test_links_in_the_ways_of_generators_lead_to_posts(
    app: Flask, folder: Path, run: Callable[..., Result], written: str, shown: str
) -> None:
    anonymous = Person(app)
    (folder / "sub").mkdir()
    head = "---\ntitle: {}\ndate: 2020-01-01\n---\n"
    (folder / "a.md").write_text(head.format("A") + f"Text. {written}\n\nAs code: `{written}`")
    (folder / "b.md").write_text(head.format("B") + "Text b.")
    (folder / "sub" / "c.md").write_text(head.format("C") + "Text c.")
    said = done(run(folder))
    ids = {row["title"].lower(): row["id"] for row in rows(app, "SELECT * FROM post WHERE id <> 0")}
    page = anonymous.get(f"/post/{ids['a']}").text
    for place, number in ids.items():
        shown = shown.replace(f"{{{place}}}", str(number))
    assert shown in page
    assert "Wiki links" not in said
    assert "Template tags" not in said
    assert "Links to files" not in said
    assert "Text. %%" not in page
    assert "Text. not for" not in page


def test_the_report_names_what_markdown_does_not_know(folder: Path, run: Callable[..., Result]) -> None:
    things = {
        "Template tags, shown as text": "{% include map.html %}",
        "Components, shown as text or left out": "<Map here />",
        "Formulas, shown as text": "$$x^2$$",
        "Wiki links, shown as text": "[[Nowhere]]",
        "Embeds, left out": "<iframe src=x></iframe>",
        "Images that weren’t found": "![map](map.png)",
        "Links to files that weren’t imported": "[plan](plan.pdf)",
        "Marks of other dialects, shown as text": "==this==",
        "Comments between %%, now hidden": "%%note%%",
    }
    text = "\n\n".join(things.values())
    (folder / "a.md").write_text(f"{text}\n\n```\n{text}\n```\n")
    tags = ", ".join(f"tag{n}" for n in range(11))
    (folder / "b.md").write_text(f"---\ntitle: {'x' * 201}\ntags: [{tags}]\n---\n$5 and $6, 50% of {{x}}")
    said = done(run(folder))
    for kind in things:
        assert f"{kind}: 1 in 1 file, such as " in said, kind
    assert "Posts with more tags than ten, of which the rest is left out: 1 in 1 file, such as tag10 in b.md" in said
    assert "Titles cut at 200 characters: 1 in 1 file" in said


SECRET = "SECRETWORD"


def test_what_a_file_hides_is_in_no_event_and_no_history(
    app: Flask, folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    head = "---\ntitle: {}\ndate: 2020-01-01\n{}---\n{}"
    (folder / "a.md").write_text(head.format("Open", "", "Text."))
    done(run(folder))
    ada.post("/desk/publish")
    (folder / "a.md").write_text(head.format(SECRET, f"draft: true\nsummary: {SECRET}\n", SECRET))
    done(run(folder))
    assert SECRET not in repr(rows(app, "SELECT * FROM event"))
    (folder / "a.md").write_text(head.format("Open again", "", "Another text."))
    assert "1 updated" in done(run(folder))
    assert "Another text." in anonymous.get("/post/1").text
    assert SECRET not in anonymous.get("/post/1/live?after=0").text
    assert SECRET not in repr(rows(app, "SELECT * FROM event"))


def test_a_text_that_is_deleted_for_legal_reasons_keeps_the_post_from_being_restored(
    app: Flask, folder: Path, run: Callable[..., Result], ada: Person, anonymous: Person
) -> None:
    head = "---\ntitle: A\ndate: 2020-01-01\n{}---\n{}"
    (folder / "a.md").write_text(head.format("", "The first text."))
    done(run(folder))
    (folder / "a.md").write_text(head.format("draft: true\n", SECRET))
    done(run(folder))
    (path,) = re.findall(r'action="(/desk/post/1/revisions/\d+/erase)"', ada.get("/desk/post/1/revisions").text)
    ada.post(path)
    assert "1 left as they are.\nLeft as it is: post 1, “A”: its text before is deleted" in done(run("--undo", 2))
    assert anonymous.get("/post/1").status_code == 404


def test_files_may_be_moved_renamed_and_swapped(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    head = "---\ntitle: Title {0}\ndate: 2020-01-01\n---\nText {0}."
    for name in "ab":
        (folder / f"{name}.md").write_text(head.format(name))
    done(run(folder))
    (folder / "b.md").rename(folder / "c.md")
    (folder / "a.md").rename(folder / "b.md")
    assert "2 already there" in done(run(folder))
    (folder / "b.md").rename(folder / "x")
    (folder / "c.md").rename(folder / "b.md")
    (folder / "x").rename(folder / "c.md")
    assert "2 already there" in done(run(folder))
    assert ["Text a." in anonymous.get("/post/1").text, "Text b." in anonymous.get("/post/2").text] == [True, True]
    (folder / "c.md").write_text(head.format("a") + " And more.")
    assert "1 updated, 1 already there" in done(run(folder))
    assert "Text a. And more." in anonymous.get("/post/1").text


@pytest.mark.parametrize("closed", ["_drafts/a.md", "private/a.md"])
def test_a_file_that_is_moved_among_drafts_is_hidden(
    folder: Path, run: Callable[..., Result], anonymous: Person, closed: str
) -> None:
    (folder / "_posts").mkdir()
    (folder / closed).parent.mkdir()
    (folder / "_posts" / "a.md").write_text("---\ntitle: A\ndate: 2020-01-01\n---\nText.")
    done(run(folder))
    (folder / "_posts" / "a.md").rename(folder / closed)
    assert "1 post updated and hidden from readers: " in done(run(folder))
    assert anonymous.get("/post/1").status_code == 404
    (folder / closed).rename(folder / "_posts" / "b.md")
    assert "1 published" in done(run(folder))
    assert anonymous.get("/post/1").status_code == 200
    (folder / closed).write_text("---\ntitle: A\ndate: 2020-01-01\n---\nText.")
    assert "2 already there" in done(run(folder)), "a copy among the drafts"


def test_one_file_of_a_folder_that_was_imported_is_known(folder: Path, run: Callable[..., Result]) -> None:
    (folder / "_posts").mkdir()
    (folder / "_posts" / "a.md").write_text("---\ntitle: A\ndate: 2020-01-01\n---\nText.")
    done(run(folder))
    (folder / "_posts" / "a.md").write_text("---\ntitle: Aa\ndate: 2020-01-02\n---\nAll is changed.")
    assert "1 updated" in done(run(folder / "_posts" / "a.md"))
    assert "1 already there" in done(run(folder / "_posts"))


def test_links_to_files_that_come_later_are_made_then(
    folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    (folder / "a.md").write_text("---\ntitle: A\ndate: 2020-01-01\n---\n[later](b.md)")
    done(run(folder))
    (folder / "b.md").write_text("---\ntitle: B\ndate: 2020-01-01\n---\nText.")
    done(run(folder))
    assert 'href="/post/2"' in anonymous.get("/post/1").text


def test_undoing_gives_authors_and_addresses_back(
    app: Flask, folder: Path, run: Callable[..., Result], eve: Person, anonymous: Person
) -> None:
    head = "---\ntitle: A\ndate: 2020-01-01\n{}---\n{}"
    (folder / "a.md").write_text(head.format("aliases: [/one]\n", "Text."))
    (folder / "b.md").write_text("---\ntitle: B\n---\nText.")
    done(run(folder))
    (folder / "a.md").write_text(head.format("aliases: [/one, /two]\nauthor: bob\n", "Text two."))
    done(run(folder, "--publish-undated"))
    assert "/user/bob" in anonymous.get("/post/1").text
    eve.comment(2)
    assert "post 2, “B”: commented on since" in done(run("--undo", 2))
    assert "/user/ada" in anonymous.get("/post/1").text
    assert [anonymous.get(path).status_code for path in ("/one", "/two", "/post/2")] == [301, 404, 200]


def test_only_those_who_may_write_get_posts(folder: Path, app: Flask) -> None:
    (folder / "a.md").write_text("Text.")
    ran = app.test_cli_runner().invoke(args=["import", str(folder), "--author", "eve"])
    assert "eve may not write" in failed(ran)


def has_posts(app: Flask, count: int) -> bool:
    return len(rows(app, "SELECT id FROM post WHERE id <> 0")) > count


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_ended_at_any_moment_the_same_command_imports_the_rest(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person, how: signal.Signals
) -> None:
    for n in range(300):
        (folder / f"{n:03}.md").write_text(
            f"---\ntitle: Title {n}\ndate: 2020-01-01\n---\n[next]({(n + 1) % 300:03}.md)"
        )
    command = [sys.executable, "-m", "flask", "--app", "webapp", "import", str(folder), "--author", "ada"]
    environ = os.environ | environ_of(app)
    for count in (40, 100, 230):
        began = subprocess.Popen(
            command, cwd=CHECKOUT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(partial(has_posts, app, count), f"{count} posts were there")
        began.send_signal(how)
        began.wait(60)
    done(run(folder))
    posts = rows(app, "SELECT id, title, body FROM post WHERE id <> 0")
    ids = {post["title"]: post["id"] for post in posts}
    assert (len(posts), len(ids)) == (300, 300)
    for post in posts:
        after = f"Title {(int(post['title'].split()[1]) + 1) % 300}"
        assert post["body"] == f"[next](/post/{ids[after]})"
    with app.app_context():
        jobs.index()
        assert wrong(app, pages_there(app)) == []
    for number in range(len(rows(app, "SELECT * FROM import")), 0, -1):
        assert ", 0 left" in done(run("--undo", number))
    assert rows(app, "SELECT id FROM post WHERE status <> 'deleted' AND id <> 0") == []
