"""Who writes in a load test, and what they find wrong: Commenter, Author."""

from __future__ import annotations

import re
import secrets
from html import unescape
from uuid import uuid4

from locust import tag, task
from locust.exception import StopUser

from loadtests.person import SEQ, Person, Run

CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
CHECKS = "CHECK"  # a request type of Locust's: what is looked at once more at the end


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
