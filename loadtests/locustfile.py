"""People who use the site, each of whom checks every answer: Reader, Follower, Commenter, Author, Crawler.

    locust                                  in this folder: Locust's page, against http://127.0.0.1:8000
    locust --headless -u 200 -r 20 -t 60s   without it
    locust --headless --shape surge -u 400  by a table of stages; see shapes.py

Who writes does so only on a site that says it is a bench (`pressroom bench-data`), with the accounts in its bench.json.
A wrong answer is a failure like a missing one: an outdated or cut page, a login that is lost, an update that a stream
leaves out or brings twice, a comment that is gone at the end.
"""

from __future__ import annotations

# First of all: it patches the sockets of all that comes after.
from locust import FastHttpUser, constant_throughput, events, tag, task  # isort: skip

import json
import os
import random
import re
import secrets
import socket
import ssl
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from locust.env import Environment
from locust.exception import StopUser
from locust.runners import WorkerRunner

sys.path.append(str(Path(__file__).parent))
from crowd import LIVE_CARD
from shapes import SHAPES, Shape, pace, take_stages, write_results

__all__ = ["Author", "Commenter", "Crawler", "Follower", "Reader", "Shape"]

CHECKOUT = Path(__file__).parent.parent
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
SEQ = re.compile(r'data-seq="(\d+)"')
ITEM = re.compile(r'id="(?:update|comment)-(\d+)"')
TOKEN = re.compile(r"token-[0-9a-f]{16}")
POST = re.compile(r'href="(/post/\d+)"')
ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')
JUNK = ("/wp-login.php", "/.env", "/post/999999999", "/post/1/live/x", "/%2e%2e/pages.tmp/x", "/user/nobody-here")
CHECKS = "CHECK"  # a request type of Locust's: what is looked at once more at the end
SSE = "SSE"
BACK_SECONDS = 3.0
READ_BYTES = 65_536


class Run:
    """What this process's people know of each other."""

    accounts: ClassVar[dict[str, Any]] = {}  # bench.json, on a bench
    turn: ClassVar[count[int]] = count()
    sent: ClassVar[dict[str, str]] = {}  # by the token of each comment that a redirect acknowledged, its post
    acknowledged: ClassVar[defaultdict[str, int]] = defaultdict(int)  # by post, the last number its author was told
    written: ClassVar[dict[str, int]] = {}  # by post that an author goes on with, its number before


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any) -> None:
    instance = Path(os.environ.get("PRESSROOM_INSTANCE", CHECKOUT / "instance"))
    parser.add_argument("--shape", default="", choices=["", *SHAPES, "climb"], help="a table of stages up to --users")
    parser.add_argument("--tempo", type=float, default=1.0, help="so many times as fast through the stages")
    parser.add_argument("--rate", type=float, default=0.0, help="page views a second of all Readers together")
    parser.add_argument("--bench-file", default=str(instance / "bench.json"), help="accounts, by pressroom bench-data")
    parser.add_argument("--max-failures", type=float, default=0.0, help="per cent; with more the exit status is 1")
    parser.add_argument("--max-p95", type=float, default=0.0, help="ms of all requests; 0 for any")
    parser.add_argument("--results", default="", help="a JSON file for what was measured")


@events.init.add_listener
def begin(environment: Environment, **_: Any) -> None:
    take_stages(environment)


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
        _report(self.environment, request_type, name, 0, ValueError(said))

    def look_at_front_page(self) -> list[str]:
        """Its posts; `live` is the first one that is live."""
        page = self.expect("GET", "/", "/", words="</html>").text
        found = LIVE_CARD.search(page)
        self.live = f"/post/{found[1]}" if found else ""
        return POST.findall(page)


def _cure(status: int | None) -> str:
    return {429: ": start the site with PRESSROOM_LIMITS=off", 0: ": nobody answers"}.get(status or 0, "")


def _report(environment: Environment, request_type: str, name: str, ms: float, error: Exception | None = None) -> None:
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


