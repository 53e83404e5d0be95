"""Limits per account and address, and whose address it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.wrappers import Response
from sqlalchemy import func, select

from support.live_post import Clock
from support.persons import PASSWORD, Person
from webapp import db, models
from webapp.db.engine import snapshot
from webapp.people import passwords

HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"
WRONG = "wrong wrong wrong"


class Visitor:
    """Somebody at an address, with a form open."""

    def __init__(self, app: Flask, form_at: str = "/login") -> None:
        self.person = Person(app)
        self.token = self.person.csrf_token(form_at)

    def send(self, path: str, address: str, headers: dict[str, str] | None = None, **fields: str) -> Response:
        return self.person.client.post(
            path,
            data={"csrf_token": self.token, **fields},
            headers=headers,
            environ_overrides={"REMOTE_ADDR": address},
        )

    def try_log_in(self, name: str, password: str = WRONG, address: str = HOME, **headers: str) -> Response:
        return self.send("/login", address, headers, username=name, password=password)


@pytest.fixture
def visitor(app: Flask, clock: Clock) -> Visitor:
    return Visitor(app)


def refusals(answer: Response) -> int:
    """The seconds to wait, of an answer that refuses for now."""
    assert answer.status_code == 429, answer.text
    assert "Too many" in answer.text
    return int(answer.headers["Retry-After"])


# Log-ins


def test_thirty_log_ins_that_succeed_in_five_minutes_for_an_account(app: Flask, clock: Clock) -> None:
    """Each leaves a session. They are counted wherever they come from."""
    for number in range(30):
        assert Visitor(app).try_log_in("ada", PASSWORD, address=f"192.0.2.{number}").status_code == 302
    refusals(Visitor(app).try_log_in("ada", PASSWORD, address="192.0.2.99"))
    assert Visitor(app).try_log_in("bob", PASSWORD).status_code == 302
    clock.tick(301)
    assert Visitor(app).try_log_in("ada", PASSWORD).status_code == 302


def test_ten_tries_in_five_minutes_for_a_name_from_an_address(visitor: Visitor, clock: Clock) -> None:
    for _ in range(10):
        assert visitor.try_log_in("ada").status_code == 400
        clock.tick(10)
    wait = refusals(visitor.try_log_in("ada", PASSWORD))
    assert wait == 200, "the first of the ten was 100 seconds ago"
    clock.tick(wait - 1)
    assert refusals(visitor.try_log_in("ada", PASSWORD)) == 1
    clock.tick(1)
    assert visitor.try_log_in("ada", PASSWORD).status_code == 302


def test_being_refused_does_not_make_it_longer(visitor: Visitor, clock: Clock) -> None:
    for _ in range(10):
        visitor.try_log_in("ada")
    for _ in range(20):
        clock.tick(10)
        refusals(visitor.try_log_in("ada"))
    clock.tick(100)
    assert visitor.try_log_in("ada", PASSWORD).status_code == 302


def test_nobody_is_locked_out_by_somebody_at_another_address(visitor: Visitor) -> None:
    for number in range(30):
        visitor.try_log_in("edith", address=f"192.0.2.{number // 10}")
    assert visitor.try_log_in("edith", address="192.0.2.0").status_code == 429
    assert visitor.try_log_in("edith", PASSWORD, HOME).status_code == 302


def test_other_names_at_the_address_go_on(visitor: Visitor) -> None:
    for _ in range(10):
        visitor.try_log_in("ada")
    refusals(visitor.try_log_in("ada"))
    assert visitor.try_log_in("bob", PASSWORD).status_code == 302


@pytest.mark.parametrize("spelt", ["ADA", " ada", "ada\t", "\u3000ada", "ａda", "a\0da"])
def test_another_spelling_is_the_same_name(visitor: Visitor, spelt: str) -> None:
    for _ in range(10):
        visitor.try_log_in(spelt)
    refusals(visitor.try_log_in("ada", PASSWORD))
    assert visitor.try_log_in("bob", PASSWORD).status_code == 302


def test_unknown_names_are_counted_alike(visitor: Visitor) -> None:
    for _ in range(10):
        assert visitor.try_log_in("nobody-here").status_code == 400
    refusals(visitor.try_log_in("nobody-here"))


def test_a_hundred_tries_from_an_address(visitor: Visitor, clock: Clock) -> None:
    for number in range(100):
        assert visitor.try_log_in(f"name-{number}").status_code == 400
    assert refusals(visitor.try_log_in("ada", PASSWORD)) == 300
    assert Visitor(visitor.person.app).try_log_in("ada", PASSWORD, ELSEWHERE).status_code == 302
    clock.tick(300)
    assert visitor.try_log_in("ada", PASSWORD).status_code == 302


def test_log_ins_that_go_well_are_not_counted(visitor: Visitor) -> None:
    for _ in range(12):
        fresh = Visitor(visitor.person.app)
        assert fresh.try_log_in("ada", PASSWORD).status_code == 302
    for _ in range(9):
        visitor.try_log_in("ada")
    assert visitor.try_log_in("ada", PASSWORD).status_code == 302
    for _ in range(1):
        assert Visitor(visitor.person.app).try_log_in("ada").status_code == 400
    refusals(Visitor(visitor.person.app).try_log_in("ada"))


def test_a_try_is_counted_before_its_outcome_is_known(
    visitor: Visitor, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a hundred at once, on all workers, can't slip through while the first is being hashed."""
    counted: list[int] = []

    def count(_stored: str | None, _password: str) -> bool:
        with snapshot(app.extensions["engine"]) as session:
            counted.append(session.scalar(select(func.count()).select_from(models.Attempt)) or 0)
        return False

    monkeypatch.setattr(passwords, "verify", count)
    for _ in range(11):
        visitor.try_log_in("ada")
    assert counted == [2 * number for number in range(1, 11)], "of the pair and of the address; the 11th isn't hashed"


