"""Whatever happens, in whatever order, every reader ends up with what the database has, and heard each event once.

Drawn at random: who writes what, who reads, leaves, comes back or stops reading, and which process is killed meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import signal
import socket
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from support.http_client import Browser
from support.live_page import LivePage
from support.reader import CATCH_UP_SECONDS, Reader
from support.uwsgi_server import UwsgiServer
from tools.processes import until

pytestmark = pytest.mark.slow

MSS = (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
SMALL_BUFFER = (socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
# A page shows the newest 50 of each; the model doesn't drop what it has, so there must be no more.
ITEMS = 45
TROUBLES = ("kill a worker", "kill the broadcaster", "renew the broadcaster", "chain reload")
# Words of an update or comment. A dozen long ones are more than a socket takes whose reader is small and doesn't read;
# the last are more than an event has room for.
SHORT, LONG, TOO_LONG = 1, 1150, 1500


class World:
    """One post on the running site, its writers and its readers."""

    def __init__(self, server: UwsgiServer, authors: list[Browser], eve: Browser, options: list[tuple[int, int, int]]):
        self.server, self.authors, self.eve, self.options = server, authors, eve, options
        self.post = 0
        self.post = int(self.write("/desk/new", **self.texts("The derby"), action="publish").rpartition("/")[2])
        self.path = f"/post/{self.post}"
        self.updates: list[int] = []
        self.comments: list[int] = []
        self.count = itertools.count(1)
        self.readers: list[Reader] = []

    @staticmethod
    def texts(title: str) -> dict[str, str]:
        return {"title": title, "body": "Kick-off at eight.", "live": "y"}

    def write(self, path: str, by: int = 0, **data: str) -> str:
        """Send a form, again when nothing came back; the address that it led to."""
        author = self.eve if by < 0 else self.authors[by]
        led_to: list[str] = []

        def sent() -> bool:
            try:
                led_to.append(author.post(path, csrf_token=author.token, **data))
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 503:
                    return False
                # What was done before the answer was lost can't be done again.
                assert error.code in (404, 409), (path, error.code)
                led_to.append("")
            except (OSError, http.client.HTTPException):
                return False
            return True

        until(sent, f"{path} was answered", CATCH_UP_SECONDS)
        return led_to[0]

    # What may happen

    def add(self, words: int, by: int = 0) -> None:
        if len(self.updates) < ITEMS:
            said = self.write(
                f"{self.path}/updates",
                by,
                submission=str(uuid4()),
                body=f"Number {next(self.count)}. " + "Goal! " * words,
            )
            self.updates.append(int(said.rpartition("-")[2]))

    def comment(self, words: int) -> None:
        if len(self.comments) < ITEMS:
            said = self.write(
                f"{self.path}/comments",
                -1,
                submission=str(uuid4()),
                body=f"Number {next(self.count)}. " + "Goal! " * words,
            )
            self.comments.append(int(said.rpartition("-")[2]))

    def change(self, verb: str, which: int, words: int) -> None:
        if not self.updates:
            return
        path = f"/desk{self.path}/update/{self.updates[which % len(self.updates)]}/{verb}"
        text = f"Mended {next(self.count)}. " + "Goal! " * words
        self.write(path, **({"body": text, "note": "It was wrong."} if verb in ("correct", "edit") else {}))

    def delete_comment(self, which: int) -> None:
        if self.comments:
            self.write(f"{self.path}/comment/{self.comments[which % len(self.comments)]}/delete", -1)

    def edit_head(self) -> None:
        self._save(f"The derby, part {next(self.count)}")

    def unpublish_and_publish(self, read_between: bool) -> None:
        self.write(f"/desk{self.path}/unpublish")
        if read_between:
            for reader in self.readers:
                if reader.stream and not reader.is_paused:
                    reader.stream.take(0.05)
        self._save("The derby, again")

    def _save(self, title: str) -> None:
        self.write(f"/desk{self.path}", **self.texts(title), action="publish")

    def several_write(self, words: int, trouble: str | None) -> None:
        with ThreadPoolExecutor(4) as pool:
            writing = [pool.submit(self.add, words, number % len(self.authors)) for number in range(4)]
            writing += [pool.submit(self.comment, words) for _number in range(2)]
            if trouble:
                self.make(trouble)
            while not all(written.done() for written in writing):
                self.read()
                self._one_comes_again()
            for written in writing:
                written.result()

    def make(self, trouble: str) -> None:
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess, ZeroDivisionError):
            if trouble == "kill a worker":
                os.kill(min(self.server.worker_pids()), signal.SIGKILL)
            elif trouble == "kill the broadcaster":
                self._one_broadcaster().kill()
            elif trouble == "renew the broadcaster":
                # Before it listens to signals, this one would end it: that is another trouble.
                if self.server.holds_streams():
                    self._one_broadcaster().send_signal(signal.SIGHUP)
            else:
                self.server.command_fifo("c")

    def _one_broadcaster(self) -> psutil.Process:
        found = self.server.broadcasters()
        return found[next(self.count) % len(found)]

    def join(self, small_buffer: bool) -> None:
        if len(self.readers) < 8:
            options = [*self.options, SMALL_BUFFER] if small_buffer else self.options
            self.readers.append(Reader(self.server.url, self.path, options))

    def leave(self, which: int, rejoin: bool) -> None:
        if self.readers:
            reader = self.readers[which % len(self.readers)]
            reader.close()
            if rejoin:
                reader.open()

    def _one_comes_again(self) -> None:
        """While an event is committed here, and sent there."""
        reader = self.readers[next(self.count) % len(self.readers)]
        if not reader.is_paused:
            reader.open()

    def pause(self, which: int) -> None:
        if self.readers:
            reader = self.readers[which % len(self.readers)]
            reader.is_paused = not reader.is_paused

    # Looking

    def read(self) -> None:
        for reader in self.readers:
            reader.read()

    def check(self) -> None:
        """Everybody catches up; then all have what a page has that is made from the database now."""
        for folder in (self.server.instance / "pages" / "post").iterdir():
            if folder.name == str(self.post):
                folder.unlink()
        fresh = LivePage(Reader._load(self.readers[0]))
        assert {int(item.partition("-")[2]) for item in fresh.items} <= {*self.updates, *self.comments, self.post}
        for number, reader in enumerate(self.readers):
            reader.is_paused = False

            def caught_up(reader: Reader = reader) -> bool:
                reader.read(0.05)
                return reader.page.position >= fresh.position

            until(caught_up, f"reader {number} caught up", CATCH_UP_SECONDS)
            assert reader.page.position == fresh.position
            assert reader.page.shown() == fresh.shown(), f"reader {number}"


# One step is a verb of World and its arguments.
which = st.integers(0, 50)
words = st.sampled_from([SHORT, SHORT, LONG, TOO_LONG])
troubles = st.sampled_from(TROUBLES)
changes = st.sampled_from(["correct", "edit", "withdraw", "restore", "pin", "unpin", "key"])
STEPS = st.one_of(
    st.tuples(st.just("add"), words),
    st.tuples(st.just("add"), words),
    st.tuples(st.just("comment"), words),
    st.tuples(st.just("change"), changes, which, words),
    st.tuples(st.just("change"), changes, which, words),
    st.tuples(st.just("delete_comment"), which),
    st.tuples(st.just("edit_head")),
    st.tuples(st.just("unpublish_and_publish"), st.booleans()),
    st.tuples(st.just("several_write"), words, st.none() | troubles),
    st.tuples(st.just("several_write"), words, troubles),
    st.tuples(st.just("make"), troubles),
    st.tuples(st.just("join"), st.booleans()),
    st.tuples(st.just("leave"), which, st.booleans()),
    st.tuples(st.just("pause"), which),
)
EVERYTHING: list[tuple[Any, ...]] = [
    ("join", True), ("add", SHORT), ("comment", SHORT), ("change", "pin", 0, SHORT), ("several_write", SHORT, None),
    ("leave", 0, False), ("change", "correct", 1, LONG), ("change", "withdraw", 2, SHORT), ("leave", 0, True),
    ("pause", 1), ("several_write", LONG, "kill a worker"), ("several_write", LONG, None),
    ("several_write", LONG, "chain reload"), ("pause", 1), ("delete_comment", 0), ("change", "restore", 2, SHORT),
    ("several_write", SHORT, "kill the broadcaster"), ("edit_head",), ("make", "renew the broadcaster"),
    ("add", TOO_LONG), ("several_write", SHORT, "renew the broadcaster"), ("unpublish_and_publish", True),
    ("add", SHORT), ("unpublish_and_publish", False), ("change", "pin", 3, SHORT), ("make", "kill the broadcaster"),
    ("change", "correct", 3, TOO_LONG), ("change", "edit", 3, SHORT), ("comment", LONG),
]  # fmt: skip


@pytest.fixture(scope="module", params=["1", "2"])
def server(request: pytest.FixtureRequest, copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    """With one process that holds the streams, and with two."""
    environ = {"PRESSROOM_LIMITS": "off", "PRESSROOM_BROADCASTERS": request.param}
    with UwsgiServer(copied_instance("once"), workers=2, environ=environ) as server:
        until(server.holds_streams, "streams are held")
        yield server
        assert "Traceback" not in server.log()


@pytest.fixture(scope="module")
def people(server: UwsgiServer) -> list[Browser]:
    return [Browser(server.url, name) for name in ("edith", "root", "eve")]


# Neither can be shown to shorter and shorter lists in a bearable time, so a failure shows the list that it met.
quick = settings(
    max_examples=4,  # with each of two servers
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)


@quick
@example(EVERYTHING)
@given(st.lists(STEPS, min_size=6, max_size=14))
def test_every_reader_gets_everything_once(
    server: UwsgiServer, people: list[Browser], steps: list[tuple[Any, ...]]
) -> None:
    run(server, people, steps, [])


@quick
@example(EVERYTHING)
@given(st.lists(STEPS, min_size=6, max_size=14))
def test_and_so_over_a_network_of_small_packets(
    server: UwsgiServer, people: list[Browser], steps: list[tuple[Any, ...]]
) -> None:
    """As Ethernet's are: the loopback's of 64 kB take in one write what would take several there."""
    run(server, people, steps, [MSS])


def run(
    server: UwsgiServer, people: list[Browser], steps: list[tuple[Any, ...]], options: list[tuple[int, int, int]]
) -> None:
    world = World(server, people[:2], people[2], options)
    try:
        world.join(False)
        world.join(True)
        for step in steps:
            getattr(world, step[0])(*step[1:])
            world.read()
        world.check()
    finally:
        for reader in world.readers:
            reader.close()
