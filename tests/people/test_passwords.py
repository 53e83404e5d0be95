"""Passwords: argon2id with OWASP's parameters, renewed when those change, the same work for everybody."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from flask import Flask

from support.persons import PASSWORD, Person
from webapp import db
from webapp.errors import Refused
from webapp.people import passwords, users


@pytest.fixture(scope="module")
def real() -> ModuleType:
    """The module as it is; the tests' own hashes are made to be quick (conftest.py)."""
    spec = spec_from_file_location("webapp.people.real_passwords", passwords.__file__)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored_hash(app: Flask, name: str) -> str:
    with app.app_context():
        return users.by_name(db.reading(), name).password_hash or ""


class Counted(PasswordHasher):
    """A hasher that says what it did."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.done: list[str] = []

    def hash(self, password: str | bytes, **kwargs: bytes) -> str:
        self.done.append("hash")
        return super().hash(password, **kwargs)

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        extract_parameters(hash)  # raises for what isn't one, and would cost nothing
        self.done.append("verify")
        return super().verify(hash, password)


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted()
    monkeypatch.setattr(passwords, "_hasher", made)
    return made


def test_it_uses_the_parameters_that_owasp_recommends(real: ModuleType) -> None:
    for stored in (real.make_hash(PASSWORD), real._nobodys):
        used = extract_parameters(stored)
        assert (used.type, used.memory_cost, used.time_cost, used.parallelism) == (Type.ID, 19 * 1024, 2, 1)
        assert (used.salt_len, used.hash_len) == (16, 32)
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_only_the_password_itself_is_right(real: ModuleType) -> None:
    stored = real.make_hash(PASSWORD)
    assert stored != real.make_hash(PASSWORD), "each has a salt of its own"
    assert PASSWORD not in stored
    assert real.verify(stored, PASSWORD)
    for wrong in ("", PASSWORD[:-1], PASSWORD + "x", PASSWORD.upper(), stored):
        assert not real.verify(stored, wrong)


def test_the_whole_of_a_long_password_counts() -> None:
    long = "密" * passwords.MAX_LENGTH
    stored = passwords.make_hash(long)
    assert passwords.verify(stored, long)
    assert not passwords.verify(stored, long[:-1])


def test_nothing_is_the_password_of_nobody(real: ModuleType) -> None:
    assert real.verify(real._nobodys, "nobody has this password"), "else the next line would prove nothing"
    assert not real.verify(None, "nobody has this password")


@pytest.mark.parametrize(
    "stored", ["", "x", "$argon2id$v=19$", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8,t=1,p=1$$"]
)
def test_a_damaged_hash_matches_nothing(stored: str) -> None:
    assert not passwords.verify(stored, PASSWORD)


def test_a_hash_of_other_parameters_is_outdated(real: ModuleType) -> None:
    assert not real.is_outdated(real.make_hash(PASSWORD))
    for hasher in (
        PasswordHasher(time_cost=1, memory_cost=19 * 1024, parallelism=1),
        PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1),
        PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.I),
    ):
        assert real.is_outdated(hasher.hash(PASSWORD))


@pytest.mark.parametrize(
    "name", ["ada", "ada@example.org", "nobody-here", "nobody@example.org", "gone", "away", "x" * 254, "%"]
)
def test_every_log_in_that_fails_costs_one_verification(app: Flask, hasher: Counted, name: str) -> None:
    """Whoever measures the time learns nothing about which names there are."""
    with app.app_context(), db.writing() as session:
        gone = users.create(session, "gone", None, stored_hash_of(session, "ada"))
        away = users.create(session, "away", None, stored_hash_of(session, "ada"))
        users.remove(session, gone.id)
        users.disable(session, away.id, True)
    anonymous = Person(app)
    assert anonymous.log_in(name, "wrong wrong wrong").status_code == 400
    assert hasher.done == ["verify"]


def stored_hash_of(session: db.Session, name: str) -> str:
    return users.by_name(session, name).password_hash or ""


def test_a_log_in_that_goes_well_costs_one_verification_too(app: Flask, hasher: Counted) -> None:
    Person(app).log_in("ada")
    assert hasher.done == ["verify"]


def test_logging_in_renews_an_outdated_hash(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored_hash(app, "ada")
    elsewhere = Person(app, "ada")
    assert stored_hash(app, "ada") == before
    stronger = Counted(time_cost=2)
    monkeypatch.setattr(passwords, "_hasher", stronger)
    assert Person(app).log_in("ada", "wrong wrong wrong").status_code == 400
    assert stored_hash(app, "ada") == before, "a wrong password renews nothing"
    assert Person(app).log_in("ada").status_code == 302
    after = stored_hash(app, "ada")
    assert extract_parameters(after).time_cost == 2
    assert elsewhere.get("/me").json["signed_in"], "the other sessions go on"
    assert Person(app).log_in("ada").status_code == 302
    assert stored_hash(app, "ada") == after
    assert stronger.done == ["verify", "verify", "hash", "verify"]


def test_renewing_never_brings_an_older_password_back(app: Flask) -> None:
    """Somebody changed it while the old one was being hashed anew."""
    before = stored_hash(app, "ada")
    changed = passwords.make_hash("staple staple staple")
    with app.app_context(), db.writing() as session:
        ada_id = users.by_name(session, "ada").id
        users.set_password(session, ada_id, changed)
        users.rehash(session, ada_id, before, passwords.make_hash(PASSWORD))
    assert stored_hash(app, "ada") == changed
    with app.app_context(), db.writing() as session:
        users.rehash(session, ada_id, changed, before)
    assert stored_hash(app, "ada") == before, "while the current one is replaced"


def test_hashing_runs_beside_the_other_greenlets(run_patched: Callable[[str], None]) -> None:
    """Under gevent it goes to the thread pool: a greenlet runs on while it lasts."""
    run_patched(
        """
        import threading
        import gevent
        from webapp.people import passwords

        ticks = []
        def tick():
            while True:
                ticks.append(1)
                gevent.sleep(0)
        ticker = gevent.spawn(tick)
        gevent.sleep(0)
        for work in (lambda: passwords.make_hash("a long password"), lambda: passwords.verify(None, "a long password")):
            before = len(ticks)
            work()
            assert len(ticks) > before + 1, "nothing else ran"
        before = len(ticks)
        passwords._hasher.hash("a long password")
        assert len(ticks) == before, "hashing on the hub stops everything, or else this test proves nothing"
        ticker.kill()
        """
    )


def test_hashing_needs_no_gevent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under another server it just runs."""
    monkeypatch.delitem(sys.modules, "gevent.monkey", raising=False)
    assert passwords.verify(passwords.make_hash(PASSWORD), PASSWORD)


