"""Who visits a site in a load test, and what each of them finds wrong: Reader, Follower, Commenter, Author, Crawler."""

from __future__ import annotations

import random
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from itertools import count
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import sse
from crowd import LIVE_CARD
from locust import FastHttpUser, constant_throughput, tag, task
from locust.env import Environment
from locust.exception import StopUser
from shapes import pace
from sse import Event

CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
SEQ = re.compile(r'data-seq="(\d+)"')
POST = re.compile(r'href="(/post/\d+)"')
ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')
JUNK = ("/wp-login.php", "/.env", "/post/999999999", "/post/1/live/x", "/%2e%2e/pages.tmp/x", "/user/nobody-here")
CHECKS = "CHECK"  # a request type of Locust's: what is looked at once more at the end
SSE = "SSE"
BACK_SECONDS = 3.0


class Run:
    """What this process's people know of each other."""

    accounts: ClassVar[dict[str, Any]] = {}  # bench.json, on a bench
    turn: ClassVar[count[int]] = count()
    sent: ClassVar[dict[str, str]] = {}  # by the token of each comment that a redirect acknowledged, its post
    acknowledged: ClassVar[defaultdict[str, int]] = defaultdict(int)  # by post, the last number its author was told
    written: ClassVar[dict[str, int]] = {}  # by post that an author goes on with, its number before


class Person(FastHttpUser):
    """Somebody with a browser. `expect` counts an answer of another status, or without the words, as a failure."""

    abstract = True
    host = "http://127.0.0.1:8000"
    default_headers: ClassVar = {"Accept-Encoding": "gzip", "User-Agent": "Pressroom load test"}
    think_seconds = (1.0, 3.0)
    live = ""  # the path of the first live post on the front page

    def wait_time(self) -> float:
        return random.uniform(*self.think_seconds) / pace()

    def expect(self, method: str, path: str, name: str, status: int = 200, words: str = "", **kwargs: Any) -> Any:
        """The answer. `words` must stand in it."""
        with self.client.request(
            method, path, name=name, catch_response=True, allow_redirects=False, **kwargs
        ) as answer:
            if answer.status_code != status:
                answer.failure(f"{answer.status_code} where {status} was expected" + _cure(answer.status_code))
                raise StopUser
            if words in (answer.text or ""):
                answer.success()
            else:
                answer.failure(f"no {words!r} in it")
            return answer

    def fail(self, request_type: str, name: str, said: str) -> None:
        report(self.environment, request_type, name, 0, ValueError(said))

    def look_at_front_page(self) -> list[str]:
        """Its posts; `live` is the first one that is live."""
        page = self.expect("GET", "/", "/", words="</html>").text
        found = LIVE_CARD.search(page)
        self.live = f"/post/{found[1]}" if found else ""
        return POST.findall(page)


def _cure(status: int | None) -> str:
    return {429: ": start the site with PRESSROOM_LIMITS=off", 0: ": nobody answers"}.get(status or 0, "")


def report(environment: Environment, request_type: str, name: str, ms: float, error: Exception | None = None) -> None:
    environment.events.request.fire(
        request_type=request_type, name=name, response_time=ms, response_length=0, exception=error, context={}
    )


class Kept(NamedTuple):
    modified: str
    seq: int


