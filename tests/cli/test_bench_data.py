"""`pressroom bench-data`: the site that it makes, the same each time, and where it refuses to make one."""

from __future__ import annotations

import json
import os
import re
import stat
import statistics
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from support.apps import close, refill, settings_for
from support.commands import done, failed
from support.content import counts
from support.page_store import pages_there, wrong
from support.persons import Person
from webapp import changes, create_app, db
from webapp.cli import bench_data
from webapp.content import posts
from webapp.db.engine import make_engine
from webapp.demo.prose import count_words
from webapp.people import users
from webapp.system import instance

OPTIONS = "--posts 5 --live 2 --updates 60 --comments 55 --authors 2 --readers 3".split()
FEW = "--posts 2 --live 1 --updates 1 --comments 1 --authors 2 --readers 3".split()
CODE = "```python"


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    return lambda *args: fill(app, *args)


def fill(app: Flask, *args: str) -> Result:
    return app.test_cli_runner().invoke(args=["bench-data", *args])


def bench(app: Flask) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((app.config["INSTANCE"] / "bench.json").read_text("utf-8"))
    return read


def rows(app: Flask, query: str) -> list[Any]:
    engine = make_engine(app.config["DATABASE_URL"])
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


# The same each time


def site(app: Flask) -> dict[str, Any]:
    """All that readers see, and the rows that it is made of, without what is secret and when events happened."""
    tables = {name: rows(app, f'SELECT * FROM "{name}" ORDER BY id') for name in ("post", "update", "comment", "tag")}  # noqa: S608
    tables["user"] = rows(app, "SELECT id, username, role, created_at FROM \"user\" WHERE username LIKE '%-%'")
    events = rows(app, "SELECT post_id, seq, kind, item, payload FROM event ORDER BY post_id, seq")
    tables["event"] = [(*event[:-1], json.loads(event[-1] or "{}").get("html")) for event in events]
    del tables["post"][0]  # the front page's, made with the database
    return tables | {path: page.content for path, page in pages_there(app).items()}


@pytest.mark.slow
def test_the_same_options_make_the_same_site(make_app: Callable[..., Flask]) -> None:
    first, second, other = make_app(), make_app(), make_app()
    for app, seed in ((first, "7"), (second, "7"), (other, "8")):
        done(fill(app, *OPTIONS, "--seed", seed))
    sites = site(first), site(second), site(other)
    assert len(sites[0]) > 50
    assert sites[0].keys() == sites[1].keys()
    assert [name for name, content in sites[0].items() if sites[1][name] != content] == []
    assert {sites[0][name] == sites[2][name] for name in ("post", "update", "comment", "/")} == {False}
    facts = [bench(app) for app in (first, second, other)]
    assert len({fact.pop("password") for fact in facts}) == 3
    assert facts[0] == facts[1]
    assert facts[0] | {"seed": 8} == facts[2]


# What it makes


def test_it_makes_as_many_as_it_was_told(app: Flask, run: Callable[..., Result]) -> None:
    done(run(*OPTIONS))
    facts = bench(app)
    assert facts.keys() == {"seed", "password", "authors", "readers", "live_posts", "posts"}
    assert facts["authors"] == ["author-1", "author-2"]
    assert facts["readers"] == ["reader-1", "reader-2", "reader-3"]
    assert (len(facts["posts"]), len(facts["live_posts"])) == (5, 2)
    found = {row[0]: row[1:] for row in rows(app, "SELECT id, live, update_count, comment_count, status FROM post")}
    assert {found[post_id] for post_id in facts["live_posts"]} == {(1, 60, 55, "published")}
    assert {found[post_id][:2] for post_id in facts["posts"]} == {(0, 0)}
    few = [found[post_id][2] for post_id in facts["posts"]]
    assert max(few) <= 5
    assert sum(few) > 0
    assert found.keys() - {0} == {*facts["posts"], *facts["live_posts"]}


def test_the_least_is_one_post(app: Flask, run: Callable[..., Result]) -> None:
    done(run(*"--posts 1 --live 0 --updates 0 --comments 0 --authors 1 --readers 1 --seed 0".split()))
    assert rows(app, "SELECT count(*), sum(comment_count) FROM post WHERE id > 0") == [(1, 0)]


