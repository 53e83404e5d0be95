"""A clock that is set back or forward, and right again: nobody is logged out, shut out or overtaken by it."""

from __future__ import annotations

import re
import time

import pytest
from flask import Flask

from support.persons import PASSWORD, Person, happened, id_of, is_signed_in
from webapp import db, models
from webapp.content import auto_end
from webapp.errors import NotFound, TooMany
from webapp.http import rate_limits
from webapp.people import one_time_links, sessions
from webapp.system.clock import now_ms

HOUR, DAY = 3_600, 86_400
STEPS = pytest.mark.parametrize("step", [-20 * DAY, -DAY, -HOUR, HOUR, DAY, 20 * DAY])


class SetClock:
    """The machine's clock, `ahead` of the right time by so many seconds; what counts durations isn't set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0
        right, right_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: right() + self.ahead)
        monkeypatch.setattr(time, "time_ns", lambda: right_ns() + self.ahead * 1_000_000_000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    return SetClock(monkeypatch)


# Who is logged in


@pytest.mark.slow
@STEPS
def test_everybody_stays_logged_in_and_goes_on_writing(
    app: Flask, clock: SetClock, ada: Person, anonymous: Person, step: int
) -> None:
    """With the forms that they have open, at each of the steps."""
    post_id = ada.write_post(live="y")
    update = {"csrf_token": ada.csrf_token(), "body": "Goal!"}
    login = {"csrf_token": anonymous.csrf_token("/login"), "username": "eve", "password": PASSWORD}
    clock.ahead = step
    assert ada.client.post(f"/post/{post_id}/updates", data=update).status_code == 302
    assert anonymous.client.post("/login", data=login).status_code == 302
    clock.ahead = 0
    for person in (ada, anonymous):
        assert is_signed_in(person)
        assert person.post(f"/post/{post_id}/comments", body="Well said.").status_code == 302


def test_whom_a_clock_that_was_ahead_logged_out_is_logged_in_again(clock: SetClock, ada: Person) -> None:
    clock.ahead = 31 * DAY
    assert not is_signed_in(ada)
    Person(ada.app, "eve")  # at a log-in what ended long ago is forgotten
    clock.ahead = 0
    assert is_signed_in(ada)


def test_no_session_lasts_for_ever(app: Flask, clock: SetClock) -> None:
    clock.ahead = 365 * DAY
    ada = Person(app, "ada")
    assert is_signed_in(ada)
    clock.ahead = 0
    assert not is_signed_in(ada)


def test_whoever_logs_in_last_is_never_the_one_too_many(app: Flask, clock: SetClock) -> None:
    with app.app_context(), db.writing() as session:
        for _ in range(sessions.SESSIONS_PER_ACCOUNT):
            sessions.start_session(session, id_of(app, "ada"), "A browser")
    clock.ahead = -DAY
    first, second = Person(app, "ada"), Person(app, "ada")
    assert is_signed_in(first)
    assert is_signed_in(second)


@pytest.mark.parametrize(("kind", "role"), [("invitation", "author"), ("password", None)])
def test_a_link_works_after_the_clock_was_set_and_ends_in_time(
    app: Flask, clock: SetClock, kind: str, role: str | None
) -> None:
    root, good_for = id_of(app, "root"), one_time_links.GOOD_FOR_MS[kind] // 1000

    def made() -> str:
        with app.app_context(), db.writing() as session:
            return one_time_links.make_link(session, kind, root, role=role, user_id=None if role else root)

    def is_good(token: str) -> bool:
        with app.app_context():
            try:
                return bool(one_time_links.link(db.reading(), kind, token))
            except NotFound:
                return False

    token = made()
    for clock.ahead in (-HOUR, -DAY, 0):
        assert is_good(token)
    clock.ahead = good_for + HOUR
    made()  # then what ended long ago is forgotten
    clock.ahead = 0
    assert is_good(token)
    clock.ahead = DAY
    token = made()
    clock.ahead = 0
    assert is_good(token)


# Limits


def test_limits_last_as_long_as_they_say_and_not_until_the_clock_has_caught_up(app: Flask, clock: SetClock) -> None:
    def attempt() -> int:
        """0, or the seconds to wait."""
        with app.app_context():
            try:
                with db.writing() as session:
                    rate_limits.attempt(session, {"login ada": 2}, 60)
            except TooMany as error:
                return error.retry_after_seconds
            return 0

    for clock.ahead in (DAY, 0, -DAY):
        assert (attempt(), attempt()) == (0, 0)
        assert 0 < attempt() <= 60
    clock.ahead += 61
    assert attempt() == 0


def test_comments_are_slow_and_few_for_no_longer_after_the_clock_was_set_back(
    clock: SetClock, ada: Person, eve: Person
) -> None:
    slow, usual = ada.write_post(comments="slow"), ada.write_post()
    clock.ahead = DAY
    eve.comment(slow)
    for _ in range(4):
        eve.comment(usual)
    clock.ahead = 0
    eve.comment(slow)
    for _ in range(4):
        eve.comment(usual)
    assert eve.post(f"/post/{usual}/comments", body="One too many.").status_code == 429, "there still is a limit"
    clock.ahead = 61
    assert eve.post(f"/post/{slow}/comments", body="Still slow.").status_code == 429
    eve.comment(usual)


def test_nobody_is_said_to_have_an_update_open_until_the_clock_has_caught_up(
    clock: SetClock, ada: Person, edith: Person
) -> None:
    post_id = ada.write_post(live="y")
    form = f"/desk/post/{post_id}/update/{ada.add_update(post_id)}/edit"
    ada.get(form)
    assert "ada has this update open too" in edith.get(form).text
    clock.ahead = -DAY
    assert "has this update open too" not in edith.get(form).text
    assert "edith has this update open too" in ada.get(form).text


# Live posts


def test_a_day_that_passes_at_once_ends_no_live_post(app: Flask, clock: SetClock, ada: Person) -> None:
    post_id, looks = ada.write_post(live="y"), auto_end.Looks()

    def ended() -> list[int]:
        with app.app_context():
            return looks.look()

    assert ended() == []
    clock.ahead = 2 * DAY
    assert ended() == []
    clock.ahead = 0
    assert ended() == []
    with app.app_context():
        assert not auto_end.asked_about(db.reading())
    with app.app_context(), db.writing() as session:  # what was last done there is a day old
        post = session.get_one(models.Post, post_id)
        post.published_at = post.changed_at = now_ms() - DAY * 1000
    assert ended() == [post_id], "and that clock put its end off by nothing"


def test_updates_stand_in_the_order_in_which_they_were_written(
    app: Flask, clock: SetClock, ada: Person, anonymous: Person
) -> None:
    """On the page, in the feed and in the stream, by their numbers."""
    post_id = ada.write_post(live="y")
    numbers = []
    for clock.ahead in (0, DAY, -DAY, -HOUR, HOUR):
        numbers.append(ada.add_update(post_id))
        page, feed = anonymous.get(f"/post/{post_id}"), anonymous.get(f"/post/{post_id}/feed.atom")
        newest_first = [f"update-{n}" for n in reversed(numbers)]
        assert re.findall(r'id="(update-\d+)"', page.text) == newest_first
        assert re.findall(r"<id>[^<]*/(update/\d+)</id>", feed.text) == [n.replace("-", "/") for n in newest_first]
    replayed = anonymous.get(f"/post/{post_id}/live?after=0").text
    assert re.findall(r'"id": "(update-\d+)"', replayed) == [f"update-{n}" for n in numbers]
    assert [event.seq for event in happened(app, post_id)] == sorted(event.seq for event in happened(app, post_id))
