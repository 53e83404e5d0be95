"""How long an author waits: from sending an update to its redirect, on a post with 2,000 updates and 500 comments."""

from __future__ import annotations

import time
from statistics import median

from loadtests.limits import browser, lab, report
from tools.processes import cpu_seconds

UPDATES = 2000
COMMENTS = 500
PAUSE_SECONDS = 0.1
MOST_MS = 25.0


def main() -> None:
    chosen = report.options(__doc__, rounds=(100, 10, "updates published of either kind"))
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=UPDATES, comment_count=COMMENTS)
        with lab.serving(site) as pid:
            author = browser.sign_in(site.port, lab.AUTHOR)
            publish(site.port, post_id, author, lab.WORKERS * 4)  # the first ones find cold caches
            found = {}
            for name, pause in (("with a pause", PAUSE_SECONDS), ("back to back", 0.0)):
                before = cpu_seconds(pid)
                waits = publish(site.port, post_id, author, chosen.rounds, pause)
                found[name] = (waits, (cpu_seconds(pid) - before) * 1000 / chosen.rounds)
    rows = [("", "ms to the redirect", "p95", "server CPU ms each")]
    for name, (waits, cpu_ms) in found.items():
        rows.append((name, report.spread(waits), f"{report.percentile(waits, 95):.1f}", f"{cpu_ms:.1f}"))
    bars = [report.Bar(name, median(waits), MOST_MS, "ms") for name, (waits, _) in found.items()]
    report.finish("publish", chosen, rows, bars, {name: {"ms": ms, "cpu_ms": cpu} for name, (ms, cpu) in found.items()})


def publish(port: int, post_id: int, author: browser.Person, count: int, pause_seconds: float = 0.0) -> list[float]:
    """Milliseconds to each redirect. After each one the page has the update; looking costs the server no Python."""
    waits = []
    for _ in range(count):
        there, seconds = browser.send(port, f"/post/{post_id}/updates", author, body=lab.SENTENCE)
        path, _, item = there.partition("#")
        assert f'id="{item}"' in browser.ask(port, path).body, f"{item} is not on the page"
        waits.append(seconds * 1000)
        time.sleep(pause_seconds)
    return waits


if __name__ == "__main__":
    main()
