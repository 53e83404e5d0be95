"""What becomes of 2,000 streams when the site is reloaded, killed in part, or restarted, under load.

Meanwhile an author publishes and somebody opens pages all the time. Readers come back as browsers do: when they were
told to, with the number that they have. At the end of each trial every one of them must have had every number once.
"Back" is when all streams are open again and have an update that was made since, from when the deed was done; a
restart is done when the site answers.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from loadtests.limits import browser, lab, report
from loadtests.limits.readers import Readers
from tools.processes import until

EVERY_SECONDS = 0.25
BEFORE_SECONDS = 1.0
BACK_SECONDS = 15
LOST = ("kill -9 of the broadcaster", "restart of the site")  # there all streams end, and come back


class Server:
    """The site, as it is served at the moment."""

    def __init__(self, site: lab.Site, served: ExitStack) -> None:
        self.site = site
        self.served = served
        self.start()

    def start(self) -> None:
        self.pid = self.served.enter_context(lab.serving(self.site))

    def restart(self) -> None:
        self.served.close()
        self.start()

    def chain_reload(self) -> None:
        before = set(lab.workers(self.pid))
        fifo = os.open(self.site.folder / "uwsgi.fifo", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fifo, b"c")
        os.close(fifo)
        until(lambda: self._has_new_workers(before), "all workers were new")

    def renew_broadcasters(self) -> None:
        """As after an upgrade. The same process runs a new program then, whose random bytes are others."""
        for pid in lab.broadcasters(self.pid):
            program = Path(f"/proc/{pid}/auxv")
            before = program.read_bytes()
            os.kill(pid, signal.SIGHUP)
            until(lambda program=program, before=before: program.read_bytes() != before, "it was new")

    def kill_workers(self) -> None:
        for pid in lab.workers(self.pid):
            before = set(lab.workers(self.pid))
            os.kill(pid, signal.SIGKILL)
            until(lambda before=before: len(set(lab.workers(self.pid)) - before) == 1, "another worker was there")
            browser.ask(self.site.port, "/hello")

    def kill_broadcasters(self) -> None:
        for pid in lab.broadcasters(self.pid):
            os.kill(pid, signal.SIGKILL)

    def _has_new_workers(self, before: set[int]) -> bool:
        workers = set(lab.workers(self.pid))
        return len(workers) == lab.WORKERS and not workers & before


class Meanwhile:
    """What went on: the numbers that the author was told, and what was not answered."""

    def __init__(self) -> None:
        self.published: list[int] = []
        self.failed: dict[str, int] = {"updates": 0, "views": 0}
        self.views = 0


class Found(NamedTuple):
    deed_seconds: float
    back_seconds: float
    lost: int
    wrong: int
    updates: int
    failed_updates: int
    views: int
    failed_views: int


def main() -> None:
    chosen = report.options(__doc__, streams=(2000, 200, "streams"), seconds=(10, 1, "seconds to go on after each"))
    deeds: dict[str, Callable[[Server], None]] = {
        "chain reload": Server.chain_reload,
        "new code of the broadcaster": Server.renew_broadcasters,
        "kill -9 of each worker": Server.kill_workers,
        LOST[0]: Server.kill_broadcasters,
        LOST[1]: Server.restart,
    }
    with lab.site() as site, ExitStack() as served:
        post_id = lab.live_post(site.app, update_count=1)
        server = Server(site, served)
        author = browser.sign_in(site.port, lab.AUTHOR)
        found = {name: trial(server, post_id, author, deed, chosen) for name, deed in deeds.items()}
    tell(chosen, found)


def trial(
    server: Server, post_id: int, author: browser.Person, deed: Callable[[Server], None], chosen: Namespace
) -> Found:
    port, path = server.site.port, f"/post/{post_id}"
    start = lab.number_of_page(port, post_id)
    with Readers(port, f"{path}/live", chosen.streams, after=start) as readers:
        with going_on(port, path, author) as meanwhile:
            time.sleep(BEFORE_SECONDS)
            started = time.monotonic()
            deed(server)
            done = time.monotonic()
            known = max(meanwhile.published)
            until(lambda: meanwhile.published[-1] > known, "an update was made")
            first = meanwhile.published[-1]
            readers.until(lambda: readers.having(first) == chosen.streams, "all streams were back")
            back = time.monotonic()
            time.sleep(chosen.seconds)
        last = lab.number_of_page(port, post_id)
        readers.until(lambda: readers.having(last) == chosen.streams, "all streams had everything")
        counts = readers.counts()
    assert last >= max(meanwhile.published)
    wrong = counts["missing"] + counts["double"] + counts["reloads"] + counts["refused"]
    failed = meanwhile.failed
    return Found(
        *(done - started, back - done, counts["lost"], wrong),
        *(last - start, failed["updates"], meanwhile.views, failed["views"]),
    )


@contextmanager
def going_on(port: int, path: str, author: browser.Person) -> Iterator[Meanwhile]:
    """An author and somebody who opens pages, at work."""
    meanwhile, ended = Meanwhile(), threading.Event()

    def publish() -> None:
        there, _ = browser.send(port, f"{path}/updates", author, body=lab.SENTENCE)
        meanwhile.published.append(int(there.partition("#update-")[2]))
        ended.wait(EVERY_SECONDS)

    def view() -> None:
        assert browser.ask(port, path).status == 200
        meanwhile.views += 1

    def repeat(what: str, act: Callable[[], None]) -> None:
        while not ended.is_set():
            try:
                act()
            except (OSError, HTTPException, AssertionError):
                meanwhile.failed[what] += 1
                ended.wait(EVERY_SECONDS / 10)

    threads = [threading.Thread(target=repeat, args=work) for work in (("updates", publish), ("views", view))]
    for thread in threads:
        thread.start()
    try:
        yield meanwhile
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def tell(chosen: Namespace, found: dict[str, Found]) -> None:
    rows = [("", "s", "s until all are back", "streams lost", "updates (not answered)", "page views (not answered)")]
    for name, one in found.items():
        rows.append(
            (
                *(name, f"{one.deed_seconds:.1f}", f"{one.back_seconds:.1f}", str(one.lost)),
                *(f"{one.updates} ({one.failed_updates})", f"{one.views} ({one.failed_views})"),
            )
        )
    bars = [report.Bar(f"{name}: streams lost", one.lost, 0) for name, one in found.items() if name not in LOST]
    bars += [report.Bar(f"{name}: all back", found[name].back_seconds, BACK_SECONDS, "s") for name in LOST]
    bars += [report.Bar(f"{name}: numbers missing or double", one.wrong, 0) for name, one in found.items()]
    report.finish("deploys", chosen, rows, bars, {name: one._asdict() for name, one in found.items()})


if __name__ == "__main__":
    main()
