"""Page views beside 10,000 streams that get five updates a second, against the same site with neither.

wrk asks at a pace of its own, far below what the site can do. The updates come from a process beside the site, as a
command of the CLI would make them; so the workers do nothing but answer page views, and their CPU is what these cost.
What sending the updates to the streams costs is the broadcaster's CPU, shown apart. The readers of the streams have the
lowest priority: elsewhere they aren't on the server, and wouldn't take its cores from the page views.
"""

from __future__ import annotations

import re
import subprocess
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from loadtests.limits import lab, report
from loadtests.limits.readers import Readers
from webapp import changes
from webapp.content import updates
from webapp.people import users
from webapp.text.render import render_update

CONNECTIONS = 32
PAUSE_MS = 20
UPDATES_PER_SECOND = 5
LOWEST_PRIORITY = 19
OF_QUIET_P99 = 3.0
OF_QUIET_CPU = 1.1
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
PACED = f"function delay() return {PAUSE_MS} end"


class Measured(NamedTuple):
    p99_ms: float
    view_us: float
    broadcaster_share: float
    views_per_second: float


def main() -> None:
    chosen = report.options(
        __doc__,
        streams=(10_000, 500, "streams"),
        rounds=(5, 1, "rounds"),
        seconds=(10, 2, "seconds of page views, of either kind, in a round"),
    )
    lab.need("wrk")
    rounds: dict[str, list[Measured]] = {"quiet": [], "with updates": [], "with streams": []}
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=1)
        pace = site.folder.with_name("pace.lua")
        pace.write_text(PACED)
        with lab.serving(site) as pid:
            measure(pid, site.port, post_id, pace, 1)
            for _ in range(chosen.rounds):
                rounds["quiet"].append(measure(pid, site.port, post_id, pace, chosen.seconds))
                with updating(site, post_id):
                    rounds["with updates"].append(measure(pid, site.port, post_id, pace, chosen.seconds))
                with Readers(site.port, f"/post/{post_id}/live", chosen.streams, niceness=LOWEST_PRIORITY) as readers:
                    with updating(site, post_id):
                        rounds["with streams"].append(measure(pid, site.port, post_id, pace, chosen.seconds))
                    check(readers, lab.number_of_page(site.port, post_id))
    tell(chosen, rounds)


@contextmanager
def updating(site: lab.Site, post_id: int) -> Iterator[None]:
    """Meanwhile a live post gets updates."""
    html = render_update(lab.SENTENCE)

    def update() -> None:
        with site.app.app_context(), changes.changing() as session:
            author = users.by_name(session, lab.AUTHOR)
            updates.add(session, post_id, author.id, lab.SENTENCE, html)

    with lab.repeating(update, 1 / UPDATES_PER_SECOND):
        time.sleep(1)
        yield


def measure(pid: int, port: int, post_id: int, pace: Path, seconds: int) -> Measured:
    workers, broadcasters = lab.workers(pid), lab.broadcasters(pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(pace), "--latency"]
    command += ["-H", "Connection: close", f"http://127.0.0.1:{port}/post/{post_id}"]
    before, before_broadcasters = lab.cpu_of(workers), lab.cpu_of(broadcasters)
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    used, used_sending = lab.cpu_of(workers) - before, lab.cpu_of(broadcasters) - before_broadcasters
    asked = re.search(r"(\d+) requests in ([\d.]+)s", done.stdout)
    p99 = re.search(r"99% +([\d.]+)(us|ms|s)", done.stdout)
    assert asked and p99 and "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    views, took = int(asked[1]), float(asked[2])
    return Measured(float(p99[1]) * UNITS_MS[p99[2]], used / views * 1e6, used_sending / took * 100, views / took)


def check(readers: Readers, number: int) -> None:
    readers.until(lambda: readers.having(number) == readers.streams, "all had the last update")
    counts = readers.counts()
    assert not (counts["lost"] or counts["missing"] or counts["double"] or counts["reloads"]), counts


def tell(chosen: Namespace, rounds: dict[str, list[Measured]]) -> None:
    rows = [("", "ms to 99 % of the views", "workers' CPU us a view", "broadcaster's CPU %", "views/s")]
    for name, found in rounds.items():
        columns = zip(*found, strict=True)
        rows.append((name, *(report.spread(column, 1) for column in columns)))
    pairs = list(zip(rounds["with streams"], rounds["quiet"], strict=True))
    bars = [
        report.Bar("p99 / quiet", median(busy.p99_ms / quiet.p99_ms for busy, quiet in pairs), OF_QUIET_P99),
        report.Bar(
            "CPU of a view / quiet", median(busy.view_us / quiet.view_us for busy, quiet in pairs), OF_QUIET_CPU
        ),
    ]
    raw = {name: [one._asdict() for one in found] for name, found in rounds.items()}
    report.finish("pages_beside_streams", chosen, rows, bars, raw)


if __name__ == "__main__":
    main()