def test_refused_tries_cost_no_hashing(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(passwords, "verify", lambda _stored, password: hashed.append(password))
    for _ in range(15):
        visitor.try_log_in("ada")
    assert len(hashed) == 10


def test_the_count_is_shared_by_all_workers(make_app: Callable[..., Flask], clock: Clock) -> None:
    one = make_app()
    another = make_app(DATABASE_URL=one.config["DATABASE_URL"], INSTANCE=one.config["INSTANCE"])
    visitors = Visitor(one), Visitor(another)
    for number in range(10):
        assert visitors[number % 2].try_log_in("ada").status_code == 400
    for visitor in visitors:
        refusals(visitor.try_log_in("ada"))


def test_old_tries_are_forgotten(visitor: Visitor, app: Flask, clock: Clock) -> None:
    for number in range(5):
        visitor.try_log_in(f"name-{number}")
    clock.tick(3601)
    visitor.try_log_in("ada")
    with app.app_context():
        assert db.reading().scalar(select(func.count()).select_from(models.Attempt)) == 2


# Addresses


def test_an_ipv6_network_is_one_address(visitor: Visitor) -> None:
    for number in range(10):
        visitor.try_log_in("ada", address=f"2001:db8:0:1:{number}::{number}")
    refusals(visitor.try_log_in("ada", PASSWORD, "2001:db8:0:1:ffff::1"))
    assert visitor.try_log_in("ada", PASSWORD, "2001:db8:0:2::1").status_code == 302


def test_ipv4_within_ipv6_is_many_addresses(visitor: Visitor) -> None:
    """What a socket that is bound to `::` says of an IPv4 visitor."""
    for _ in range(10):
        visitor.try_log_in("ada", address=f"::ffff:{HOME}")
    refusals(visitor.try_log_in("ada", PASSWORD, f"::ffff:{HOME}"))
    refusals(visitor.try_log_in("ada", PASSWORD, HOME))
    assert visitor.try_log_in("ada", PASSWORD, f"::ffff:{ELSEWHERE}").status_code == 302


@pytest.mark.parametrize("address", ["", "fe80::1%eth0", "not an address", "unix:"])
def test_an_odd_address_is_no_server_error(visitor: Visitor, address: str) -> None:
    for _ in range(10):
        assert visitor.try_log_in("ada", address=address).status_code == 400
    refusals(visitor.try_log_in("ada", PASSWORD, address))


def test_without_proxies_nobody_chooses_an_address(visitor: Visitor) -> None:
    for number in range(10):
        visitor.try_log_in("ada", **{"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"})
    refusals(visitor.try_log_in("ada", PASSWORD, **{"X-Forwarded-For": "192.0.2.99"}))


@pytest.mark.parametrize(("proxies", "appended"), [(1, ""), (2, ", 10.0.0.2")])
def test_the_address_is_the_one_that_our_own_proxies_say(
    make_app: Callable[..., Flask], clock: Clock, proxies: int, appended: str
) -> None:
    """Each proxy appends the address that it sees; what stands before those was chosen by the visitor."""
    visitor = Visitor(make_app(PROXIES=proxies))
    for number in range(10):
        forwarded = {"X-Forwarded-For": f"192.0.2.{number}, {HOME}{appended}"}
        assert visitor.try_log_in("ada", address="10.0.0.1", **forwarded).status_code == 400
    refusals(visitor.try_log_in("ada", PASSWORD, "10.0.0.1", **{"X-Forwarded-For": f"{HOME}{appended}"}))
    other = {"X-Forwarded-For": f"{HOME}, {ELSEWHERE}{appended}"}
    assert visitor.try_log_in("ada", PASSWORD, "10.0.0.1", **other).status_code == 302


@pytest.mark.parametrize(("proxies", "secure"), [(0, False), (1, True)])
def test_the_scheme_is_believed_as_the_address_is(make_app: Callable[..., Flask], proxies: int, secure: bool) -> None:
    person = Person(make_app(PROXIES=proxies))
    person.client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    https = {
        "Referer": "https://127.0.0.1:8000/login",
        "X-Forwarded-Host": "evil.example",
    }
    fields = {"csrf_token": person.csrf_token("/login"), "username": "ada", "password": PASSWORD}
    answer = person.client.post("/login", data=fields, headers=https)
    assert answer.status_code == 302
    cookies = answer.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    assert all(("Secure" in cookie) == secure for cookie in cookies)
    assert answer.location == "/desk"


# Registrations


@pytest.fixture
def newcomer(make_app: Callable[..., Flask], clock: Clock) -> Iterator[Callable[..., Response]]:
    app = make_app(REGISTRATION="open")
    waiting: list[Visitor] = []

    def register(name: str, address: str = HOME, **fields: str) -> Response:
        visitor = waiting.pop() if waiting else Visitor(app, "/register")
        answer = visitor.send("/register", address, username=name, password="a long password", **fields)
        if answer.status_code != 302:
            waiting.append(visitor)  # the form is still open
        return answer

    return register


def test_five_registrations_an_hour_from_an_address(newcomer: Callable[..., Response], clock: Clock) -> None:
    for number in range(5):
        assert newcomer(f"name-{number}").status_code == 302
        clock.tick(60)
    wait = refusals(newcomer("one-more"))
    assert wait == 3600 - 300
    assert newcomer("elsewhere", ELSEWHERE).status_code == 302
    clock.tick(wait)
    assert newcomer("one-more").status_code == 302


def test_a_taken_name_uses_no_registration_up(newcomer: Callable[..., Response]) -> None:
    for _ in range(6):
        assert newcomer("ada").status_code == 400
    for number in range(5):
        assert newcomer(f"name-{number}").status_code == 302
    refusals(newcomer("one-more"))


def test_nobody_asks_endlessly_which_names_are_taken(newcomer: Callable[..., Response]) -> None:
    for number in range(30):
        assert newcomer("ada").status_code == 400, number
    refusals(newcomer("ada"))
    assert newcomer("new-name", ELSEWHERE).status_code == 302


def test_refused_registrations_cost_no_hashing(
    newcomer: Callable[..., Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        newcomer(f"name-{number}")
    hashed: list[str] = []
    monkeypatch.setattr(passwords, "make_hash", hashed.append)
    refusals(newcomer("one-more"))
    assert hashed == []


# Comments


def test_five_comments_a_minute_from_an_account(ada: Person, eve: Person, clock: Clock) -> None:
    post_id = ada.write_post()
    for number in range(5):
        eve.comment(post_id, f"Number {number}.")
    answer = eve.post(f"/post/{post_id}/comments", body="One *more*.")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert "One *more*." in answer.text, "what was written is still there to copy"
    ada.comment(post_id, "The limit is each account's own.")
    clock.tick(59)
    assert eve.post(f"/post/{post_id}/comments", body="One more.").status_code == 429
    clock.tick(2)
    eve.comment(post_id, "One more.")
    assert "One more." in ada.get(f"/post/{post_id}").text


def test_the_limit_is_the_same_on_all_posts_together(ada: Person, eve: Person) -> None:
    posts = [ada.write_post(title=f"Post {number}") for number in range(6)]
    for post_id in posts[:5]:
        eve.comment(post_id)
    assert eve.post(f"/post/{posts[5]}/comments", body="One more.").status_code == 429


def test_deleting_comments_makes_no_room(ada: Person, eve: Person) -> None:
    post_id = ada.write_post()
    for _ in range(5):
        n = eve.comment(post_id)
        assert eve.post(f"/post/{post_id}/comment/{n}/delete").status_code == 302
    assert eve.post(f"/post/{post_id}/comments", body="One more.").status_code == 429


# Off


def test_a_setting_lifts_the_limits(make_app: Callable[..., Flask], clock: Clock) -> None:
    app = make_app(LIMITS="off", REGISTRATION="open")
    visitor = Visitor(app)
    for _ in range(12):
        assert visitor.try_log_in("ada").status_code == 400
    assert visitor.try_log_in("ada", PASSWORD).status_code == 302
    for number in range(7):
        fields = {"username": f"name-{number}", "password": "a long password"}
        assert Visitor(app, "/register").send("/register", HOME, **fields).status_code == 302
    ada, eve = Person(app, "ada"), Person(app, "eve")
    post_id = ada.write_post()
    for _ in range(7):
        eve.comment(post_id)


def test_nobody_collects_names_by_renaming(eve: Person) -> None:
    answers = [eve.post("/settings", username=f"eve-{n}", password=PASSWORD).status_code for n in range(12)]
    assert answers == [302] * 5 + [400] * 5 + [429] * 2, "of five at most, by ten tries an hour"
