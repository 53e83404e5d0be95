"""People on a site while something happens to it: they write, read and hold streams, and note what they were told.

What was acknowledged is on every page from then on, and in the database once, with numbers that have no gap.
"""

from __future__ import annotations

import gzip
import http.client
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass, field
from operator import ge
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from support.http_client import Answer, Browser, ask
from support.live_page import LivePage
from support.proxies import Way, behind_nginx
from support.reader import CATCH_UP_SECONDS, Reader
from support.sse_client import Listener
from tools.processes import until

# A page shows the newest 50 of each kind; some more may come while it is on its way.
ON_PAGE = 30
READERS = 3


@contextmanager
def serving(instance: Path, place: Path | None = None) -> Iterator[Way]:
    """The site behind nginx with all workers there, and at the end no traceback in its log. place: as behind_nginx."""
    with behind_nginx(instance, {"PRESSROOM_LIMITS": "off"}, place) as way:
        until(way.server.all_ready, "every worker was there")
        yield way
        assert "Traceback" not in way.server.log()


class Told(NamedTuple):
    """What somebody was told about a text. No status when nobody knows: the connection was lost, or nginx lost it."""

    word: str
    status: int | None
    retry_after: str = ""

    @property
    def acknowledged(self) -> bool:
        return self.status == 302


def is_away(answer: Answer) -> bool:
    """nginx says so of the site."""
    return answer.status == 503 and b"Back in a moment" in answer.body


@dataclass
class Writer:
    """Sends one text after the other by one form; one of which nobody knows is sent again, as the desk does it."""

    way: Way
    name: str
    kind: str  # update or comment
    told: list[Told] = field(default_factory=list)
    pending: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        self.browser = Browser(self.way.url, self.name)
        self.cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.cookies)

    def another(self) -> Writer:
        """The same person, at another form."""
        twin = copy(self)
        twin.told, twin.pending = [], None
        return twin

    def write(self, path: str, word: str) -> Told:
        word, submission = self.pending or (word, str(uuid4()))
        form = urlencode({"csrf_token": self.browser.token, "body": word, "submission": submission}).encode()
        said = self._send(path, word, form)
        self.pending = (word, submission) if said.status is None else None
        self.told.append(said)
        return said

    def _send(self, path: str, word: str, form: bytes) -> Told:
        kind = "application/x-www-form-urlencoded"
        try:
            answer = ask(self.way, path, "POST", form, Cookie=self.cookie, Content_Type=kind)
        except (OSError, http.client.HTTPException):
            return Told(word, None)
        return Told(word, None if is_away(answer) else answer.status, "".join(answer.all("Retry-After")))

    def acknowledged(self) -> list[str]:
        return [told.word for told in self.told if told.acknowledged]

    def refused(self) -> list[Told]:
        return [told for told in self.told if told.status is not None and not told.acknowledged]


