"""A crowd: opens many real streams to a running site and shows how fast each update reaches all of them.

    .venv/bin/python -m loadtests.crowd http://127.0.0.1:8000 --streams 10000 [--post 7]

Type an update in the browser and watch. Ctrl-C ends it. One process, one thread, plain epoll, so that it takes little
of the machine that it measures; loopback only, or a site that is yours.
"""

from __future__ import annotations

import argparse
import re
import resource
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from loadtests.eventsources import Crowd

LIVE_CARD = re.compile(r'<article class="card[^"]*" id="post-(\d+)"[^>]*>\s*<p class="live-mark">')


def percentile(delays: Counter[int], percent: float) -> int:
    """Milliseconds after which so many had it."""
    rest = delays.total() * percent / 100
    for delay in sorted(delays):
        rest -= delays[delay]
        if rest <= 0:
            return delay
    return max(delays)


def said(crowd: Crowd) -> str:
    text = f"{crowd.open():,} streams"
    counts = crowd.counts
    if opening := len(crowd.opening) + len(crowd.unanswered):
        text += f", {opening} opening"
    if counts.lost:
        text += f", {counts.lost:,} lost, {len(crowd.away):,} of them still away"
    if counts.missing or counts.double:
        text += f", {counts.missing:,} numbers missing, {counts.double:,} double"
    if crowd.arrived:
        number = max(crowd.arrived)
        delays = crowd.arrived[number]
        half, most, last = (percentile(delays, percent) for percent in (50, 99, 100))
        text += f" | event {number}: {delays.total():,} have it, "
        text += f"half after {half} ms, 99 % after {most} ms, the last after {last} ms"
    return text


def frames(crowd: Crowd) -> Iterator[str]:
    """What to show, a few times a second."""
    shown_at = 0.0
    while True:
        crowd.step(0.1)
        if time.monotonic() - shown_at > 0.25:
            shown_at = time.monotonic()
            yield said(crowd)


def allow_files(count: int) -> None:
    """Let this process open so many streams. Raises SystemExit where the machine doesn't."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if count > hard - 50:
        raise SystemExit(f"A process may open {hard:,} files here: ulimit -n {count + 100}")


def live_post(url: str) -> int:
    """The first live post on the front page."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        found = LIVE_CARD.search(answer.read().decode())
    if not found:
        raise SystemExit(f"There is no live post on {url}: publish one, or say --post NUMBER.")
    return int(found[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--streams", type=int, default=10_000, metavar="N")
    parser.add_argument("--post", type=int, metavar="NUMBER", help="the newest live post unless said")
    asked = parser.parse_args()
    allow_files(asked.streams)
    try:
        post_id = asked.post or live_post(asked.url)
    except OSError as error:
        raise SystemExit(f"{asked.url} doesn't answer ({error}): make serve") from None
    parts = urlsplit(asked.url)
    tls = parts.scheme == "https"
    address = (parts.hostname or "127.0.0.1", parts.port or (443 if tls else 80))
    crowd = Crowd(address, f"/post/{post_id}/live", asked.streams, tls=tls)
    print(f"Readers of {asked.url}/post/{post_id}. Add an update and watch; Ctrl-C ends it.")
    try:
        for frame in frames(crowd):
            print(f"\r\033[K{frame}", end="", flush=True)
    except KeyboardInterrupt:
        print()
    finally:
        crowd.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
