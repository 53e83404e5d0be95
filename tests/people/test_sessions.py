"""Sessions: what the database keeps of them, when they end, and cookies that are none."""

from __future__ import annotations

import pytest

from support.live_post import Clock
from support.persons import Person, id_of, is_signed_in
from webapp import changes, db
from webapp.people import sessions, users
from webapp.system.clock import now_ms

SITE = "127.0.0.1"
DAY_MS = 86_400_000


def test_the_database_keeps_only_the_hash(ada: Person) -> None:
    with ada.client.session_transaction() as cookie:
        sid = cookie["sid"]
    with ada.app.app_context():
        kept = [row.sid_hash for row in sessions.sessions_of(db.reading(), id_of(ada.app, "ada"))]
    assert kept == [sessions.hashed(sid)]
    assert sid not in kept


def test_a_session_ends_after_thirty_days(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    now = now_ms()
    monkeypatch.setattr(sessions, "now_ms", lambda: now + 29 * DAY_MS)
    assert is_signed_in(ada)
    monkeypatch.setattr(sessions, "now_ms", lambda: now + 30 * DAY_MS + 60_000)
    assert not is_signed_in(ada)


def test_an_account_has_twenty_sessions_and_the_oldest_ends(ada: Person, bob: Person, clock: Clock) -> None:
    """Each is a row, and a line in the settings."""
    user_id = id_of(ada.app, "ada")
    ada = Person(ada.app, "ada")
    with ada.app.app_context(), db.writing() as session:
        for _ in range(sessions.SESSIONS_PER_ACCOUNT - 1):
            clock.tick()
            sessions.start_session(session, user_id, "A browser")
    assert is_signed_in(ada)
    clock.tick()
    another = Person(ada.app, "ada")
    assert (is_signed_in(ada), is_signed_in(another), is_signed_in(bob)) == (False, True, True)
    assert another.get("/settings").text.count("<p>A browser</p>") == sessions.SESSIONS_PER_ACCOUNT - 1


def test_a_forged_cookie_is_nobody(anonymous: Person, ada: Person) -> None:
    cookie = ada.client.get_cookie("session", SITE).value
    anonymous.client.set_cookie("session", cookie, domain=SITE)
    assert is_signed_in(anonymous)
    for forged in (cookie[:-2], "x" + cookie, cookie.replace(".", "", 1), "", "\x7f", "x" * 3_000):
        anonymous.client.set_cookie("session", forged, domain=SITE)
        assert not is_signed_in(anonymous), forged


def test_the_hint_alone_proves_nothing(anonymous: Person) -> None:
    anonymous.client.set_cookie("signed_in", "1", domain=SITE)
    answer = anonymous.get("/me")
    assert not answer.json["signed_in"]
    assert anonymous.client.get_cookie("signed_in", SITE) is None, "a stale hint must go, or every page would ask again"


def test_a_session_of_a_deleted_account_is_nobodys(ada: Person) -> None:
    """A log-in that was under way may write its session after the account was deleted."""
    eve = Person(ada.app, "eve")
    assert is_signed_in(eve)
    with ada.app.app_context(), changes.changing() as session:
        users.by_name(session, "eve").deleted_at = now_ms()
    assert not is_signed_in(eve)
