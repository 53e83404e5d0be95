"""People at a site while its database fails: they write until each text is acknowledged, read, and hold a stream.

What was acknowledged is in the database once, with numbers that have no gap; nobody sees an error that isn't "later".
"""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import uuid4

import psycopg

from support.http_client import Answer, Browser, Site, ask
from support.sse_client import Listener, numbers
from tools.processes import WaitFailed, until

# Twice as long as required, since a machine may be slow: until all is well after a fault.
WELL_SECONDS = 20.0
# What needs no database is answered as ever, generously counted.
AT_ONCE_SECONDS = 8.0
NEW_STREAM_SECONDS = 8.0
SILENCE_SECONDS = 20.0  # of a stream, whose heartbeat comes every 15


@dataclass
class Crowd:
    """connect: to the site's database.

    wrong: what nobody should have met. waits: the longest of each kind of request, in seconds, by kind and status.
    """

    site: Site
    url: str
    connect: Callable[[], psycopg.Connection]
    writers: int = 3
    acknowledged: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    waits: dict[tuple[str, int], float] = field(default_factory=dict)
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    done: Counter[int] = field(default_factory=Counter)  # texts of each writer that were acknowledged

    def __post_init__(self) -> None:
        self.browser = Browser(self.url, "ada")
        self.post_id, self.quiet_id = self.browser.write_post(), self.browser.write_post()
        self.path = f"/post/{self.post_id}"
        self.ended = threading.Event()
        self.number = itertools.count(1)
        for path in ("/", f"/post/{self.quiet_id}", self.path):
            assert ask(self.site, path).status == 200

    @contextmanager
    def busy(self) -> Iterator[None]:
        """They go on by themselves. At the end every text that somebody began to send has been acknowledged."""
        acts = [(self._write, number) for number in range(self.writers)]
        acts += [(self._read_stored, 0), (self._read_fresh, 0), (self._open_streams, 0), (self._listen, 0)]
        threads = [threading.Thread(target=self._guarded, args=act, daemon=True) for act in acts]
        self.ended.clear()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join()
        assert not self.wrong, self.wrong

    def _guarded(self, act: Callable[[int], None], number: int) -> None:
        try:
            act(number)
        except Exception as error:
            self.wrong.append(f"{act.__name__}: {type(error).__name__}: {error}"[:500])

    # What they do

    def _write(self, writer: int) -> None:
        while not self.ended.is_set():
            word = f"word{next(self.number)}x"
            fields = {"csrf_token": self.browser.token, "body": word, "submission": str(uuid4())}
            while (answer := self._send(fields)) is None or answer.status != 302:
                time.sleep(float(answer.one("Retry-After")) if answer else 0.5)
            self.acknowledged.append(word)
            self.done[writer] += 1
            time.sleep(0.05)

    def _send(self, fields: dict[str, str]) -> Answer | None:
        """None when nothing came back."""
        kind = "application/x-www-form-urlencoded"
        body = urlencode(fields).encode()
        try:
            return self._ask(
                "write", f"{self.path}/updates", (302, 503), "POST", body, Cookie=self.browser.cookie, Content_Type=kind
            )
        except (OSError, http.client.HTTPException):
            return None

    def _read_stored(self, _number: int) -> None:
        for path in itertools.cycle(["/", f"/post/{self.quiet_id}", "/hello"]):
            if self.ended.wait(0.02):
                return
            self._ask("stored", path, (200,))

    def _read_fresh(self, _number: int) -> None:
        """What may need the database: a page that has just changed, and one that is never stored."""
        for path in itertools.cycle([self.path, "/search?q=text", "/me"]):
            if self.ended.wait(0.1):
                return
            self._ask("fresh", path, (200, 503), Cookie=self.browser.cookie)

    def _ask(self, what: str, path: str, may_be: tuple[int, ...], *of_request: str | bytes, **headers: str) -> Answer:
        began = time.monotonic()
        answer = ask(self.site, path, *of_request, **headers)  # type: ignore[arg-type]
        self._note(what, answer.status, time.monotonic() - began)
        assert answer.status in may_be, (path, answer.status, answer.body[-2000:])
        if answer.status == 503:
            assert b"Please try again" in answer.body, (path, answer.body[-2000:])
            assert answer.one("Retry-After")
        return answer

    def _note(self, what: str, status: int, seconds: float) -> None:
        self.counts[what, status] += 1
        self.waits[what, status] = max(seconds, self.waits.get((what, status), 0.0))

    def _open_streams(self, _number: int) -> None:
        """Each new reader is held, or told at once to come back."""
        while not self.ended.wait(0.5):
            began = time.monotonic()
            with Listener(self.url, f"{self.path}/live") as reader:
                reader.until(lambda reader=reader: "event: " in reader.text or "id: " in reader.text)  # type: ignore[misc]
            self._note("stream", 200, time.monotonic() - began)

    def _listen(self, _number: int) -> None:
        """Hold one stream all the time, to the last number that there is."""
        with Listener(self.url, f"{self.path}/live", "0") as stream:
            heard_at = time.monotonic()
            while not self.ended.is_set():
                before = len(stream.read)
                stream.take(0.2)
                assert not stream.ended, f"the stream ended:\n{stream.text}"
                heard_at = time.monotonic() if len(stream.read) > before else heard_at
                assert time.monotonic() - heard_at < SILENCE_SECONDS, "the stream fell silent"
            last = self.numbers()[-1]
            stream.until(lambda: last in numbers(stream.events), WELL_SECONDS)
            heard = numbers(stream.events)
            assert len(heard) == len(set(heard)), "an event came twice"

    # What a test asks

    def goes_on(self, count: int = 3, seconds: float = WELL_SECONDS) -> None:
        """Each writer is through with so many more texts, and what is never stored is there, in time."""
        before = Counter(self.done)
        everybody = range(self.writers)

        def all_well() -> bool:
            if self.wrong:
                raise WaitFailed(str(self.wrong))
            is_read = all(ask(self.site, path).status == 200 for path in ("/search?q=text", self.path))
            return is_read and all(self.done[writer] - before[writer] >= count for writer in everybody)

        until(all_well, "all was well", seconds, 0.2)

    def check(self) -> None:
        """What was acknowledged is there once, numbers have no gap, and what needs no database never waited for it."""
        assert not self.wrong, self.wrong
        with self.connect() as connection:
            found = 'SELECT body, count(*) FROM "update" WHERE post_id = %s GROUP BY body'
            counts = dict(connection.execute(found, (self.post_id,)).fetchall())
        assert [word for word in self.acknowledged if counts.get(word) != 1] == []
        assert [word for word, count in counts.items() if count != 1] == []
        assert self.numbers() == list(range(1, len(self.numbers()) + 1))
        assert self.waits["stored", 200] < AT_ONCE_SECONDS
        assert self.waits["stream", 200] < NEW_STREAM_SECONDS

    def numbers(self) -> list[int]:
        with self.connect() as connection:
            rows = connection.execute("SELECT seq FROM event WHERE post_id = %s ORDER BY seq", (self.post_id,))
            return [int(seq) for (seq,) in rows]

    def report(self) -> str:
        """The figures, for whoever runs the test by -s."""
        lines = [
            f"{what} {status}: {self.counts[what, status]} times, at most {seconds:.2f} s"
            for (what, status), seconds in sorted(self.waits.items())
        ]
        return "\n".join(lines)
