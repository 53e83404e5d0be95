"""What all people of a load test have: a browser, and an eye for wrong answers."""

from __future__ import annotations

import os
import random
import re
from collections import defaultdict
from itertools import count
from typing import Any, ClassVar

from locust import FastHttpUser
from locust.env import Environment
from locust.exception import StopUser

from loadtests.crowd import LIVE_CARD
from loadtests.shapes import pace

SEQ = re.compile(r'data-seq="(\d+)"')
POST = re.compile(r'href="(/post/\d+)"')


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
    host = f"http://{os.environ.get('PRESSROOM_HTTP', '127.0.0.1:8000')}"
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
