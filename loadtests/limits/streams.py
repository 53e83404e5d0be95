"""What 10,000 open streams cost, and one update to all of them: the broadcaster, nchan, and a bare write loop.

They take turns, each fresh in every round, with the same readers and the same payload. A time is that from just before
the commit (nchan: before its POST; the loop: before its first write) until 99 % of the readers have the update.
CPU is the broadcaster's, nginx's with its handling of the POST, and the loop's; the author's POST costs the workers as
much whoever reads, see publish.py. The kernel's share holds both ends of each connection, so it is halved.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median
from typing import NamedTuple

from loadtests.limits import lab, report
from loadtests.limits.contenders import NCHAN, NUMBER, Contender, bare_write, nchan, pressroom, sample
from loadtests.limits.readers import Readers, percentile

WARM = 100
WARM_UPDATES = 3
PAUSE_SECONDS = 0.2
OWN_BYTES = 300
ALL_BYTES = 5500  # about 5 kB
MOST_MS = 100
OF_A_BARE_WRITE = 1.5


class Measured(NamedTuple):
    own_bytes: float
    kernel_bytes: float
    waits_ms: list[int]
    cpu_us: float
    readers_cpu_us: float


def main() -> None:
    chosen = report.options(
        __doc__, streams=(10_000, 500, "streams"), rounds=(3, 1, "rounds"), updates=(10, 3, "updates in a round")
    )
    lab.need("nginx")
    if not NCHAN.exists():
        raise SystemExit(f"{NCHAN} is missing: sudo apt-get install libnginx-mod-nchan")
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=1)
        html = sample(site, post_id)
        contenders: dict[str, Callable[[], AbstractContextManager[Contender]]] = {
            "broadcaster": lambda: pressroom(site, post_id),
            "nchan": lambda: nchan(site, html),
            "bare write": lambda: bare_write(html),
        }
        rounds: dict[str, list[Measured]] = {name: [] for name in contenders}
        for _ in range(chosen.rounds):
            for name, contender in contenders.items():
                with contender() as ready:
                    rounds[name].append(measure(ready, chosen.streams, chosen.updates))
    tell(chosen, rounds)


def measure(contender: Contender, streams: int, updates: int, tls: bool = False) -> Measured:
    port, path, pids, publish = contender
    with Readers(port, path, WARM, number=NUMBER, tls=tls) as few:
        for _ in range(WARM_UPDATES):
            few.all_arrived(publish())
        own, kernel = lab.own_bytes(pids), lab.kernel_bytes()
        with Readers(port, path, streams, number=NUMBER, tls=tls) as readers:
            own, kernel = lab.own_bytes(pids) - own, lab.kernel_bytes() - kernel
            readers.all_arrived(publish())
            before, readers_before = lab.cpu_of(pids), readers.counts()["cpu"]
            waits = []
            for _ in range(updates):
                waits.append(percentile(readers.all_arrived(publish()), 99))
                time.sleep(PAUSE_SECONDS)
            deliveries = updates * (streams + WARM)
            cpu, readers_cpu = lab.cpu_of(pids) - before, readers.counts()["cpu"] - readers_before
            counts = readers.counts()
            assert not (counts["lost"] or counts["missing"] or counts["double"] or counts["reloads"]), counts
    return Measured(own / streams, kernel / 2 / streams, waits, cpu / deliveries * 1e6, readers_cpu / deliveries * 1e6)


def with_kernel(measured: Measured) -> float:
    return measured.own_bytes + measured.kernel_bytes


def tell(chosen: Namespace, rounds: dict[str, list[Measured]]) -> None:
    def ratio(name: str, of: Callable[[Measured], float]) -> float:
        return median(of(ours) / of(theirs) for ours, theirs in zip(rounds["broadcaster"], rounds[name], strict=True))

    rows = [("", "bytes a stream", "with the kernel's", "ms to 99 %", "CPU us a delivery", "the readers' CPU us")]
    for name, found in rounds.items():
        rows.append(
            (
                name,
                report.spread([one.own_bytes for one in found], 0),
                report.spread([with_kernel(one) for one in found], 0),
                report.spread([median(one.waits_ms) for one in found], 0),
                report.spread([one.cpu_us for one in found], 2),
                report.spread([one.readers_cpu_us for one in found], 2),
            )
        )
    ours = rounds["broadcaster"]
    bars = [
        report.Bar("memory of a stream", round(median(one.own_bytes for one in ours)), OWN_BYTES, "bytes"),
        report.Bar("… the kernel's too", round(median(map(with_kernel, ours))), ALL_BYTES, "bytes"),
        report.Bar("an update to 99 %", median(median(one.waits_ms) for one in ours), MOST_MS, "ms"),
        report.Bar("CPU of a delivery / bare write", ratio("bare write", lambda one: one.cpu_us), OF_A_BARE_WRITE),
        report.Bar("time / nchan", ratio("nchan", lambda one: median(one.waits_ms)), 1),
        report.Bar("CPU / nchan", ratio("nchan", lambda one: one.cpu_us), 1),
        report.Bar("memory / nchan", ratio("nchan", lambda one: one.own_bytes), 1),
    ]
    report.finish(
        "streams", chosen, rows, bars, {name: [one._asdict() for one in found] for name, found in rounds.items()}
    )


if __name__ == "__main__":
    main()
