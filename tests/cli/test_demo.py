"""`pressroom demo`: what it plays, and that it can be taken away again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from support.commands import done, failed
from support.content import counts
from support.page_store import pages_there, wrong
from support.persons import PASSWORD, Person
from support.photos import photo
from webapp import changes, db, demo
from webapp.cli import demo as command
from webapp.content import erasure, intake, library, posts, updates
from webapp.demo import drawings
from webapp.errors import Refused
from webapp.media.storage import STORAGE
from webapp.models import Comment, Event, Picture, Post, Revision, Update, User
from webapp.pages import versions
from webapp.people import users
from webapp.people.names import checked_username

LANGUAGES = ("en", "zh")


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    return lambda *args: app.test_cli_runner().invoke(args=["demo", *args])


@pytest.fixture(autouse=True)
def sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures, as it doesn't matter here what they show."""
    small = {name: partial(photo, 320, 200, seed) for seed, name in enumerate(drawings.DRAWINGS)}
    monkeypatch.setattr(drawings, "DRAWINGS", small)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning of each script, where it doesn't matter what is told."""

    def shortened(language: str) -> dict[str, Any]:
        whole = demo.script(language)
        return whole | {"steps": whole["steps"][:8]}

    monkeypatch.setattr(command, "script", shortened)


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def played(session: Any, language: str = "en") -> Post:
    post: Post | None = session.scalar(select(Post).where(Post.source == f"demo:{language}"))
    assert post is not None
    return post


def post_id_of(app: Flask, language: str = "en") -> int:
    with app.app_context():
        return played(db.reading(), language).id


def steps(play: demo.Play, count: int | None = None) -> list[str]:
    return [demo.perform(play, step) for step in play.script["steps"][:count]]


# Playing


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_plays_a_whole_event(app: Flask, run: Callable[..., Result], language: str) -> None:
    said = done(run("--speed", "0", "--language", language))
    with app.app_context():
        session = db.reading()
        post = played(session, language)
        told = list(session.scalars(select(Update).where(Update.post_id == post.id)))
        comments = list(session.scalars(select(Comment).where(Comment.post_id == post.id)))
        events = list(session.scalars(select(Event).where(Event.post_id == post.id).order_by(Event.seq)))
        names = {comment.author.username for comment in comments}
    assert (post.status, post.live, post.language) == ("published", False, language)
    assert post.ended_at
    assert len(told) == 40
    assert sum(update.key for update in told) == 5
    assert [bool(update.correction and update.corrected_at) for update in told].count(True) == 2
    assert [update.withdrawn_at is not None for update in told].count(True) == 1
    assert len(names) == 5
    assert [comment.withdrawn_by_id == comment.author_id for comment in comments].count(True) == 1
    assert [event.seq for event in events] == list(range(1, post.seq + 1))
    assert "reload" not in {event.kind for event in events}, "every change fits into its event"
    assert f"http://127.0.0.1:8000/post/{post.id}" in said.splitlines()[0]
    assert len(re.findall(r"(?m)^\d\d:\d\d:\d\d  ", said)) == len(demo.script(language)["steps"])
    assert "left out" not in said
    assert "demo --remove" in said.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_right_all_the_while(app: Flask, anonymous: Person, inside: None, language: str) -> None:
    play = demo.start(demo.script(language))
    hot = ["/", f"/post/{play.post_id}", f"/post/{play.post_id}/feed.atom", "/feed.json"]
    pinned = 0
    for number, step in enumerate(play.script["steps"]):
        for path in hot:
            assert anonymous.get(path).status_code == 200
        demo.perform(play, step)
        if step["do"] == "update" and "name" in step:
            assert anonymous.get(demo._url_of(play, step["name"])).status_code == 200
        db.release()
        pinned += updates.latest(db.reading(), play_post(play)).pinned is not None
        if number % 16 == 0:
            assert [said for said in wrong(app, pages_there(app)) if "/update/" not in said] == []
    assert pinned > 10
    assert updates.latest(db.reading(), play_post(play)).pinned is None
    links = set(re.findall(rf'href="(/post/{play.post_id}/update/\d+)"', anonymous.get(hot[1]).text))
    assert len(links) == 39
    for path in [*hot, *links]:
        assert anonymous.get(path).data == app.extensions["pages"].fresh(path).content, path


