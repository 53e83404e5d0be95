"""A live post and what its author does there, in a time that the test decides."""

from __future__ import annotations

import time
from typing import Protocol

import pytest

from support.persons import Person


class HasTime(Protocol):
    def time_ns(self) -> int: ...


class Clock:
    """The time of all that is written; it stands still between two ticks."""

    def __init__(self) -> None:
        self.ms = time.time_ns() // 1_000_000

    def time_ns(self) -> int:
        return self.ms * 1_000_000

    def tick(self, seconds: float = 60) -> int:
        """Let so much time pass; what the time is then, in ms."""
        self.ms += int(seconds * 1000)
        return self.ms


def stop_time(monkeypatch: pytest.MonkeyPatch, clock: HasTime) -> None:
    """From here on it is what the clock says, also where a database has a clock of its own."""
    monkeypatch.setattr("webapp.system.clock.time", clock)
    monkeypatch.setattr("webapp.system.clock.follow", lambda _database_ms: None)
    monkeypatch.setattr("webapp.system.clock._ahead_ms", 0)


class LivePost:
    """A live post of Ada's, and what she does there."""

    def __init__(self, ada: Person) -> None:
        self.ada = ada
        self.id = ada.write_post(live="y")
        self.path = f"/post/{self.id}"

    def add(self, body: str, **data: str) -> int:
        return self.ada.add_update(self.id, body, **data)

    def change(self, n: int, verb: str, **data: str) -> None:
        assert self.ada.post(f"/desk{self.path}/update/{n}/{verb}", **data).status_code == 302

    def correct(self, n: int, body: str, **data: str) -> None:
        self.change(n, "correct", body=body, **({"note": f"Now {body[:30]}"} | data))

    def places(self, n: int) -> list[str]:
        """Where the update is shown."""
        return [self.path, f"{self.path}/update/{n}", f"{self.path}/updates/1", f"{self.path}/feed.atom"]

    def at(self, ms: int) -> str:
        """The address of the post as it stood."""
        return f"{self.path}/at/{ms / 1000}"
