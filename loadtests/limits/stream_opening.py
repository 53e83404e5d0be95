"""What opening a stream costs, until the broadcaster holds it, against /hello on the same site.

CPU of every process of the site. Either way 64 connections at a time, each for one request.
"""

from __future__ import annotations

from argparse import Namespace
from statistics import median

from loadtests.limits import lab, report
from loadtests.limits.pages import measure
from loadtests.limits.readers import Readers
from tools.processes import cpu_seconds, until

CONNECTIONS = 64
OF_HELLO = 2.5


def main() -> None:
    chosen = report.options(
        __doc__, streams=(5000, 300, "streams"), rounds=(5, 1, "rounds"), seconds=(5, 1, "seconds of /hello in a round")
    )
    lab.need("wrk")
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=1)
        with lab.serving(site) as pid:
            path = f"/post/{post_id}/live?after={lab.number_of_page(site.port, post_id)}"
            opened_us(pid, site.port, path, lab.WORKERS * CONNECTIONS)  # the first ones find cold caches
            hello, opened = [], []
            for _ in range(chosen.rounds):
                hello.append(measure(pid, site.port, "/hello", seconds=chosen.seconds, kept=False)[0])
                opened.append(opened_us(pid, site.port, path, chosen.streams))
    tell(chosen, hello, opened)


def opened_us(pid: int, port: int, path: str, streams: int) -> float:
    """Microseconds of CPU for each of so many streams."""
    holders = lab.broadcasters(pid)
    others = lab.descriptors(holders)
    before = cpu_seconds(pid)
    with Readers(port, path, streams, opening_at_once=CONNECTIONS):
        used = cpu_seconds(pid) - before
        assert lab.descriptors(holders) >= others + streams, "not every stream was handed over"
    until(lambda: lab.descriptors(holders) < others + CONNECTIONS, "the streams were gone")
    return used / streams * 1e6


def tell(chosen: Namespace, hello: list[float], opened: list[float]) -> None:
    ratio = median(stream / answer for stream, answer in zip(opened, hello, strict=True))
    rows = [("", "CPU us"), ("/hello", report.spread(hello)), ("a stream, opened", report.spread(opened))]
    bars = [report.Bar("a stream / hello", ratio, OF_HELLO)]
    report.finish("stream_opening", chosen, rows, bars, {"hello_us": hello, "opened_us": opened})


if __name__ == "__main__":
    main()