class Event(NamedTuple):
    kind: str
    number: int | None
    data: dict[str, Any]


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
                with self.stream(last) as frames:
                    for event in frames:
                        if event.kind in ("gone", "reload"):
                            return
                        if event.kind == "wait":
                            back_seconds = event.data["ms"] / 1000
                        elif event.number is not None:
                            last = self.check(event, last)
                        if time.monotonic() > until:
                            return
            except OSError as error:
                _report(self.environment, SSE, "/post/[live]/live", 0, error)
            time.sleep(back_seconds)

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
            _report(self.environment, SSE, name, max(0.0, time.time() * 1000 - event.data["at"]))
        return event.number

    @contextmanager
    def stream(self, after: int) -> Iterator[Iterator[Event]]:
        """The post's events from a number on, by a socket of its own: a read ends with each event, not with a size."""
        began = time.monotonic()
        parts = urlsplit(self.host)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=60) as plain:
            secure = ssl.create_default_context() if parts.scheme == "https" else None
            connection = secure.wrap_socket(plain, server_hostname=parts.hostname) if secure else plain
            head = f"GET {self.live}/live HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\n"
            connection.sendall(f"{head}Last-Event-ID: {after}\r\n\r\n".encode())
            lines = connection.makefile("rb")
            status = lines.readline().decode()
            good = " 200 " in status
            error = None if good else ValueError(f"not a stream: {status.strip()}")
            _report(self.environment, "GET", "/post/[live]/live", (time.monotonic() - began) * 1000, error)
            while good and lines.readline().strip():
                pass
            yield _events(lines) if good else iter(())


def _events(lines: Any) -> Iterator[Event]:
    """Source: WHATWG HTML, "Server-sent events"."""
    fields: dict[str, str] = {}
    for raw in lines:
        name, colon, value = raw.decode().rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not colon:
            if "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                yield Event(fields.get("event", "message"), number, json.loads(fields["data"]))
            fields = {}


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


# Before and after


@events.test_start.add_listener
def learn_of_the_bench(environment: Environment, **_: Any) -> None:
    """Find out whether one may write here."""
    for known in (Run.accounts, Run.sent, Run.acknowledged, Run.written):
        known.clear()  # type: ignore[attr-defined]
    for person in (Reader, Follower, Commenter, Author, Crawler):
        person.host = environment.host or person.host
    answer = Reader(environment).client.get("/me", name="/me")
    file = Path(environment.parsed_options.bench_file)
    if not (answer.ok and answer.json().get("bench")):
        print("Nobody writes: the site doesn't say that it is a bench, as `pressroom bench-data` makes one.")
    elif not file.is_file():
        print(f"Nobody writes: the bench's accounts are not in {file}. Copy its bench.json: --bench-file PATH")
    else:
        Run.accounts.update(json.loads(file.read_text()))


@events.test_stop.add_listener
def look_for_everything(environment: Environment, **_: Any) -> None:
    """Read each live post whole, as its readers can, and compare it with what was acknowledged."""
    reader, found, problems = Reader(environment), Counter[str](), list[str]()
    for path in {*Run.written, *Run.sent.values()}:
        numbers = set[int]()
        page = reader.client.get(path, name="/post/[live]").text or ""
        for kind in ("updates", "comments"):
            for text in _older(reader, path, kind):
                numbers.update(map(int, ITEM.findall(text)))
                found.update(TOKEN.findall(text))
        last = int(SEQ.search(page)[1])  # type: ignore[index]
        expected = range(Run.written.get(path, last) + 1, last + 1)
        problems += [f"no number {n} of {path}" for n in expected if n not in numbers]
    problems += [f"doubled: {token}" for token, times in found.items() if times > 1]
    problems += [f"lost: {token}" for token in Run.sent if not found[token]]
    if Run.written or Run.sent:
        print(f"{len(Run.sent)} comments acknowledged, {len(problems)} problems")
    for problem in problems[:20]:
        _report(environment, CHECKS, "at the end", 0, ValueError(problem))


def _older(reader: Reader, path: str, kind: str) -> Iterator[str]:
    for number in count(1):
        answer = reader.client.get(f"{path}/{kind}/{number}", name=f"/post/[live]/{kind}/[n]")
        text = answer.text or ""
        yield text
        if f'href="{path}/{kind}/{number + 1}"' not in text:
            return


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    options, total = environment.parsed_options, environment.stats.total
    p95 = total.get_response_time_percentile(0.95) or 0
    problems = []
    if total.fail_ratio * 100 > options.max_failures:
        problems.append(f"{total.num_failures} of {total.num_requests} requests failed")
    if options.max_p95 and p95 > options.max_p95:
        problems.append(f"95 % took up to {p95} ms, where {options.max_p95:g} ms are allowed")
    if not total.num_requests:
        problems.append("nobody asked for anything")
    for problem in problems:
        print(f"FAILED: {problem}.", file=sys.stderr)
    environment.process_exit_code = 1 if problems else 0
    if options.results and not isinstance(environment.runner, WorkerRunner):
        write_results(environment, time.process_time())
