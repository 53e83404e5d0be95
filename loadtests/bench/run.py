"""The load lab: measures this machine's capacity and compares servers, all with the same app.

    make bench              three servers, three rounds, in a quarter of an hour
    make bench QUICK=1      one short round, to check that it works
    make bench FULL=1       all ten, five rounds; resumes after an interruption

Each server is started on a fresh copy of one seeded instance, measured, and ended. It leaves results.json and
report.html in loadtests/results/<date>/.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click

from loadtests.bench.facts import beginning, fill, going_on
from loadtests.bench.figures import problems
from loadtests.bench.measuring import cpu_between, sampling, wrk
from loadtests.bench.plans import PLANS, Plan, folder_for
from loadtests.bench.report_page import summary, write_page
from loadtests.bench.servers import BY_NAME, SERVERS, Running, Server, serving
from loadtests.limits import browser, lab
from loadtests.limits.readers import Readers, percentile
from tools.processes import WaitFailed, family

LOCUSTFILE = Path(__file__).parent.parent / "locustfile.py"
LOAD = 0.6  # of the knee
LOCUST_IS_FULL = 0.9  # of one core
WARM_STREAMS = 50
SCENARIO = {"name": "Rage (Ruby), 2 vCPU", "source": "rage-rb.dev, 2026-04-09", "requests_per_s": 5337, "p95_ms": 120}
DIFFERENCES = [
    "Their readers and ours ran on different hardware; ours shared the two cores with the server.",
    "Their app renders a page for each request; ours are files from the page store.",
    "Their events are sent from memory; ours are committed to the database first.",
]


class Bench:
    """One run. `found` is what results.json will hold; it is written after every step."""

    def __init__(self, kind: str, plan: Plan, folder: Path, base: Path) -> None:
        self.plan, self.folder, self.base = plan, folder, base
        self.accounts = json.loads((base / "bench.json").read_text())
        self.pages = [f"/post/{post}" for post in (*self.accounts["live_posts"], *self.accounts["posts"])]
        file = folder / "results.json"
        self.found: dict[str, Any] = (
            going_on(json.loads(file.read_text())) if file.exists() else beginning(base) | self.about(kind)
        )
        self.write()

    def about(self, kind: str) -> dict[str, Any]:
        command = "make bench" + {"quick": " QUICK=1", "full": " FULL=1"}.get(kind, "")
        return {"command": command, "kind": kind, "rounds": self.plan.rounds, "seconds": self.plan.seconds}

    def steps(self) -> list[tuple[str, Server | None, int]]:
        """What is still to be done: of each server the knee, then its rounds in turn with the others'; the scenario."""
        servers = [BY_NAME[name] for name in self.plan.servers]
        todo: list[tuple[str, Server | None, int]] = [("knee", server, 0) for server in servers]
        todo += [("round", server, number) for number in range(self.plan.rounds) for server in servers]
        todo += [("scenario", None, number) for number in range(self.plan.rounds)]
        return [step for step in todo if not self.is_done(*step)]

    def is_done(self, what: str, server: Server | None, number: int) -> bool:
        if server is None:
            return len((self.found["scenario"] or {"rounds": []})["rounds"]) > number
        entry = self.entry(server)
        if entry["error"] or (what == "knee" and server.is_limit):
            return True
        return bool(entry["knee"]) if what == "knee" else len(entry["wrk"]) > number

    def entry(self, server: Server) -> dict[str, Any]:
        found: dict[str, Any] | None = next((one for one in self.found["servers"] if one["name"] == server.name), None)
        if not found:
            found = {
                **{name: getattr(server, name) for name in ("name", "title", "command", "is_limit")},
                "environ": dict(server.environ),
                "error": None,
                "knee": None,
                "rounds": [],
                "wrk": [],
                "streams": {"count": self.plan.streams, "rounds": []} if server.holds_streams else None,
            }
            self.found["servers"].append(found)
        return found

    def do(self, what: str, server: Server | None, _number: int) -> None:
        if server is None:
            self.measure_scenario()
        else:
            entry = self.entry(server)
            with self.fresh() as instance:
                try:
                    with serving(server, instance) as running:
                        self.warm(running, server)
                        (self.measure_knee if what == "knee" else self.measure_round)(server, running, instance, entry)
                except (SystemExit, WaitFailed) as error:  # it doesn't start, or gives up
                    entry["error"] = str(error)
                    self.found["problems"].append(f"{server.title}: {error}")
        self.write()

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """A copy of the instance, as it was made, where nginx's user may look into it."""
        with tempfile.TemporaryDirectory(prefix="pressroom-bench-") as temporary:
            Path(temporary).chmod(0o711)
            yield Path(shutil.copytree(self.base, Path(temporary) / "instance", symlinks=True))

    def warm(self, running: Running, server: Server) -> None:
        for path in self.pages[:1] if server.is_limit else ["/", *self.pages]:
            browser.ask(running.port, path, headers={"Accept-Encoding": "gzip"}, tls=running.tls)

    # One thing each

    def measure_knee(self, _server: Server, running: Running, instance: Path, entry: dict[str, Any]) -> None:
        with sampling(running) as samples:
            found = self.locust(running, instance, "--shape", "climb", "-u", self.plan.most, "--tempo", self.plan.tempo)
        steps = [
            step | {"server_cpu": cpu_between(samples, step["at"] - step["seconds"], step["at"])}
            for step in found["steps"]
        ]
        knee = found["knee"]
        is_full = knee["locust_cpu"] >= LOCUST_IS_FULL
        entry["knee"] = {
            **{name: knee[name] for name in ("requests_per_s", "users")},
            "limited_by": "Locust" if is_full else "server",
            "steps": steps,
        }

    def measure_round(self, server: Server, running: Running, instance: Path, entry: dict[str, Any]) -> None:
        if not server.is_limit:
            asked = LOAD * entry["knee"]["requests_per_s"]
            users = max(16, 2 * entry["knee"]["users"])
            cpu, began = running.cpu_seconds(), time.monotonic()
            options = ["--rate", f"{asked:.1f}", "-u", users, "-r", users, "-t", f"{self.plan.seconds}s"]
            found = self.locust(running, instance, *options)
            cpu, took = running.cpu_seconds() - cpu, time.monotonic() - began
            views = found["entries"]["GET page views"]
            entry["rounds"].append(
                {
                    "asked_per_s": asked,
                    **{name: views[name] for name in ("requests_per_s", "p50_ms", "p95_ms", "p99_ms", "failures")},
                    "requests_per_cpu_s": found["entries"]["Aggregated"]["requests"] / cpu,
                    "memory_mb": running.memory_bytes() / 1e6,
                    "locust_cpu": found["cpu_seconds"] / took,
                }
            )
            if server.holds_streams:
                entry["streams"]["rounds"].append(self.measure_streams(running))
        # Last, so that a round without it is done anew.
        path = self.pages[0]
        entry["wrk"].append({"path": path} | wrk(running, path, self.plan.seconds / 3))

    def measure_streams(self, running: Running) -> dict[str, float]:
        """What the streams of a live post cost; every reader checks its numbers."""
        path, publish = f"{self.pages[0]}/live", self.author(running)
        # A proxy in front of them passes every byte on.
        holders = [pid for top in running.pids for pid in lab.broadcasters(top) or [one.pid for one in family(top)]]
        with Readers(running.port, path, WARM_STREAMS, tls=running.tls) as few:
            few.all_arrived(publish())
            memory = lab.own_bytes(holders)
            with Readers(running.port, path, self.plan.streams, tls=running.tls) as readers:
                memory = lab.own_bytes(holders) - memory
                readers.all_arrived(publish())
                cpu = lab.cpu_of(holders)
                arrivals = [readers.all_arrived(publish()) for _ in range(self.plan.updates)]
                cpu = lab.cpu_of(holders) - cpu
                counts = readers.counts()
        self.check(counts, "lost", "refused")  # the report counts the others itself
        deliveries = self.plan.updates * (self.plan.streams + WARM_STREAMS)
        return {
            "bytes_each": memory / self.plan.streams,
            "cpu_us_per_delivery": cpu / deliveries * 1e6,
            "ms_to_99": median(percentile(arrived, 99) for arrived in arrivals),
            "ms_to_last": median(max(arrived) for arrived in arrivals),
            "missing": counts["missing"],
            "double": counts["double"],
        }

    def check(self, counts: dict[str, float], *kinds: str) -> None:
        for what in kinds:
            if counts[what]:
                self.found["problems"].append(f"Streams: {counts[what]:g} {what}.")

    def author(self, running: Running) -> Any:
        """A function that adds an update to the live post, and gives its number."""
        name, password = self.accounts["authors"][0], self.accounts["password"]
        person = browser.sign_in(running.port, name, password, tls=running.tls)

        def publish() -> int:
            path = f"{self.pages[0]}/updates"
            there, _ = browser.send(running.port, path, person, tls=running.tls, body=lab.SENTENCE)
            return int(there.rpartition("-")[2])

        return publish

    def measure_scenario(self) -> None:
        """So many streams that each get an update a second, beside page views at the highest steady rate."""
        server, streams = BY_NAME["uwsgi"], self.plan.scenario_streams
        with self.fresh() as instance, serving(server, instance) as running:
            self.warm(running, server)
            publish = self.author(running)
            with Readers(running.port, f"{self.pages[0]}/live", streams) as readers:
                with lab.repeating(publish, 1.0):
                    time.sleep(1.0)
                    measured = wrk(running, self.pages[0], self.plan.seconds)
                readers.all_arrived(publish())
                self.check(readers.counts(), "missing", "double", "lost", "refused")
        entry = self.found["scenario"] or {
            "streams": streams,
            "updates_per_s": 1,
            "rounds": [],
            "theirs": SCENARIO,
            "differences": DIFFERENCES,
        }
        entry["rounds"].append(measured)
        self.found["scenario"] = entry

    def locust(self, running: Running, instance: Path, *options: object) -> dict[str, Any]:
        """What readers and an author got, by Locust. Its failures are problems of this run."""
        results = instance.with_name("locust.json")
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--skip-log"]
        command += ["--only-summary", "--host", running.url, "--results", str(results)]
        command += ["--bench-file", str(instance / "bench.json"), *map(str, options), "Reader", "Author"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if not results.exists():
            raise SystemExit(f"Locust ended by itself:\n{done.stdout}{done.stderr}")
        found: dict[str, Any] = json.loads(results.read_text())
        self.found["problems"] += found["errors"]
        return found

    def write(self) -> None:
        self.found["servers"].sort(key=lambda server: list(BY_NAME).index(server["name"]))
        file = self.folder / "results.json"
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(self.found, indent=1, ensure_ascii=False) + "\n")
        fresh.replace(file)


