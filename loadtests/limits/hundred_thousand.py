"""100,000 streams of one post, held by several broadcasters on two cores, and how soon an update reaches all of them.

By uWSGI alone. Where a process may have 20,000 descriptors, that takes six broadcasters, and six processes that read.
"""

from __future__ import annotations

import math
import time
from statistics import median

from loadtests.limits import browser, lab, report
from loadtests.limits.readers import Readers, percentile
from tools.processes import until

OF_A_BROADCASTER = 18_000
OF_A_READER = 18_000
PAUSE_SECONDS = 1.0
MOST_MS = 1300


def main() -> None:
    chosen = report.options(__doc__, streams=(100_000, 2000, "streams"), updates=(10, 3, "updates"))
    count, reading = (math.ceil(chosen.streams / most) for most in (OF_A_BROADCASTER, OF_A_READER))
    with lab.site() as site:
        site.environ["PRESSROOM_BROADCASTERS"] = str(count)
        post_id = lab.live_post(site.app, update_count=1)
        with lab.serving(site) as pid:
            until(lambda: len(lab.broadcasters(pid)) == count, f"{count} broadcasters were there")
            author = browser.sign_in(site.port, lab.AUTHOR)
            started = time.monotonic()
            with Readers(site.port, f"/post/{post_id}/live", chosen.streams, processes=reading) as readers:
                opened_seconds = time.monotonic() - started
                holders = lab.broadcasters(pid)
                shares = [lab.descriptors([holder]) for holder in holders]
                before, counts_before = lab.cpu_of(holders), readers.counts()
                waits = [publish(site.port, post_id, author, readers) for _ in range(chosen.updates)]
                deliveries = chosen.updates * chosen.streams
                cpu_us = (lab.cpu_of(holders) - before) / deliveries * 1e6
                counts = readers.counts()
                readers_us = (counts["cpu"] - counts_before["cpu"]) / deliveries * 1e6
                own_mb = lab.own_bytes(holders) / 1e6
    rows = [
        ("", ""),
        ("opened in", f"{opened_seconds:.0f} s, {counts_before['lost']:.0f} of them not at the first try"),
        ("descriptors of each broadcaster", ", ".join(map(str, shares))),
        ("memory of all broadcasters", f"{own_mb:.0f} MB"),
        ("ms to half, to 99 %, to all", ", ".join(report.spread(column, 0) for column in zip(*waits, strict=True))),
        ("CPU us a delivery", f"{cpu_us:.2f}, and {readers_us:.2f} of the readers"),
    ]
    bars = [
        report.Bar("an update to 99 %", round(median(most for _, most, _ in waits)), MOST_MS, "ms"),
        report.Bar("streams lost", counts["lost"] - counts_before["lost"], 0),
        report.Bar("numbers missing or double", counts["missing"] + counts["double"] + counts["reloads"], 0),
    ]
    raw = {"ms": waits, "descriptors": shares, "counts": [counts_before, counts]}
    report.finish("hundred_thousand", chosen, rows, bars, raw)


def publish(port: int, post_id: int, author: browser.Person, readers: Readers) -> tuple[int, int, int]:
    """Milliseconds until half, 99 %, and all of the readers have it."""
    time.sleep(PAUSE_SECONDS)
    there, _ = browser.send(port, f"/post/{post_id}/updates", author, body=lab.SENTENCE)
    arrived = readers.all_arrived(int(there.partition("#update-")[2]))
    return percentile(arrived, 50), percentile(arrived, 99), percentile(arrived, 100)


if __name__ == "__main__":
    main()