def play_post(play: demo.Play) -> Post:
    return posts.published(db.reading(), play.post_id)


def test_it_speaks_the_site_s_language_unless_told(app: Flask, run: Callable[..., Result]) -> None:
    app.config["LANGUAGE"] = "zh"
    assert "荇湾" in done(run("--speed", "0"))
    with app.app_context():
        assert played(db.reading(), "zh")
        with pytest.raises(AssertionError):
            played(db.reading(), "en")


@pytest.mark.slow
def test_both_are_told_side_by_side(app: Flask, run: Callable[..., Result]) -> None:
    said = done(run("--speed", "0", "--language", "both"))
    assert said.index("A lamp on the bridge") < said.index("码头上没有空地方了") < said.index("Sixty")
    assert post_id_of(app, "en") != post_id_of(app, "zh")


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_other_settings_than_the_site_s_are_noticed(app: Flask, run: Callable[..., Result]) -> None:
    assert "settings" not in run("--speed", "0").stderr
    with app.app_context(), db.writing() as session:
        versions.raise_all(session, "another build")
    assert "different PRESSROOM_… settings" in run("--speed", "0").stderr


def test_steps_wait_for_their_time(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(command, "_wait_until", waits.append)
    done(run("--speed", "2"))
    at = [step["at"] for step in demo.script("en")["steps"]]
    assert [wait - waits[0] for wait in waits] == pytest.approx([(second - at[0]) / 2 for second in at])


@pytest.mark.parametrize("speed", ["-1", "nan", "inf", "fast"])
def test_what_is_no_speed_is_refused(app: Flask, run: Callable[..., Result], speed: str) -> None:
    before = counts(app)
    result = run("--speed", speed)
    assert result.exit_code == 2
    assert "Error: Invalid value for '--speed'" in result.stderr
    assert counts(app) == before


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_again_begins_anew_with_the_same_people(app: Flask, run: Callable[..., Result]) -> None:
    done(run("--speed", "0"))
    once = counts(app)
    said = done(run("--speed", "0"))
    assert said.startswith("Removed: “High water at Tarrowby")
    assert counts(app) == once


def test_a_name_that_somebody_has_is_one_line(app: Flask, run: Callable[..., Result]) -> None:
    with app.app_context(), db.writing() as session:
        users.create(session, "demo-cathcart", None, "a hash of a password")
    before = counts(app)
    assert "taken" in failed(run("--speed", "0"))
    assert "No demo found." in done(run("--remove"))
    assert counts(app) == before, "that one isn't ours"


# Those who speak


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_can_log_in_as_one_of_them(app: Flask, inside: None, language: str) -> None:
    play = demo.start(demo.script(language))
    assert len(play.ids) == 6
    for name, user_id in play.ids.items():
        for password in ("", name, PASSWORD):
            assert Person(app).log_in(name, password).status_code == 400
        user = db.reading().get_one(User, user_id)
        assert (user.password_hash, user.email) == (None, None)
        assert user.disabled_at, "a link for a new password wouldn't help either"


@pytest.mark.parametrize("name", ["demo-nell-garth", "DEMO-x", "Ｄｅｍｏ-x", "演示-沈一禾", "演示-某人"])
def test_nobody_else_can_be_called_so(inside: None, name: str) -> None:
    assert checked_username("demonstrator") == "demonstrator"
    with pytest.raises(Refused, match="reserved"):
        checked_username(name)


# Taking it away


@pytest.mark.slow
def test_remove_takes_all_and_nothing_else(
    app: Flask, run: Callable[..., Result], ada: Person, eve: Person, anonymous: Person
) -> None:
    own = ada.write_post(title="Our own river", tags="Tarrowby, rivers", live="y")
    ada.add_update(own, "It is low.")
    eve.comment(own, "I went to look.")
    edith = Person(app, "edith")
    before = counts(app)
    done(run("--speed", "0", "--language", "both"))
    post_id = post_id_of(app)
    eve.comment(post_id, "Is this real?")
    edith.post(f"/desk/post/{post_id}", title="Another title", body="Another text", language="en",
               authors="demo-nell-garth", comments="open", action="publish")  # fmt: skip
    addresses = ["/user/demo-nell-garth", "/tag/high-water", "/user/演示-沈一禾"]
    addresses += [f"/post/{post_id}{end}" for end in ("", "/update/2", "/updates/1", "/comments/1", "/feed.atom")]
    for path in ["/", "/tag/tarrowby", f"/post/{own}", "/sitemap.xml", "/feed.atom", *addresses]:
        assert anonymous.get(path).status_code == 200, path
    assert "Sixty" in anonymous.get("/search?q=sixty").text
    said = done(run("--remove"))
    assert "“Another title” with 40 updates and 18 comments, 1 of these by others, 4 pictures, 6 accounts." in said
    assert "荇湾" in said
    assert counts(app) == before
    for path in addresses:
        assert anonymous.get(path).status_code == (410 if "/post/" in path else 404), path
    assert "event: gone" in anonymous.get(f"/post/{post_id}/live?after=3").text
    assert "Our own river" in anonymous.get("/tag/tarrowby").text
    assert "I went to look." in anonymous.get(f"/post/{own}").text
    assert f"/post/{post_id}<" not in anonymous.get("/sitemap/post-1.xml").text
    with app.app_context():
        assert wrong(app, pages_there(app)) == []
    assert "No demo found." in done(run("--remove"))


def test_an_interrupted_one_stays_until_it_is_removed(
    app: Flask, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, anonymous: Person
) -> None:
    before = counts(app)
    left = iter(range(14))

    def wait(_moment: float) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "_wait_until", wait)
    said = done(run())
    post_id = post_id_of(app)
    assert "Stopped. The post stays as it is." in said
    assert f"http://127.0.0.1:8000/desk/post/{post_id}/live" in said
    page = anonymous.get(f"/post/{post_id}").text
    assert "What to know now" in page
    assert "The midwife" not in page
    done(run("--remove"))
    assert anonymous.get(f"/post/{post_id}").status_code == 410
    assert counts(app) == before


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_one_language_can_be_removed_alone(app: Flask, run: Callable[..., Result]) -> None:
    done(run("--speed", "0", "--language", "zh"))
    with_one = counts(app)
    done(run("--speed", "0", "--language", "en"))
    assert "Tarrowby" in done(run("--remove", "--language", "en"))
    assert counts(app) == with_one