# The whole run


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", nargs="?", default="usual", choices=list(PLANS))
    parser.add_argument("--servers", nargs="+", choices=[server.name for server in SERVERS], help="these alone")
    chosen = parser.parse_args()
    plan = PLANS[chosen.kind]
    plan = plan._replace(servers=tuple(chosen.servers or plan.servers))
    lab.need("wrk", *(["nginx"] if any("nginx" in name for name in plan.servers) else []))
    with tempfile.TemporaryDirectory(prefix="pressroom-bench-") as temporary:
        base = Path(temporary) / "instance"
        fill(base)
        bench = Bench(chosen.kind, plan, folder_for(chosen.kind), base)
        try:
            with click.progressbar(bench.steps(), label="Measuring", file=sys.stderr, item_show_func=shown) as bar:
                for step in bar:
                    bench.do(*step)
        except KeyboardInterrupt:
            again = " The same command goes on with it." if chosen.kind == "full" else ""
            raise SystemExit(f"Interrupted; what was measured is in {bench.folder}.{again}") from None
    page = bench.folder / "report.html"
    write_page(bench.found, page)
    print(summary(bench.found))
    print(f"The report: {page}")
    return 1 if problems(bench.found) else 0


def shown(step: tuple[str, Server | None, int] | None) -> str | None:
    return step and f"{step[0]} of {step[1].title}" if step and step[1] else step and step[0]


if __name__ == "__main__":
    sys.exit(main())
