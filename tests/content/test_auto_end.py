"""Live posts that went quiet: who is asked, what an author's answer does, and that they end by themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from support.apps import close, settings_for
from support.live_post import stop_time
from support.persons import Person, happened
from support.uwsgi_server import UwsgiServer
from tools.processes import until
from webapp import changes, create_app, db
from webapp.content import auto_end
from webapp.models import FRONT, Post
from webapp.system import instance
from webapp.system.clock import now_ms

HOUR_MS = auto_end.HOUR_MS
QUESTION = "No updates for {} hours. Is it over?"


class Clock:
    """The time in the models, stopped when the test began."""

    def __init__(self) -> None:
        self.start = self.now = now_ms()

    def time_ns(self) -> int:
        return self.now * 1_000_000

    def set(self, hours: float) -> None:
        """Since the test began."""
        self.now = self.start + round(hours * HOUR_MS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    stop_time(monkeypatch, made)
    return made


def look(app: Flask) -> list[int]:
    with app.app_context():
        return auto_end.end_quiet()


def is_asked(person: Person, post_id: int) -> bool:
    """The desk's index and the live desk agree."""
    asked = {"Is it over?" in person.get(path).text for path in ("/desk", f"/desk/post/{post_id}/live")}
    assert len(asked) == 1
    return asked.pop()


def test_after_twelve_hours_its_authors_are_asked_on_the_desk(
    ada: Person, bob: Person, edith: Person, clock: Clock
) -> None:
    post_id = ada.write_post(live="y")
    clock.set(11.9)
    assert not is_asked(ada, post_id)
    clock.set(12)
    for page in (ada.get("/desk").text, ada.get(f"/desk/post/{post_id}/live").text, edith.get("/desk").text):
        assert QUESTION.format(12) in page
        assert f'action="/desk/post/{post_id}/keep-live"' in page
        assert f'action="/desk/post/{post_id}/end"' in page
        ends = re.search(r"It ends automatically on <time datetime=\"([^\"]+)\"", page)
        assert ends
        with ada.app.app_context():
            assert auto_end.asked_about(db.reading())[post_id].ends_at == clock.start + 24 * HOUR_MS
    assert "Is it over?" not in bob.get("/desk").text, "it isn't his"
    clock.set(20.5)
    assert QUESTION.format(20) in ada.get("/desk").text


@pytest.mark.parametrize(
    "data", [{}, {"live": "y", "action": "draft"}], ids=["a post that isn't live", "a draft that will be"]
)
def test_others_are_not_asked_about(app: Flask, ada: Person, clock: Clock, data: dict[str, str]) -> None:
    ada.write_post(title="This one is", live="y")
    ada.post("/desk/new", **({"title": "Other", "body": "Text.", "action": "publish"} | data))
    clock.set(30)
    assert ada.get("/desk").text.count("Is it over?") == 1
    assert look(app) == [1]


def test_what_happens_to_a_post_begins_its_quiet_anew(app: Flask, ada: Person, clock: Clock) -> None:
    post_id = ada.write_post(live="y")
    fields = {"title": "The derby", "live": "y", "action": "publish"}
    acts: list[Callable[[], object]] = [
        lambda: ada.add_update(post_id),
        lambda: ada.post(f"/desk/post/{post_id}/keep-live"),
        lambda: ada.post(f"/desk/post/{post_id}", **(fields | {"body": "At nine."})),
    ]
    for n, act in enumerate(acts, 1):
        clock.set(13 * n)
        assert is_asked(ada, post_id)
        act()
        assert not is_asked(ada, post_id)
    assert look(app) == []


def test_what_becomes_live_later_is_quiet_since_then(app: Flask, ada: Person, clock: Clock) -> None:
    edited, ended, unpublished = ada.write_post(), ada.write_post(live="y"), ada.write_post(live="y")
    ada.post(f"/desk/post/{ended}/end")
    ada.post(f"/desk/post/{unpublished}/unpublish")
    clock.set(100)
    for post_id in (edited, ended, unpublished):
        ada.post(f"/desk/post/{post_id}", title="The derby", live="y", action="publish")
        assert not is_asked(ada, post_id)
    assert look(app) == []
    clock.set(124)
    assert look(app) == [edited, ended, unpublished]


def test_a_comment_is_no_update(ada: Person, eve: Person, clock: Clock) -> None:
    post_id = ada.write_post(live="y")
    clock.set(11)
    eve.comment(post_id)
    clock.set(12)
    assert is_asked(ada, post_id)


