"""How many people there are when: tables of stages, and the climb that finds the knee by itself.

The peak is --users. With --tempo 10 a table takes a tenth of its time.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

from locust import LoadTestShape
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import StatsEntry


class Stage(NamedTuple):
    """So many seconds with that share of the peak, reached within `ramp` seconds.

    pace: how many times as often as usual everybody does something.
    """

    seconds: float
    share: float
    ramp: float = 5.0
    pace: float = 1.0


SHAPES = {
    "calm": [Stage(120, 0.1)],
    # A link goes round: twenty times as many people within five seconds; then it fades.
    "surge": [Stage(40, 0.05), Stage(45, 1.0), Stage(30, 0.5), Stage(30, 0.25), Stage(35, 0.1)],
    # A push notification goes out: with Visitors, --users is the peak of first visits a second.
    "alert": [Stage(30, 0.25), Stage(60, 1.0, ramp=60), Stage(30, 1.0)],
    # Followers arrive over minutes, an update every few seconds; a goal, and everybody writes at once.
    "event": [Stage(150, 1.0, ramp=120), Stage(60, 1.0), Stage(30, 1.0, pace=5), Stage(60, 1.0), Stage(30, 0.3)],
}
PAGE_VIEWS = ("/", "/post/[live]", "/post/[id]")
STEP_SECONDS = 10.0
# The climb is over when two steps, each with twice the people, brought no more than this.
GAIN = 1.1
MOST_FAILURES = 0.01
AT_THE_KNEE = 0.95

_pace = [1.0]


def pace() -> float:
    return _pace[0]


def take_stages(environment: Environment) -> None:
    """Let the processes that have people hear of the pace from the one that has the shape."""
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message("pace", lambda msg, **_: set_pace(environment, msg.data))


def set_pace(environment: Environment, value: float) -> None:
    _pace[0] = value
    if isinstance(environment.runner, MasterRunner):
        environment.runner.send_message("pace", value)


class Step(NamedTuple):
    """What so many people got in a step of the climb.

    at: when it ended, in seconds since 1970. locust_cpu: in cores.
    """

    users: int
    requests_per_s: float
    p95_ms: float
    failures: int
    at: float
    seconds: float
    locust_cpu: float


class Shape(LoadTestShape):
    """Without --shape: --users, --spawn-rate and --run-time, as Locust has them."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()
        self.reset_time()

    def reset_time(self) -> None:
        super().reset_time()
        self.steps: list[Step] = []
        self.users = 0
        self.step_began = self.cpu_seconds = 0.0
        self.requests = self.failures = 0

    def tick(self) -> tuple[int, float] | None:
        assert self.runner
        options = self.runner.environment.parsed_options
        users = options.num_users or 1
        if options.shape == "climb":
            return self.climb(users, STEP_SECONDS / options.tempo)
        if options.shape:
            return self.stage(SHAPES[options.shape], users, options.tempo)
        if options.run_time and self.get_run_time() > options.run_time:
            return None
        return users, options.spawn_rate or 1.0

    def stage(self, stages: list[Stage], peak: int, tempo: float) -> tuple[int, float] | None:
        assert self.runner
        rest, before = self.get_run_time() * tempo, 0
        for stage in stages:
            users = max(1, round(stage.share * peak))
            if rest < stage.seconds:
                if pace() != stage.pace:
                    set_pace(self.runner.environment, stage.pace)
                return users, max(1.0, abs(users - before) * tempo / stage.ramp)
            rest, before = rest - stage.seconds, users
        return None

    def climb(self, most: int, seconds: float) -> tuple[int, float] | None:
        """Twice the people in each step, without a pause between their requests, until they get no more."""
        assert self.runner
        total = self.runner.stats.total
        if self.users and self.runner.user_count >= self.users and not self.step_began:
            self.step_began, self.cpu_seconds = time.monotonic(), time.process_time()
            self.requests, self.failures = total.num_requests, total.num_failures
        elif self.step_began and (took := time.monotonic() - self.step_began) >= seconds:
            p95 = total.get_current_response_time_percentile(0.95) or 0
            failures, cpu = total.num_failures - self.failures, (time.process_time() - self.cpu_seconds) / took
            rate = (total.num_requests - self.requests) / took
            step = Step(self.users, rate, float(p95), failures, time.time(), took, cpu)
            self.steps.append(step)
            print(
                f"{step.users:,} at once: {step.requests_per_s:,.0f} requests/s, 95 % within {p95:,.0f} ms", flush=True
            )
            self.step_began = 0.0
            if self.is_over(total.num_requests - self.requests) or self.users >= most:
                self.tell()
                return None
            self.users = min(most, self.users * 2)
        self.users = self.users or min(most, 2)
        return self.users, float(self.users)

    def is_over(self, requests: int) -> bool:
        rates = [step.requests_per_s for step in self.steps]
        has_gained = len(rates) < 3 or max(rates[-2:]) >= max(rates[:-2]) * GAIN
        return not has_gained or self.steps[-1].failures > requests * MOST_FAILURES

    def tell(self) -> None:
        knee = knee_of(self.steps)
        print(
            f"The knee: {knee.requests_per_s:,.0f} requests/s by {knee.users:,} at once,"
            f" 95 % of them within {knee.p95_ms:,.0f} ms"
        )


def knee_of(steps: list[Step]) -> Step:
    """The fewest people who got about as much as any number of them did; without failures, if there is such a step."""
    good = [step for step in steps if not step.failures] or steps
    most = max(step.requests_per_s for step in good)
    return next(step for step in good if step.requests_per_s >= most * AT_THE_KNEE)


def write_results(environment: Environment, cpu_seconds: float) -> None:
    """To the file of --results: the climb's steps, and each name's counts and percentiles in ms."""
    steps: list[Step] = getattr(environment.shape_class, "steps", [])
    entries = list(environment.stats.entries.values())
    pages = StatsEntry(environment.stats, "page views", "GET", use_response_times_cache=False)
    for entry in entries:
        if entry.name in PAGE_VIEWS and entry.method == "GET":
            pages.extend(entry)
    entries += [pages, environment.stats.total]
    errors = [
        f"{error.occurrences} times {error.method} {error.name}: {error.error}"
        for error in environment.stats.errors.values()
    ]
    found = {
        "steps": [step._asdict() for step in steps],
        "knee": knee_of(steps)._asdict() if steps else None,
        "entries": {_name_of(entry): _figures(entry) for entry in entries},
        "errors": errors,
        "cpu_seconds": cpu_seconds,
    }
    Path(environment.parsed_options.results).write_text(json.dumps(found, indent=1) + "\n")


def _name_of(entry: StatsEntry) -> str:
    return f"{entry.method or ''} {entry.name}".strip()


def _figures(entry: StatsEntry) -> dict[str, float]:
    percentiles = {f"p{share}_ms": entry.get_response_time_percentile(share / 100) for share in (50, 95, 99)}
    counts = {"requests": entry.num_requests, "failures": entry.num_failures, "requests_per_s": entry.total_rps}
    return counts | percentiles