class Traffic:
    """A live post with an author, somebody who comments, and readers. Within `going_on` they act by themselves."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.post_id = Browser(way.url, "ada").write_post()
        self.path = f"/post/{self.post_id}"
        self.ada, self.eve = Writer(way, "ada", "update"), Writer(way, "eve", "comment")
        self.count = itertools.count(1)
        self.pages_read = 0
        self.wrong: list[str] = []
        self.pages_need_site = False  # as one that a full disk had no room for is made for each reader
        self.ended = threading.Event()
        self.pen = threading.Lock()  # held by whoever writes
        self.readers = [Reader(way.url, self.path) for _ in range(READERS)]

    # What they do

    @contextmanager
    def going_on(self, pause_seconds: float = 0.2) -> Iterator[None]:
        acts: list[Callable[[], object]] = [lambda: self.write(self.ada), lambda: self.write(self.eve)]
        acts += [self.read_pages, self.listen]
        pauses = [pause_seconds, pause_seconds, 0.02, 0.02]
        threads = [
            threading.Thread(target=self._repeat, args=pair, daemon=True) for pair in zip(acts, pauses, strict=True)
        ]
        self.ended.clear()
        for thread in threads:
            thread.start()
        try:
            yield
        except BaseException:
            self._stop(threads)
            for reader in self.readers:
                reader.close()
            raise
        self._stop(threads)

    def _stop(self, threads: list[threading.Thread]) -> None:
        self.ended.set()
        for thread in threads:
            thread.join()

    def _repeat(self, act: Callable[[], object], pause_seconds: float) -> None:
        while not self.ended.wait(pause_seconds):
            try:
                act()
            except Exception as error:
                self.wrong.append(f"{type(error).__name__}: {error}"[:500])
                return

    def write(self, writer: Writer) -> Told:
        with self.pen:
            return writer.write(f"{self.path}/{writer.kind}s", f"{writer.kind}-{next(self.count)}-of-the-night")

    def read_pages(self) -> None:
        """Each is whole, and has what was acknowledged before it was asked for."""
        for path, gzipped in ((self.path, False), ("/", False), (self.path, True)):
            known = self.ada.acknowledged()[-ON_PAGE:] + self.eve.acknowledged()[-ON_PAGE:]
            answer = ask(self.way, path, **({"Accept_Encoding": "gzip"} if gzipped else {}))
            if self.pages_need_site and is_away(answer):
                continue
            assert answer.status == 200, (path, answer.status)
            is_packed = answer.all("Content-Encoding") == ["gzip"]
            page = (gzip.decompress(answer.body) if is_packed else answer.body).decode()
            assert page.rstrip().endswith("</html>"), (path, page[-200:])
            if path == self.path:
                missing = [word for word in known if f">{word}<" not in page]
                assert not missing, f"acknowledged, and not on the page: {missing}"
            self.pages_read += 1

    def listen(self) -> None:
        for reader in self.readers:
            reader.read()

    # What a test waits for

    def goes_on(self, count: int = 3) -> None:
        """So many more updates and comments are acknowledged, and pages read."""
        self._more("acknowledged", count, lambda: (self.ada.acknowledged(), self.eve.acknowledged()))

    def is_refused(self, count: int = 3) -> None:
        """So many more of both are refused, while pages are read."""
        self._more("refused", count, lambda: (self.ada.refused(), self.eve.refused()))

    def _more(self, what: str, count: int, told: Callable[[], Iterable[Sized]]) -> None:
        def counts() -> list[int]:
            return [*map(len, told()), self.pages_read]

        wanted = [seen + count for seen in counts()]
        until(lambda: self.wrong or all(map(ge, counts(), wanted)), f"{count} more were {what}, and pages read")
        assert not self.wrong, self.wrong

    def has_streams(self) -> bool:
        """Whether a new reader gets everything, and a stream that is held."""
        with Listener(self.way.url, f"{self.path}/live?after=0") as late:
            late.until_number(self.numbers()[-1])
            late.take(0.5)
            return not late.ended

    # The end

    def check(self) -> None:
        """What they were told is so, and whoever listens has what the page has."""
        assert not self.wrong, self.wrong
        kept = self.kept()
        for writer in (self.ada, self.eve):
            once = writer.acknowledged()
            assert len(once) == len(set(once))
            assert [word for word in once if kept.count(word) != 1] == []
            assert [told for told in writer.refused() if told.word in kept] == []
        assert self.numbers() == list(range(1, self.numbers()[-1] + 1))
        self._all_caught_up()

    def _all_caught_up(self) -> None:
        fresh = LivePage(Browser(self.way.url).get(self.path))
        for number, reader in enumerate(self.readers):

            def caught_up(reader: Reader = reader) -> bool:
                reader.read(0.05)
                return reader.page.position >= fresh.position

            until(caught_up, f"reader {number} caught up", CATCH_UP_SECONDS)
            assert fresh.shown() == [item for item in reader.page.shown() if item[0] in fresh.items]
            reader.close()

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.way.server.instance / "pressroom.db", timeout=10, isolation_level=None)

    def _rows(self, statement: str) -> list[tuple[str | int, ...]]:
        with closing(self.database()) as database:
            return database.execute(statement, (self.post_id,)).fetchall()

    def empty_the_log(self) -> None:
        """Of the database: what comes next is written over what stands there, and needs no room on the disk."""
        with closing(self.database()) as database:
            assert database.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0

    def kept(self) -> list[str]:
        """The texts in the database."""
        rows = self._rows(
            'SELECT body FROM "update" WHERE post_id = ?1 UNION ALL SELECT body FROM comment WHERE post_id = ?1'
        )
        return [str(body) for (body,) in rows]

    def numbers(self) -> list[int]:
        return [int(seq) for (seq,) in self._rows("SELECT seq FROM event WHERE post_id = ? ORDER BY seq")]
