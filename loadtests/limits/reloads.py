"""Whether 20 reloads of the code, behind nginx with deploy/nginx.conf and under load, fail a request or lose an event.

People ask over connections that they keep: a stored page, /hello, a form, who they are. An author publishes, and each
update is taken for lost unless every one of the open streams has had it once. A reload is what `make reload` does.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections import Counter

from loadtests.limits import browser, lab, nginx_setup, report
from loadtests.limits.readers import Readers
from tools.processes import until

REQUESTS = 50_000
PEOPLE = 8
PATHS = ("/", "/hello", "/login", "/me")
EVERY_SECONDS = 0.5


class People:
    """So many at once, each asking as fast as it is answered, until the end of the block."""

    def __init__(self, port: int, path: str, author: browser.Person) -> None:
        self.port, self.path, self.author = port, path, author
        self.answers: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.published: list[int] = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(PEOPLE)]
        self.threads.append(threading.Thread(target=self._publish))

    def __enter__(self) -> People:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number: int) -> None:
        """nginx closes a connection after its thousandth answer, and says so in that one."""
        paths = (*PATHS, self.path)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.ended.is_set():
            path = paths[number % len(paths)]
            number += 1
            try:
                connection.request("GET", path, headers={"Cookie": self.author.cookie} if path == "/me" else {})
                answer = connection.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed[f"{path} {type(error).__name__}"] += 1
                connection.close()
            else:
                is_right = answer.status == 200 and said
                (self.answers if is_right else self.failed)[path if is_right else f"{path} {answer.status}"] += 1
        connection.close()

    def _publish(self) -> None:
        while not self.ended.wait(EVERY_SECONDS):
            try:
                there, _ = browser.send(self.port, f"{self.path}/updates", self.author, body=lab.SENTENCE)
                self.published.append(int(there.partition("#update-")[2]))
                self.answers["an update"] += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failed[f"an update {error}"] += 1


def main() -> None:
    chosen = report.options(
        __doc__, reloads=(20, 2, "reloads"), streams=(1000, 100, "streams"), requests=(REQUESTS, 1000, "requests")
    )
    with lab.site() as site:
        path = f"/post/{lab.live_post(site.app, update_count=1)}"
        with nginx_setup.behind_nginx(site) as served:
            author = browser.sign_in(site.port, lab.AUTHOR)
            start = lab.number_of_page(site.port, int(path.rpartition("/")[2]))
            old = set(lab.workers(served.uwsgi))
            with Readers(site.port, f"{path}/live", chosen.streams, after=start) as readers:
                with People(site.port, path, author) as people:
                    seconds = [reload(site) for _ in range(chosen.reloads)]
                    assert not old & set(lab.workers(served.uwsgi))
                    enough = lambda: people.answers.total() + people.failed.total() >= chosen.requests  # noqa: E731
                    until(enough, f"{chosen.requests} were answered", 600)
                last = max(people.published)
                readers.until(lambda: readers.having(last) == chosen.streams, "all streams had everything")
                counts = readers.counts()
    tell(chosen, seconds, people, counts)


def reload(site: lab.Site) -> float:
    """What `make reload` does; after how many seconds."""
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "webapp.reload"],
        cwd=lab.CHECKOUT,
        env=dict(os.environ) | site.environ,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - start


def tell(chosen: Namespace, seconds: list[float], people: People, counts: Counter[str]) -> None:
    rows = [("", "answered"), *((what, f"{number:,}") for what, number in sorted(people.answers.items()))]
    rows += [(f"FAILED: {what}", str(number)) for what, number in people.failed.items()]
    rows += [("seconds for a reload", report.spread(seconds))]
    missed = chosen.requests - people.answers.total()
    bars = [
        report.Bar(f"requests short of {chosen.requests:,}", max(0, missed), 0),
        report.Bar("failed requests", people.failed.total(), 0),
        report.Bar("streams lost", counts["lost"], 0),
        report.Bar("events missing", counts["missing"] + counts["reloads"] + counts["refused"], 0),
        report.Bar("events double", counts["double"], 0),
    ]
    raw = {"seconds": seconds, "answers": people.answers, "failed": people.failed, "readers": counts}
    report.finish("reloads", chosen, rows, bars, raw)


if __name__ == "__main__":
    main()