@tag("read")
class Reader(Person):
    """Opens the front page and posts, and asks again as a browser does: what it has may be answered by a 304."""

    weight = 60

    def on_start(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.assets: set[str] = set()
        self.posts: list[str] = []

    def wait_time(self) -> float:
        options = self.environment.parsed_options
        if options.shape == "climb":
            return 0.0
        if options.rate:
            return float(constant_throughput(options.rate / max(1, options.num_users))(self))
        return super().wait_time()

    @task(3)
    def read_front_page(self) -> None:
        self.posts = self.look_at_front_page()

    @task(6)
    def read_live_post(self) -> None:
        if self.live:
            self.read(self.live, "/post/[live]")
        else:
            self.read_front_page()

    @task(6)
    def read_post(self) -> None:
        if self.posts:
            self.read(secrets.choice(self.posts), "/post/[id]")
        else:
            self.read_front_page()

    def read(self, path: str, name: str) -> None:
        """A post's page must have all that its author was told is published before it was asked for."""
        least, kept = Run.acknowledged[path], self.kept.get(path)
        headers = {"If-Modified-Since": kept.modified} if kept else {}
        with self.client.get(path, name=name, headers=headers, catch_response=True, allow_redirects=False) as answer:
            if answer.status_code == 304 and kept:
                seq = kept.seq
            else:
                text = answer.text or ""
                found = SEQ.search(text)
                if answer.status_code != 200 or not found or not text.rstrip().endswith("</html>"):
                    answer.failure(f"{answer.status_code}, {len(text)} characters: no whole page")
                    return
                seq = int(found[1])
                self.kept[path] = Kept(answer.headers.get("last-modified", ""), seq)
                self.fetch_assets(text)
            if seq < least:
                answer.failure(f"outdated: it has event {seq}, and {least} was acknowledged before")
            else:
                answer.success()

    def fetch_assets(self, page: str) -> None:
        """Once: their addresses carry a hash, and they are kept for a year."""
        for path in set(map(unescape, ASSET.findall(page))) - self.assets:
            self.assets.add(path)
            self.expect("GET", path, "/static/[asset]")


@tag("live")
class Follower(Person):
    """Opens the live post and its stream, and stays: each event must come once, in order, and soon."""

    weight = 30

    @task
    def follow(self) -> None:
        self.look_at_front_page()
        if not self.live:
            return
        page = self.expect("GET", self.live, "/post/[live]", words="data-seq=").text
        last, back_seconds = int(SEQ.search(page)[1]), BACK_SECONDS  # type: ignore[index]
        until = time.monotonic() + random.uniform(60, 180)
        while time.monotonic() < until:
            try:
                with self.stream(last) as events:
                    for event in events:
                        if event.kind in ("gone", "reload"):
                            return
                        if event.kind == "wait":
                            back_seconds = event.data["ms"] / 1000
                        elif event.number is not None:
                            last = self.check(event, last)
                        if time.monotonic() > until:
                            return
            except OSError as error:
                report(self.environment, SSE, "/post/[live]/live", 0, error)
            time.sleep(back_seconds)

    @contextmanager
    def stream(self, after: int) -> Iterator[Iterator[Event]]:
        began = time.monotonic()
        with sse.stream(self.host, f"{self.live}/live", after) as (status, events):
            error = None if status == 200 else ValueError(f"not a stream: {status}")
            report(self.environment, "GET", "/post/[live]/live", (time.monotonic() - began) * 1000, error)
            yield events

    def check(self, event: Event, last: int) -> int:
        assert event.number is not None
        if event.number <= last:
            self.fail(SSE, "/post/[live]/live", f"event {event.number} came twice")
            return last
        if event.number > last + 1:
            self.fail(SSE, "/post/[live]/live", f"events {last + 1} to {event.number - 1} are missing")
        if "at" in event.data:
            compared = (urlsplit(self.host).hostname or "").startswith(("127.", "localhost", "::1"))
            name = "from commit to arrival" + ("" if compared else " (clocks not compared)")
            report(self.environment, SSE, name, max(0.0, time.time() * 1000 - event.data["at"]))
        return event.number


class Member(Person):
    """Somebody with an account, who sees after every step that the login holds."""

    abstract = True
    csrf_token = ""
    name = ""

    def enter(self, kind: str) -> None:
        """Log in as the next of the bench's `authors` or `readers`."""
        if not Run.accounts:
            raise StopUser
        names = Run.accounts[kind]
        self.name = names[next(Run.turn) % len(names)]
        page = self.expect("GET", "/login", "/login")
        fields = {"username": self.name, "password": Run.accounts["password"]}
        token = unescape(CSRF.search(page.text)[1])  # type: ignore[index]
        self.expect("POST", "/login", "/login", 302, data={"csrf_token": token, **fields})
        self.csrf_token = self.check_signed_in()

    def check_signed_in(self) -> str:
        """The session's CSRF token."""
        return str(self.expect("GET", "/me", "/me", words=f'"username":"{self.name}"').json()["csrf_token"])

    def send(self, path: str, name: str, **fields: str) -> str:
        """Where a form leads to."""
        data = {"csrf_token": self.csrf_token, **fields}
        return str(self.expect("POST", path, name, 302, data=data).headers["location"])


@tag("write")
class Commenter(Member):
    weight = 5
    think_seconds = (5.0, 15.0)

    def on_start(self) -> None:
        self.enter("readers")
        self.look_at_front_page()

    @task
    def comment(self) -> None:
        """Twice, as a browser does whose first answer was lost: it must become one comment."""
        if not self.live:
            self.look_at_front_page()
            return
        token = f"token-{secrets.token_hex(8)}"
        fields = {"submission": str(uuid4()), "body": f"What a match! {token}"}
        there, again = (self.send(f"{self.live}/comments", "/post/[live]/comments", **fields) for _ in range(2))
        if there != again:
            self.fail(CHECKS, "/post/[live]/comments", "the same submission made a second comment")
        Run.sent[token] = self.live
        self.expect("GET", self.live, "/post/[live]", words="data-seq=")
        self.check_signed_in()


@tag("write")
class Author(Member):
    """Goes on with the live post that stands first on the front page, where the others find it."""

    fixed_count = 1
    think_seconds = (2.0, 4.0)

    def on_start(self) -> None:
        self.enter("authors")
        self.look_at_front_page()
        page = self.expect("GET", self.live, "/post/[live]", words="data-seq=")
        Run.written[self.live] = int(SEQ.search(page.text)[1])  # type: ignore[index]

    @task
    def add_update(self) -> None:
        fields = {"submission": str(uuid4()), "body": f"The ball is in the net! {secrets.token_hex(8)}"}
        item = self.send(f"{self.live}/updates", "/post/[live]/updates", **fields).partition("#")[2]
        Run.acknowledged[self.live] = int(item.rpartition("-")[2])
        self.expect("GET", self.live, "/post/[live]", words=f'id="{item}"')
        self.check_signed_in()


@tag("crawl")
class Crawler(Person):
    """Machines: they look for what is nowhere, and read feeds and the sitemap."""

    weight = 5

    @task(3)
    def lose_the_way(self) -> None:
        path = secrets.choice((*JUNK, f"/nowhere/{secrets.token_hex(4)}"))
        self.expect("GET", path, "/[junk]", 404, words="</html>")

    @task
    def read_sitemap(self) -> None:
        self.expect("GET", "/robots.txt", "/robots.txt", words="Sitemap:")
        self.expect("GET", "/sitemap.xml", "/sitemap.xml", words="</urlset>")

    @task
    def read_feed(self) -> None:
        self.expect("GET", "/feed.atom", "/feed.atom", words="</feed>")

    @task
    def search(self) -> None:
        if Run.accounts:  # elsewhere there are limits
            self.expect("GET", "/search?q=goal", "/search", words="</html>")
