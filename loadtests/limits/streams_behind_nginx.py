"""What 10,000 streams cost as they are deployed: behind deploy/nginx.conf, with and without TLS, and by uWSGI alone.

They take turns, each fresh in every round, with the same readers and the same payload. CPU and memory are the
broadcaster's and nginx's. A time is that from just before the commit until 99 % of the readers have the update; with
TLS they decrypt it on the same cores. The kernel's share is the site's: both ends of what is between nginx and uWSGI,
and one end of each reader's connection.
"""

from __future__ import annotations

from argparse import Namespace
from statistics import median

from loadtests.limits import lab, report
from loadtests.limits.contenders import in_front
from loadtests.limits.streams import Measured, measure

KINDS = {"uWSGI alone": None, "nginx": False, "nginx with TLS": True}
ALONE, *_, TLS = KINDS
OWN_BYTES = 32 * 1024
KERNEL_BYTES = 20_000
OF_ALONE = 3.2
MOST_MS = 400


def main() -> None:
    chosen = report.options(
        __doc__, streams=(10_000, 300, "streams"), rounds=(3, 1, "rounds"), updates=(10, 3, "updates in a round")
    )
    lab.need("nginx")
    rounds: dict[str, list[Measured]] = {name: [] for name in KINDS}
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=1)
        for _ in range(chosen.rounds):
            for name, tls in KINDS.items():
                with in_front(site, post_id, tls) as contender:
                    rounds[name].append(measure(contender, chosen.streams, chosen.updates, tls=bool(tls)))
    tell(chosen, rounds)


def kernel(name: str, rounds: dict[str, list[Measured]]) -> list[float]:
    """Without the readers' end, which costs as much as uWSGI's end does when it is alone."""
    return [
        found.kernel_bytes if name == ALONE else 2 * found.kernel_bytes - alone.kernel_bytes
        for found, alone in zip(rounds[name], rounds[ALONE], strict=True)
    ]


def tell(chosen: Namespace, rounds: dict[str, list[Measured]]) -> None:
    rows = [("", "bytes a stream", "the kernel's", "ms to 99 %", "CPU us a delivery", "the readers' CPU us")]
    for name, found in rounds.items():
        rows.append(
            (
                name,
                report.spread([one.own_bytes for one in found], 0),
                report.spread(kernel(name, rounds), 0),
                report.spread([median(one.waits_ms) for one in found], 0),
                report.spread([one.cpu_us for one in found], 2),
                report.spread([one.readers_cpu_us for one in found], 2),
            )
        )
    ratio = median(a.cpu_us / b.cpu_us for a, b in zip(rounds[TLS], rounds[ALONE], strict=True))
    bars = [
        report.Bar("memory of a stream, TLS", round(median(one.own_bytes for one in rounds[TLS])), OWN_BYTES, "bytes"),
        report.Bar("… the kernel's", round(median(kernel(TLS, rounds))), KERNEL_BYTES, "bytes"),
        report.Bar("CPU of a delivery, TLS / uWSGI alone", ratio, OF_ALONE),
        report.Bar("an update to 99 %, TLS", median(median(one.waits_ms) for one in rounds[TLS]), MOST_MS, "ms"),
    ]
    raw = {name: [one._asdict() for one in found] for name, found in rounds.items()}
    report.finish("streams_behind_nginx", chosen, rows, bars, raw)


if __name__ == "__main__":
    main()
