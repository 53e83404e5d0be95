"""An alert goes out: 100, then within a minute 400 first visits a second, beside 10,000 streams with updates.

Through deploy/nginx.conf, on one machine with Locust, which runs the shape *alert*, and with the readers. A page's time
is from the connection to the page's last byte. With TLS it has the handshake too, which costs Locust more than nginx.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from loadtests.limits import browser, lab, report
from loadtests.limits.contenders import NUMBER, in_front
from loadtests.limits.readers import Readers

PAGES_P99_MS = 50


def main() -> None:
    chosen = report.options(
        __doc__,
        streams=(10_000, 100, "streams"),
        visits=(400, 20, "first visits a second at the peak"),
        pause=(20, 5, "seconds between two updates"),
        tempo=(1, 10, "times as fast"),
        tls=(0, 0, "1 for TLS"),
    )
    lab.need("nginx")
    tls = bool(chosen.tls)
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=50, comment_count=50)
        with in_front(site, post_id, tls) as contender:
            url = browser.url_of(contender.port, tls)
            with Readers(contender.port, contender.path, chosen.streams, number=NUMBER, tls=tls) as readers:
                with lab.repeating(contender.publish, chosen.pause):
                    found = locust(chosen, url, site.folder.with_name("results.json"))
                readers.all_arrived(contender.publish())
                counts = readers.counts()
    tell(chosen, found, {name: counts[name] for name in ("lost", "missing", "double", "reloads", "refused")})


def locust(chosen: Namespace, url: str, results: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary"]
    command += ["--shape", "alert", "--users", str(chosen.visits), "--tempo", str(chosen.tempo)]
    command += ["--host", url, "--max-failures", "100", "--results", str(results)]
    done = subprocess.run(command, cwd=lab.CHECKOUT, capture_output=True, text=True, check=False)  # noqa: S603
    if not results.exists():
        raise SystemExit(done.stdout + done.stderr)
    found: dict[str, Any] = json.loads(results.read_text())
    return found


def tell(chosen: Namespace, found: dict[str, Any], counts: dict[str, float]) -> None:
    pages, visits = found["entries"]["GET /post/[live]"], found["entries"]["visit first visit"]
    rows = [("", "number", "failures", "p50 ms", "p95 ms", "p99 ms")]
    for name, entry in (("pages", pages), ("first visits", visits)):
        times = [str(round(entry[f"p{share}_ms"])) for share in (50, 95, 99)]
        rows.append((name, str(entry["requests"]), str(entry["failures"]), *times))
    bars = [
        report.Bar("failures", pages["failures"] + visits["failures"], 0),
        report.Bar("streams lost or wrong", round(sum(counts.values())), 0),
        report.Bar("pages, p99", pages["p99_ms"], PAGES_P99_MS, "ms"),
    ]
    report.finish("alert", chosen, rows, bars, {"locust": found, "streams": counts})


if __name__ == "__main__":
    main()