@pytest.mark.usefixtures("short")
def test_whoever_was_renamed_or_deleted_goes_too(app: Flask, run: Callable[..., Result]) -> None:
    before = counts(app)
    done(run("--speed", "0"))
    with app.app_context(), changes.changing() as session:
        users.rename(session, users.by_name(session, "demo-cathcart").id, "old-cathcart", None)
        users.remove(session, users.by_name(session, "demo-hydrograph").id)
    assert "6 accounts" in done(run("--remove"))
    assert counts(app) == before


@pytest.mark.usefixtures("short")
def test_an_account_that_another_post_names_stays(app: Flask, run: Callable[..., Result], ada: Person) -> None:
    own = ada.write_post()
    done(run("--speed", "0"))
    with app.app_context(), db.writing() as session:
        post = session.get_one(Post, own)
        post.authors = [*post.authors, users.by_name(session, "demo-nell-garth")]
    assert "5 accounts, but not demo-nell-garth, named elsewhere here." in done(run("--remove"))
    assert "The derby" in ada.get("/user/demo-nell-garth").text


# Pictures


def pictures_of(app: Flask) -> list[Picture]:
    with app.app_context():
        return list(db.reading().scalars(select(Picture).order_by(Picture.id)))


def files_of(app: Flask) -> set[str]:
    """The names of pictures that have an original or a variant."""
    variants = (Path(app.config["INSTANCE"]) / "media/pictures").iterdir()
    return {*STORAGE.of(app).list(), *(file.name.partition("-")[0] for file in variants)}


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_post_shows_its_pictures(app: Flask, run: Callable[..., Result], ada: Person, language: str) -> None:
    assert "Left out" not in run("--speed", "0", "--language", language).stderr
    script = demo.script(language)
    shown = [part for part in (script, *script["steps"]) if "picture" in part]
    rows = pictures_of(app)
    assert [(row.alt, row.caption) for row in rows] == [(part["alt"], part.get("caption", "")) for part in shown]
    with app.app_context():
        post = played(db.reading(), language)
        in_updates = [u.html for u in db.reading().scalars(select(Update).order_by(Update.n)) if "<figure" in u.html]
    assert post.cover
    assert post.cover["name"] == rows[0].name
    for row, html in zip(rows, [post.html, *in_updates], strict=True):
        assert f'<figure class="picture"><a href="/media/{row.name}-' in html
        assert f'alt="{row.alt}"' in html
        assert row.caption in html
    assert f"/media/{rows[0].name}-" in ada.get("/").text
    assert ada.get("/desk/media").text.count("/desk/media/") >= 4