def test_keeping_it_live_leads_back_to_where_it_was_asked(ada: Person, clock: Clock) -> None:
    post_id = ada.write_post(live="y")
    clock.set(12)
    path = f"/desk/post/{post_id}/keep-live"
    assert 'name="next" value="/desk"' in ada.get("/desk").text
    assert f'name="next" value="/post/{post_id}"' in ada.get(f"/desk/post/{post_id}/composer").text
    assert ada.post(path, next="/desk").location == "/desk"
    assert ada.post(path, next="//evil.example").location == f"/desk/post/{post_id}/live"


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("eve", 403), (None, 401), ("ada", 302), ("edith", 302)])
def test_only_those_who_may_write_it_keep_it_live(ada: Person, clock: Clock, name: str | None, status: int) -> None:
    post_id = ada.write_post(live="y")
    path, form_at = f"/desk/post/{post_id}/keep-live", None if name else "/login"
    clock.set(23)
    assert Person(ada.app, name).post(path, form_at).status_code == status
    assert is_asked(ada, post_id) == (status != 302)
    clock.set(24)
    assert look(ada.app) == ([] if status == 302 else [post_id])


def test_what_has_ended_cant_be_kept_live(ada: Person, clock: Clock) -> None:
    post_id = ada.write_post(live="y")
    ada.post(f"/desk/post/{post_id}/end")
    refused = ada.post(f"/desk/post/{post_id}/keep-live")
    assert refused.status_code == 409
    assert "turn on Live" in refused.text


def test_after_as_long_again_it_ends_by_itself_like_any_other(
    app: Flask, ada: Person, anonymous: Person, clock: Clock
) -> None:
    post_id, other = ada.write_post(live="y"), ada.write_post(live="y")
    clock.set(6)
    ada.add_update(other)
    clock.set(23.9)
    assert look(app) == []
    assert '<p class="live-mark">' in anonymous.get(f"/post/{post_id}").text
    before = len(happened(app, post_id)), len(happened(app, FRONT))
    clock.set(24)
    assert look(app) == [post_id]
    page = anonymous.get(f"/post/{post_id}").text
    assert "Live coverage ended on" in page
    assert '<p class="live-mark">' not in page
    assert [event.kind for event in happened(app, post_id)[before[0] :]] == ["post"]
    assert [event.kind for event in happened(app, FRONT)[before[1] :]] == ["card"]
    assert "Live coverage ended on" in ada.get(f"/desk/post/{post_id}/live").text
    assert ada.post(f"/post/{post_id}/updates", body="Too late.").status_code == 409
    clock.set(24.5)
    assert look(app) == [], "once is enough"


def test_an_update_at_the_last_moment_is_not_overtaken(
    app: Flask, ada: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_id = ada.write_post(live="y")
    clock.set(24)
    changing = changes.changing

    def after_an_update() -> object:
        monkeypatch.setattr(changes, "changing", changing)
        ada.add_update(post_id, "Still going.")
        return changing()

    monkeypatch.setattr(changes, "changing", after_an_update)
    assert look(app) == []
    assert "Live coverage ended on" not in ada.get(f"/post/{post_id}").text


def test_the_setting_says_how_long(app: Flask, ada: Person, clock: Clock) -> None:
    app.config["END_AFTER_HOURS"] = 1
    post_id = ada.write_post(live="y")
    clock.set(1)
    assert "No updates for one hour." in ada.get("/desk").text
    assert look(app) == []
    clock.set(2)
    assert look(app) == [post_id]


def test_the_setting_says_never(app: Flask, ada: Person, clock: Clock) -> None:
    app.config["END_AFTER_HOURS"] = 0
    post_id = ada.write_post(live="y")
    clock.set(1_000)
    assert not is_asked(ada, post_id)
    assert look(app) == []
    app.config["END_AFTER_HOURS"] = 500
    assert look(app) == [post_id], "so it would be found"


def test_a_benchs_posts_stay_live(app: Flask, ada: Person, clock: Clock) -> None:
    ada.write_post(live="y")
    clock.set(1_000)
    instance.write_bench(app.config["INSTANCE"], {})
    assert look(app) == []
    (app.config["INSTANCE"] / instance.BENCH).unlink()
    assert look(app) == [1]


@pytest.mark.slow
def test_a_running_site_ends_it(copied_instance: Callable[[str], Path]) -> None:
    """Under uWSGI, in its page files too. The post was last updated before the site started."""
    folder = copied_instance("quiet")
    app = create_app(settings_for(folder))
    post_id = Person(app, "ada").write_post(live="y")
    with app.app_context(), db.writing() as session:
        post = session.get_one(Post, post_id)
        post.published_at = post.changed_at = post.kept_live_at = now_ms() - 3 * HOUR_MS
    assert '<p class="live-mark">' in app.test_client().get(f"/post/{post_id}").text
    with UwsgiServer(folder, workers=2, environ={"PRESSROOM_END_AFTER_HOURS": "1"}):
        page = folder / "pages" / "post" / str(post_id) / "index.html"
        until(lambda: page.is_file() and "Live coverage ended on" in page.read_text(), "the post had ended")
    assert [event.kind for event in happened(app, post_id)].count("post") == 2, "one worker ended it, once"
    close(app)
