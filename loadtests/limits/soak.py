"""Ten minutes of streams that come and go while updates are published: memory and descriptors must not grow.

Each second some readers leave, some with a reset; others stop reading; and where this may make a network namespace,
some vanish without a word: the server's packets to them go nowhere from then on. Others take their place. What is
compared is the site after a warm-up and at the end, both times with the same streams, and when those who left are gone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from loadtests.limits import browser, lab, report
from loadtests.limits.readers import Readers

IN_A_NAMESPACE = "SOAK_IN_A_NAMESPACE"
EVERY_SECONDS = 0.5
LONG = "Goal! " * 700  # fills up those who don't read
LEAVING = 10  # of each kind, every second
DEAF = 10  # every ten seconds
VANISHING = 50  # at once, from addresses of their own
NETWORK = 251
UNNOTICED_SECONDS = 50.0  # the server has given up by then
HELD = "vanished, and still held"
SETTLED_SECONDS = 90.0  # those who don't read are full after half of it, and closed 30 s later
LOOKS = 30
MORE_MEMORY = 1.05


class Size(NamedTuple):
    memory: int
    descriptors: int


def main() -> None:
    enter_namespace()
    chosen = report.options(
        __doc__,
        minutes=(10, 0, "minutes"),
        seconds=(60, 10, "seconds of warm-up, and on top of the minutes"),
        streams=(2000, 200, "streams that are open all the time"),
        updates=(2100, 20, "updates before all else, which fill the workers' caches"),
    )
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=1)
        with lab.serving(site) as pid:
            publish = publishing(site, post_id)
            for _ in range(chosen.updates):
                publish()
            with (
                lab.repeating(publish, EVERY_SECONDS),
                Readers(site.port, f"/post/{post_id}/live", chosen.streams) as readers,
            ):
                left = coming_and_going(site.port, post_id, readers, chosen.seconds)
                before = sizes(pid, readers)
                left += coming_and_going(site.port, post_id, readers, chosen.minutes * 60 + chosen.seconds)
                after = sizes(pid, readers)
                counts = readers.counts()
    tell(chosen, left, before, after, counts)


def enter_namespace() -> None:
    """Start anew where the loopback is our own, if this machine allows it."""
    if IN_A_NAMESPACE in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607
    elif shutil.which("ip") and shutil.which("unshare"):
        command = ["unshare", "--net", "--map-root-user"]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
            os.environ[IN_A_NAMESPACE] = "1"
            os.execvp(command[0], [*command, sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def publishing(site: lab.Site, post_id: int) -> Callable[[], None]:
    authors: list[browser.Person] = []

    def publish() -> None:
        author = authors[0] if authors else browser.sign_in(site.port, lab.AUTHOR)
        authors[:] = [author]
        browser.send(site.port, f"/post/{post_id}/updates", author, body=LONG)

    return publish


def coming_and_going(port: int, post_id: int, readers: Readers, seconds: int) -> Counter[str]:
    """How many left in which way, within so many seconds."""
    left: Counter[str] = Counter()
    give_up_at = time.monotonic() + seconds

    def vanish() -> None:
        if IN_A_NAMESPACE in os.environ and time.monotonic() < give_up_at:
            left.update(vanishing(port, post_id))

    with lab.repeating(vanish, 1.0):
        while (rest := give_up_at - time.monotonic()) > 0:
            readers.ask("leave", LEAVING, False)
            readers.ask("leave", LEAVING, True)
            left.update({"left": LEAVING, "left with a reset": LEAVING})
            if int(rest) % 10 == 0:
                readers.ask("deafen", DEAF)
                left["stopped reading"] += DEAF
            time.sleep(min(1.0, rest))
    return left


def vanishing(port: int, post_id: int) -> dict[str, int]:
    """Readers to whom nothing comes through any more, nor from them; how many, and how many the server still holds
    when it should have given up on them."""
    theirs = [f"127.{NETWORK}.0.0/16", "table", "local"]
    with Readers(port, f"/post/{post_id}/live", VANISHING, network=NETWORK):
        subprocess.run(["ip", "route", "add", "blackhole", *theirs], check=True)  # noqa: S603, S607
        assert held_of_network() == VANISHING
        time.sleep(UNNOTICED_SECONDS)
        held = held_of_network()
    subprocess.run(["ip", "route", "del", "blackhole", *theirs], check=True)  # noqa: S603, S607
    return {"vanished": VANISHING, HELD: held}


def held_of_network() -> int:
    """Connections to NETWORK that are open. Source: proc(5), /proc/net/tcp; addresses are little-endian."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(f"{NETWORK:02X}7F:" in remote and state == "01" for _, _, remote, state, *_ in lines)


def sizes(pid: int, readers: Readers) -> dict[str, Size]:
    """The site's, when it has the streams that are open and no others."""
    kinds = {"broadcaster": lab.broadcasters(pid), "workers": lab.workers(pid)}
    settle(kinds["broadcaster"])
    readers.until(lambda: readers.counts()["streams"] == readers.streams, "all others were there")
    return {kind: Size(lab.own_bytes(pids), least_descriptors(pids)) for kind, pids in kinds.items()}


def settle(pids: list[int]) -> None:
    """Wait until nobody has been let go for so long that nobody else will be."""
    fewest, since = lab.descriptors(pids), time.monotonic()
    while time.monotonic() - since < SETTLED_SECONDS:
        time.sleep(EVERY_SECONDS)
        if (count := lab.descriptors(pids)) < fewest:
            fewest, since = count, time.monotonic()


def least_descriptors(pids: list[int]) -> int:
    """Without those of a request that is being answered at the moment."""
    looks = []
    for _ in range(LOOKS):
        looks.append(lab.descriptors(pids))
        time.sleep(EVERY_SECONDS / 5)
    return min(looks)


def tell(
    chosen: Namespace, left: Counter[str], before: dict[str, Size], after: dict[str, Size], counts: Counter[str]
) -> None:
    print(", ".join(f"{count:,} {how}" for how, count in left.items()))
    if "vanished" not in left:
        print("Nobody vanished: this machine gives no network namespace (unshare --net --map-root-user).")
    rows = [("", "MB after the warm-up", "at the end", "descriptors after the warm-up", "at the end")]
    bars = []
    for kind, (memory, descriptors) in before.items():
        end = after[kind]
        megabytes = [f"{size / 1e6:.1f}" for size in (memory, end.memory)]
        rows.append((kind, *megabytes, str(descriptors), str(end.descriptors)))
        bars.append(report.Bar(f"{kind}: memory, end / warm-up", end.memory / memory, MORE_MEMORY))
        bars.append(report.Bar(f"{kind}: descriptors more", end.descriptors - descriptors, 0))
    bars.append(report.Bar(HELD, left[HELD], 0))
    bars.append(report.Bar("streams that ended by themselves", counts["lost"], 0))
    bars.append(report.Bar("numbers missing or double", counts["missing"] + counts["double"], 0))
    report.finish("soak", chosen, rows, bars, {"left": left, "before": before, "after": after, "counts": counts})


if __name__ == "__main__":
    main()
