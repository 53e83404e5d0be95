"""Three personas who check what they get: a reader, a commenter and an author.

    locust -f loadtests/locustfile.py --headless -u 200 -r 50 -t 30s --author admin --author-password …

Commenters make their own accounts, so the site needs PRESSROOM_REGISTRATION=open and PRESSROOM_LIMITS=off.
Without --author there is no author, and readers read what is there. At the end everything that was acknowledged is
looked for: a comment that is missing or there twice, or a gap in the numbers, makes the run fail.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from html import unescape
from typing import Any, ClassVar
from uuid import uuid4

from locust import FastHttpUser, between, events, task
from locust.env import Environment
from locust.exception import StopUser

CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
SEQ = re.compile(r'data-seq="(\d+)"')
ITEM = re.compile(r'id="(?:update|comment)-(\d+)"')
TOKEN = re.compile(r"token-[0-9a-f]{16}")
POST = re.compile(r'href="(/post/\d+)"')


class Run:
    """What this run's people know of each other."""

    post: str | None = None  # the path of the live post that the author opened
    sent: ClassVar[Counter[str]] = Counter()  # the token of each comment that a redirect acknowledged
    first_seq = 0  # the post's number before anybody commented


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any) -> None:
    parser.add_argument("--author", default="", env_var="LOAD_AUTHOR", help="name of an account that may write")
    parser.add_argument(
        "--author-password", default="", env_var="LOAD_AUTHOR_PASSWORD", is_secret=True, help="its password"
    )


class Person(FastHttpUser):
    """Somebody with a browser. `expect` counts an answer of another status, or without the words, as a failure."""

    abstract = True
    host = "http://127.0.0.1:8000"
    wait_time = between(1, 3)
    csrf_token = ""

    def expect(self, method: str, path: str, name: str, status: int = 200, words: str = "", **kwargs: Any) -> Any:
        with self.client.request(
            method, path, name=name, catch_response=True, allow_redirects=False, **kwargs
        ) as answer:
            text = answer.text or ""
            if answer.status_code != status:
                answer.failure(f"{answer.status_code} where {status} was expected")
                raise StopUser
            if words in text:
                answer.success()
            else:
                answer.failure(f"no {words!r} in it")
            return answer

    def enter(self, form: str, **fields: str) -> None:
        """Send the form of /login or /register, then take the CSRF token of the new session."""
        page = self.expect("GET", form, form)
        token = unescape(CSRF.search(page.text)[1])  # type: ignore[index]
        self.expect("POST", form, form, 302, data={"csrf_token": token, **fields})
        me = self.expect("GET", "/me", "/me", words='"signed_in":true')
        self.csrf_token = me.json()["csrf_token"]

    def check_signed_in(self) -> None:
        self.expect("GET", "/me", "/me", words='"signed_in":true')


class Reader(Person):
    weight = 20

    @task(3)
    def read_front_page(self) -> None:
        page = self.expect("GET", "/", "/", words="</html>")
        links = POST.findall(page.text)
        if links:
            self.expect("GET", secrets.choice(links), "/post/[id]", words="data-seq=")

    @task(6)
    def read_live_post(self) -> None:
        if Run.post:
            self.expect("GET", Run.post, "/post/[live]", words="data-seq=")

    @task
    def search(self) -> None:
        self.expect("GET", "/search?q=goal", "/search", words="</html>")

    @task
    def lose_the_way(self) -> None:
        self.expect("GET", f"/nowhere/{secrets.token_hex(4)}", "/nowhere/[junk]", 404, words="</html>")


class Commenter(Person):
    weight = 5

    def on_start(self) -> None:
        name = f"load-{secrets.token_hex(6)}"
        self.enter("/register", username=name, password=secrets.token_urlsafe(12))

    @task
    def comment(self) -> None:
        if not Run.post:
            return
        token = f"token-{secrets.token_hex(8)}"
        fields = {"csrf_token": self.csrf_token, "submission": str(uuid4()), "body": f"What a match! {token}"}
        # Twice, as a browser does whose first answer was lost: it must become one comment.
        first = self.expect("POST", f"{Run.post}/comments", "/post/[live]/comments", 302, data=fields)
        again = self.expect("POST", f"{Run.post}/comments", "/post/[live]/comments", 302, data=fields)
        if first.headers["location"] != again.headers["location"]:
            again.failure("the same submission made a second comment")
        Run.sent[token] += 1
        self.expect("GET", Run.post, "/post/[live]", words="data-seq=")
        self.check_signed_in()


class Author(Person):
    fixed_count = 1
    wait_time = between(0.5, 1)

    def on_start(self) -> None:
        options = self.environment.parsed_options
        if not options.author:
            raise StopUser
        self.enter("/login", username=options.author, password=options.author_password)
        fields = {"title": "The derby, under load", "body": "Kick-off at eight.", "live": "y", "action": "publish"}
        made = self.expect("POST", "/desk/new", "/desk/new", 302, data={"csrf_token": self.csrf_token, **fields})
        post = made.headers["location"]
        page = self.expect("GET", post, "/post/[live]", words="The derby, under load")
        Run.first_seq = int(SEQ.search(page.text)[1])  # type: ignore[index]
        Run.post = post

    @task
    def update(self) -> None:
        fields = {"csrf_token": self.csrf_token, "submission": str(uuid4()), "body": f"Goal! {secrets.token_hex(8)}"}
        made = self.expect("POST", f"{Run.post}/updates", "/post/[live]/updates", 302, data=fields)
        item = made.headers["location"].partition("#")[2]
        self.expect("GET", str(Run.post), "/post/[live]", words=f'id="{item}"')
        self.check_signed_in()


@events.test_stop.add_listener
def look_for_everything(environment: Environment, **_: Any) -> None:
    """Read the whole live post, as its readers can, and compare it with what was acknowledged."""
    if not Run.post:
        return
    reader = Reader(environment)
    page = reader.client.get(Run.post, name="/post/[live]").text
    numbers, found = [], Counter[str]()
    for kind in ("updates", "comments"):
        number = 1
        while (older := reader.client.get(f"{Run.post}/{kind}/{number}", name=f"/post/[live]/{kind}/[n]")).ok:
            numbers += [int(n) for n in ITEM.findall(older.text)]
            found.update(TOKEN.findall(older.text))
            if f'href="{Run.post}/{kind}/{number + 1}"' not in older.text:
                break
            number += 1
    seq = int(SEQ.search(page)[1])  # type: ignore[index]
    problems = [f"lost: {token}" for token in Run.sent if not found[token]]
    problems += [f"doubled: {token}" for token, times in found.items() if times > 1]
    missing = set(range(Run.first_seq + 1, seq + 1)) - set(numbers)
    problems += [f"no number {n}" for n in sorted(missing)]
    for problem in problems[:20]:
        environment.events.request.fire(
            request_type="CHECK", name="at the end", response_time=0, response_length=0, exception=ValueError(problem)
        )
    print(f"{len(Run.sent)} comments acknowledged, numbers up to {seq}: {len(problems)} problems")
    if problems:
        environment.process_exit_code = 1