@pytest.fixture(scope="module")
def texts(template_instance: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Enough of each kind and language to measure. Rows begin with the text; updates go on with title, key and time."""
    folder = tmp_path_factory.mktemp("texts") / "instance"
    instance.prepare(folder)
    refill(folder, template_instance)
    app = create_app(settings_for(folder))
    done(fill(app, *"--posts 80 --live 2 --updates 150 --comments 150".split()))
    close(app)
    found = {}
    for language in ("en", "zh"):
        of_live = f"it JOIN post ON post.id = it.post_id WHERE post.live AND post.language = '{language}' ORDER BY it.n"
        queries = {
            "post": f"SELECT body FROM post WHERE NOT live AND language = '{language}'",  # noqa: S608
            "update": f'SELECT it.body, it.title, it.key, it.created_at FROM "update" {of_live}',  # noqa: S608
            "comment": f"SELECT it.body FROM comment {of_live}",  # noqa: S608
        }
        found |= {f"{kind} {language}": rows(app, query) for kind, query in queries.items()}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("kind", "least", "most"), [("post", 300, 530), ("update", 28, 43), ("comment", 15, 26)])
def test_lengths_are_as_in_life(texts: dict[str, list[Any]], kind: str, language: str, least: int, most: int) -> None:
    words = [count_words(row[0]) for row in texts[f"{kind} {language}"]]
    assert len(words) >= 40
    median, tenths = statistics.median(words), statistics.quantiles(words, n=10)
    assert least <= median <= most
    assert tenths[0] < 0.75 * median, "some are much shorter"
    assert tenths[-1] > 1.5 * median, "and some much longer, as log-normal lengths are"


def test_words_are_counted_in_both_languages() -> None:
    assert count_words("It isn’t far: 12 steps.") == 5
    assert count_words("天阴，没有风，河面像刚熨过。") == 6


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_posts_have_all_that_articles_have(texts: dict[str, list[Any]], language: str) -> None:
    bodies = [row[0] for row in texts[f"post {language}"]]
    for body in bodies:
        assert len(re.findall(r"(?m)^## \S", body)) >= 1
        assert len(re.findall(r"(?m)^- \S", body)) == 4
        assert len(re.findall(r"(?m)^> \S", body)) == 1
    assert 0 < sum(CODE in body for body in bodies) < len(bodies) / 2
    assert len(set(bodies)) == len(bodies)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_some_updates_have_titles_and_are_key_moments(texts: dict[str, list[Any]], language: str) -> None:
    told = texts[f"update {language}"]
    titled = [title for _body, title, *_ in told if title]
    keys = [title for _body, title, key, *_ in told if key]
    assert 0.15 * len(told) < len(titled) < 0.5 * len(told)
    assert 0 < len(keys) < len(titled)
    assert all(keys)
    times = [row[3] for row in told]
    assert times == sorted(times)
    assert len(set(times)) > len(times) / 2


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_of_a_demo_s_markup_or_half_a_quotation_is_left(texts: dict[str, list[Any]], language: str) -> None:
    for kind in ("update", "comment"):
        for row in texts[f"{kind} {language}"]:
            assert not re.search(r"[*|\[\]@\n]", row[0]), row[0]
            assert row[0].count("“") == row[0].count("”")
            assert bool(re.search("[\u3400-\u9fff]{2}", row[0].replace("平安就好", ""))) == (language == "zh")


@pytest.mark.slow
def test_every_page_is_there_and_right(app: Flask, run: Callable[..., Result], anonymous: Person) -> None:
    before = ["/", "/feed.atom", "/sitemap.xml", "/sitemap/site-1.xml"]
    for path in before:
        assert anonymous.get(path).status_code == 200, path
    done(run(*OPTIONS))
    facts = bench(app)
    live, plain = facts["live_posts"], facts["posts"]
    stored = set(app.extensions["pages"].store.paths())
    assert "/" in stored
    assert wrong(app, pages_there(app)) == []
    paths = [*before, "/user/author-1", "/tag/tarrowby", "/tag/龙舟"]
    paths += [f"/post/{post_id}" for post_id in plain + live]
    paths += [f"/post/{post_id}/{which}/1" for post_id in live for which in ("updates", "comments")]
    for path in paths:
        assert anonymous.get(path).status_code == 200, path
    there = pages_there(app)
    assert {*paths} <= there.keys()
    assert wrong(app, there) == []
    front = anonymous.get("/").text
    order = [int(post_id) for post_id in re.findall(r'id="post-(\d+)"', front)]
    assert order == [*reversed(live), *reversed(plain)], "live ones first, then by time"
    assert all(f"/post/{post_id}<" in anonymous.get("/sitemap/post-1.xml").text for post_id in plain + live)
    assert "/post/" in anonymous.get("/search?q=Winifred").text
    assert "/post/" in anonymous.get("/search?q=鼓").text


def test_copies_are_posts_like_those_they_were_made_of(
    app: Flask, run: Callable[..., Result], anonymous: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers find them in lists, in the search and by their comments, and a change of one leaves the others alone."""
    monkeypatch.setattr(bench_data, "WRITTEN", 2)
    assert "comments each. The newest has 7 updates.\n" in done(run(*OPTIONS, "--updates-in-one", "7"))
    [first, second, *copies] = bench(app)["posts"]
    assert [*copies] == [first + 2, second + 2, first + 4]
    assert rows(app, "SELECT update_count FROM post WHERE live ORDER BY id") == [(60,), (7,)]
    columns = "title, body, html, language, seq, comment_count, version, status"
    original, copy = (rows(app, f"SELECT {columns} FROM post WHERE id = {i}") for i in (second, copies[1]))  # noqa: S608
    assert copy == original
    times = [at for (at,) in rows(app, "SELECT published_at FROM post WHERE id > 0 ORDER BY id")]
    assert times == sorted(set(times))
    assert len({later - earlier for earlier, later in pairwise(times)}) == 1
    for row in ("comment", "post_tag", "post_author", "event"):
        counted = f"SELECT count(*) FROM {row} WHERE post_id = "  # noqa: S608
        assert rows(app, counted + str(copies[0])) == rows(app, counted + str(first)), row
    assert rows(app, "SELECT count(*) FROM search_due") == [(0,)]
    [(title,)] = rows(app, f"SELECT title FROM post WHERE id = {first}")  # noqa: S608
    found = anonymous.get("/search", query_string={"q": f'"{title.split()[0]}"'}).text
    for post_id in (first, copies[0], copies[2]):
        assert f'href="/post/{post_id}"' in found
        assert anonymous.get(f"/post/{post_id}").status_code == 200
    assert wrong(app, pages_there(app)) == []
    with app.app_context(), changes.changing() as session:
        posts.unpublish(session, copies[0])
    assert f'href="/post/{copies[0]}"' not in anonymous.get("/search", query_string={"q": f'"{title.split()[0]}"'}).text
    assert rows(app, "SELECT count(*) FROM search_doc WHERE crc IS NULL") == [(0,)], "the index was told its own tokens"
    assert anonymous.get(f"/post/{first}").status_code == 200


def test_the_most_updates_need_a_live_post(run: Callable[..., Result]) -> None:
    assert "--updates-in-one needs a live post" in run("--live", "0", "--updates-in-one", "3").stderr


def test_events_are_numbered_without_a_gap(app: Flask, run: Callable[..., Result]) -> None:
    done(run(*OPTIONS))
    seqs: dict[int, list[int]] = {}
    for post_id, seq in rows(app, "SELECT post_id, seq FROM event ORDER BY post_id, seq"):
        seqs.setdefault(post_id, []).append(seq)
    assert {post_id: list(range(1, len(found) + 1)) for post_id, found in seqs.items()} == seqs
    assert {len(seqs[post_id]) for post_id in bench(app)["live_posts"]} == {1 + 60 + 55}


@pytest.mark.slow
def test_its_people_log_in_and_write(app: Flask, run: Callable[..., Result], anonymous: Person) -> None:
    done(run(*OPTIONS))
    facts = bench(app)
    author, reader = Person(app), Person(app)
    assert author.log_in("author-2", "another password").status_code == 400
    assert author.log_in("author-2", facts["password"]).status_code == 302
    assert reader.log_in("reader-3", facts["password"]).status_code == 302
    assert (author.get("/me").json["role"], reader.get("/me").json["role"]) == ("author", "reader")
    for post_id in facts["live_posts"]:
        author.add_update(post_id, "A lamp swung twice.")
        reader.comment(post_id, "I saw it too.")
        page = anonymous.get(f"/post/{post_id}").text
        assert "A lamp swung twice." in page
        assert "I saw it too." in page
    reader.comment(facts["posts"][0], "Well said.")


# What it says


def test_it_says_what_it_made_and_what_to_do_next(app: Flask, run: Callable[..., Result]) -> None:
    result = run(*OPTIONS)
    said, folder = done(result), app.config["INSTANCE"]
    assert "5 posts, and 2 live posts with 60 updates and 55 comments each" in said
    assert "2 authors and 3 readers" in said
    assert str(folder / "bench.json") in said
    assert f"PRESSROOM_INSTANCE={folder} PRESSROOM_LIMITS=off make serve" in said
    assert "Filling" in result.stderr
    assert "Filling" not in said
    assert bench(app)["password"] not in result.output


def test_only_the_owner_can_read_the_password(app: Flask, run: Callable[..., Result]) -> None:
    before = os.umask(0)
    try:
        done(run(*FEW))
    finally:
        os.umask(before)
    assert stat.S_IMODE((app.config["INSTANCE"] / "bench.json").stat().st_mode) == 0o600
    assert len(bench(app)["password"]) >= 20


def test_me_says_that_it_is_a_bench(run: Callable[..., Result], eve: Person, anonymous: Person) -> None:
    assert eve.get("/me").json["bench"] is anonymous.get("/me").json["bench"] is False
    done(run(*FEW))
    assert eve.get("/me").json["bench"] is anonymous.get("/me").json["bench"] is True


# What it refuses


@pytest.fixture
def refused(app: Flask, run: Callable[..., Result], anonymous: Person) -> Callable[[], str]:
    """Run it; what it said as it refused, once it is seen that it changed nothing."""

    def refused() -> str:
        before = counts(app)
        said = failed(run(*FEW))
        assert counts(app) == before
        assert not instance.is_bench(app.config["INSTANCE"])
        assert anonymous.get("/me").json["bench"] is False
        return said

    return refused


@pytest.mark.parametrize("action", ["publish", "draft"])
def test_a_site_with_posts_is_left_alone(ada: Person, refused: Callable[[], str], action: str) -> None:
    answer = ada.post("/desk/new", title="My own", body="Words.", language="en", comments="open", action=action)
    assert answer.status_code == 302
    said = refused()
    assert "already has posts" in said
    assert "Set PRESSROOM_INSTANCE to a new folder" in said


def test_a_name_that_somebody_has_is_one_line(app: Flask, refused: Callable[[], str]) -> None:
    with app.app_context(), db.writing() as session:
        users.create(session, "Reader-2", None, None)
    assert "taken" in refused()


def test_a_bench_is_not_filled_twice(app: Flask, run: Callable[..., Result]) -> None:
    done(run(*FEW))
    before, facts = counts(app), bench(app)
    said = failed(run("--seed", "2"))
    assert "already has bench data" in said
    assert "Delete the folder to start over" in said
    assert (counts(app), bench(app)) == (before, facts)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--posts", "0"), ("--posts", "-1"), ("--posts", "100001"), ("--live", "-1"), ("--live", "101"),
     ("--updates", "-1"), ("--updates", "5001"), ("--updates-in-one", "-1"), ("--updates-in-one", "10001"),
     ("--comments", "-1"), ("--comments", "5001"), ("--authors", "0"),
     ("--authors", "51"), ("--readers", "0"), ("--readers", "10001"), ("--seed", "-1"), ("--seed", "first")],
)  # fmt: skip
def test_what_is_no_number_for_it_is_refused(app: Flask, run: Callable[..., Result], option: str, value: str) -> None:
    before = counts(app)
    result = run(option, value)
    assert result.exit_code == 2
    assert f"Error: Invalid value for '{option}'" in result.stderr
    assert counts(app) == before