# What is refused


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "10 to 200"),
        ("x" * 201, "10 to 200"),
        ("1q2w3e4r5t", "common"),
        ("QWERTYUIOP", "common"),
        ("password12345", "common"),
        ("!!liverpool!!", "common"),
        ("ada-lovelace-1", "own name"),
        ("Countess.1815", "own name"),
        ("countess@example.org", "own name"),
        ("harbour-news-24", "own name"),
    ],
)
def test_what_is_guessed_first_is_refused(app: Flask, password: str, why: str) -> None:
    with app.app_context(), pytest.raises(Refused, match=why):
        passwords.check(password, "Harbour News", "Ada_Lovelace", "countess@example.org", None)


@pytest.mark.parametrize(
    "password", [PASSWORD, "6482957301465", "ada lovelace wrote the first program", "荇湾的水涨过了码头三级"]
)
def test_what_only_begins_like_it_is_taken(app: Flask, password: str) -> None:
    with app.app_context():
        passwords.check(password, "Harbour News", "Ada_Lovelace", "", None)


def test_names_are_those_of_whoever_gets_the_password(ada: Person) -> None:
    for new, status in (("ada-2026-2026", 400), ("ada@example.org", 400), ("bob-2026-2026", 302)):
        answer = ada.post("/settings/password", password=PASSWORD, new_password=new)
        assert answer.status_code == status, new
