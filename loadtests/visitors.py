"""Who only reads in a load test, and what they find wrong: Reader, Visitor, Follower, Crawler."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from locust import constant_throughput, tag, task

from loadtests import sse
from loadtests.first_visit import Connection, files_of
from loadtests.person import SEQ, Person, Run, report
from loadtests.sse import Event

JUNK = ("/wp-login.php", "/.env", "/post/999999999", "/post/1/live/x", "/%2e%2e/pages.tmp/x", "/user/nobody-here")
SSE = "SSE"
BACK_SECONDS = 3.0


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
        for path in set(files_of(page)) - self.assets:
            self.assets.add(path)
            self.expect("GET", path, "/assets/[file]")


@tag("visit")
class Visitor(Person):
    """A place in the crowd: about once a second somebody else comes for the live post for the first time."""

    def wait_time(self) -> float:
        return random.expovariate(1)  # as people arrive who don't know of each other

    def on_start(self) -> None:
        self.look_at_front_page()

    @task
    def visit(self) -> None:
        began, error = time.monotonic(), None
        try:
            with closing(Connection(self.host)) as connection:
                page = connection.get(self.live or "/")
                page_ms = (time.monotonic() - began) * 1000
                files = [connection.get(path) for path in files_of(page.text)]
            if {answer.status for answer in (page, *files)} != {200} or not page.text.rstrip().endswith("</html>"):
                error = ValueError(f"no whole page: {[answer.status for answer in (page, *files)]}")
            report(self.environment, "GET", "/post/[live]", page_ms, error)
        except OSError as lost:
            error = ValueError(str(lost))
        report(self.environment, "visit", "first visit", (time.monotonic() - began) * 1000, error)


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
        self.expect("GET", "/sitemap.xml", "/sitemap.xml", words="</sitemapindex>")
        self.expect("GET", "/sitemap/post-1.xml", "/sitemap/[part]", words="</urlset>")

    @task
    def read_feed(self) -> None:
        self.expect("GET", "/feed.atom", "/feed.atom", words="</feed>")

    @task
    def search(self) -> None:
        if Run.accounts:  # elsewhere there are limits
            self.expect("GET", "/search?q=goal", "/search", words="</html>")