@pytest.mark.usefixtures("short")
def test_remove_leaves_no_picture_and_no_file(app: Flask, run: Callable[..., Result]) -> None:
    done(run("--speed", "0"))
    before = [picture.name for picture in pictures_of(app)]
    assert files_of(app) == set(before)
    assert len(before) == 2
    assert "comments, 2 pictures, 6 accounts." in done(run("--remove"))
    assert pictures_of(app) == []
    assert files_of(app) == set()
    done(run("--speed", "0"))
    assert [picture.name for picture in pictures_of(app)] == before


@pytest.mark.usefixtures("short")
def test_a_picture_that_another_text_shows_stays(app: Flask, run: Callable[..., Result], ada: Person) -> None:
    done(run("--speed", "0"))
    cover, other = (picture.name for picture in pictures_of(app))
    own = ada.write_post(body=f"![](/media/{cover})")
    said = done(run("--remove"))
    assert "1 pictures, but not 1 used elsewhere here, 5 accounts, but not demo-nell-garth, named elsewhere" in said
    assert files_of(app) == {cover}
    assert "A low sun behind an old stone bridge" in ada.get(f"/post/{own}").text
    done(run("--speed", "0"))
    assert {picture.name for picture in pictures_of(app)} == {cover, other}
    with app.app_context():
        assert f"/media/{cover}-" in played(db.reading()).html
    with app.app_context(), changes.changing() as session:
        posts.erase(session, own)
    assert "2 pictures, 6 accounts." in done(run("--remove"))
    assert files_of(app) == set()


@pytest.mark.usefixtures("short")
def test_pictures_that_replaced_each_other_go(app: Flask, run: Callable[..., Result]) -> None:
    done(run("--speed", "0"))
    first, second = (picture.name for picture in pictures_of(app))
    with app.app_context(), changes.changing() as session:
        library.replace(session, first, second, with_words=True)
    assert "2 pictures, 6 accounts." in done(run("--remove"))
    assert (pictures_of(app), files_of(app)) == ([], set())
    assert "No demo found." in done(run("--remove"))


@pytest.mark.usefixtures("short")
def test_a_picture_that_replaced_another_stays(app: Flask, run: Callable[..., Result], inside: None) -> None:
    play = demo.start(demo.script("en"))
    with db.writing() as session:
        first, *_others, last = session.scalars(select(Picture).order_by(Picture.id))
        first.uploader_id = users.by_name(session, "ada").id
        library.replace(session, first.name, last.name, with_words=True)
    db.release()
    assert len(play.pictures) == 4
    assert "2 pictures, but not 1 used elsewhere here" in demo.remove("en")


@pytest.mark.usefixtures("short")
def test_a_picture_that_can_t_be_used_is_left_out(
    app: Flask, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    done(run("--speed", "0"))
    cover, other = (picture.name for picture in pictures_of(app))
    with app.app_context():
        with changes.changing() as session:
            erased = erasure.picture(session, other)
        library.forget_files(erased)
    result = run("--speed", "0")
    assert result.exit_code == 0
    assert "Left out the picture bridge-at-night: This picture was withdrawn for legal reasons" in result.stderr
    assert files_of(app) == {cover}

    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(intake, "prepare", full)
    result = run("--speed", "0")
    assert result.exit_code == 0
    assert result.stderr.count("No space left on device") == 2
    assert files_of(app) == set()
    with app.app_context():
        assert "![" not in played(db.reading()).body
        assert "A lamp on the bridge" in [update.title for update in db.reading().scalars(select(Update))]


def test_a_picture_that_goes_before_its_step_is_left_out(inside: None) -> None:
    play = demo.start(demo.script("en"))
    with changes.changing() as session:
        gone = library.delete(session, play.pictures["bridge-at-night"])
    library.forget_files(gone)
    assert demo.perform(play, play.script["steps"][0]) == "update      A lamp on the bridge"
    update = db.reading().scalars(select(Update)).one()
    assert "figure" not in update.html
    assert "Winifred Aske" in update.html


# While others are at work


def test_it_ends_when_somebody_removes_its_post(inside: None) -> None:
    first = demo.start(demo.script("en"))
    steps(first, 3)
    demo.remove("en")
    with pytest.raises(demo.Over):
        demo.perform(first, first.script["steps"][3])
    second = demo.start(demo.script("en"))
    assert second.post_id > first.post_id, "a number is never used again"
    with pytest.raises(demo.Over):
        demo.perform(first, first.script["steps"][3])
    steps(second, 4)


@pytest.mark.slow
def test_the_other_one_goes_on(app: Flask, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter(range(10))

    def wait(_moment: float) -> None:
        if next(left, None) is None and played(db.reading(), "en").live:
            with changes.changing() as session:
                posts.end(session, played(session, "en").id)

    monkeypatch.setattr(command, "_wait_until", wait)
    said = done(run("--language", "both"))
    assert said.count("over        Someone ended or removed") == 1
    assert "Sixty" not in said
    assert "一刀两半" in said


def test_one_that_is_over_is_left_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [{"at": at} for at in range(3)]
    first, second = (demo.Play({"steps": steps}, "", post_id, {}) for post_id in (1, 2))

    def perform(play: demo.Play, step: dict[str, Any]) -> str:
        if play is first and step["at"] == 1:
            raise demo.Over
        return f"post {play.post_id} step {step['at']}"

    monkeypatch.setattr(command, "perform", perform)
    monkeypatch.setattr(demo.Play, "url", "the post")
    command._perform([first, second], 0)
    said = [line.partition("  ")[2] for line in capsys.readouterr().out.splitlines()]
    over = "over        Someone ended or removed the post"
    assert said == ["post 1 step 0", "post 2 step 0", over, "post 2 step 1", "post 2 step 2"]


def test_what_the_desk_made_impossible_is_left_out(inside: None) -> None:
    play = demo.start(demo.script("en"))
    at = next(number for number, step in enumerate(play.script["steps"]) if step["do"] == "pin")
    steps(play, at)
    with changes.changing() as session:
        updates.withdraw(session, play.post_id, play.numbers["known"])
    assert demo.perform(play, play.script["steps"][at]).startswith("left out    This update was withdrawn")
    assert not demo.perform(play, play.script["steps"][at + 1]).startswith("left out")


def test_an_unpublished_one_is_removed_too(app: Flask, inside: None) -> None:
    before = counts(app)
    play = demo.start(demo.script("en"))
    steps(play, 6)
    with changes.changing() as session:
        posts.unpublish(session, play.post_id)
    with pytest.raises(demo.Over):
        demo.perform(play, play.script["steps"][6])
    assert "6 accounts" in demo.remove("en")
    assert counts(app) == before


def test_erasing_takes_the_older_texts_too(app: Flask, inside: None) -> None:
    steps(demo.start(demo.script("zh")))
    assert len(list(db.reading().scalars(select(Revision)))) == 2
    demo.remove("zh")
    assert list(db.reading().scalars(select(Revision))) == []
