"""What a bench's results.json says: figures as words, and the capacity of the machine in a sentence.

Whatever may be missing or null in the JSON is taken care of here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, floor, log10
from shlex import quote
from statistics import median
from typing import Any, NamedTuple

NOTHING = "–"


def number(value: float | None) -> str:
    """1,840; 85; 8.4; 0.52."""
    if value is None:
        return NOTHING
    digits = 0 if abs(value) >= 9.95 or value == int(value) else 1 if abs(value) >= 0.995 else 2
    return f"{value:,.{digits}f}"


def about(value: float) -> str:
    """To two digits: 5,934 is 5,900."""
    return number(float(f"{value:.2g}"))


def under(value: float) -> str:
    """To two digits, rounded up."""
    step = 10 ** (floor(log10(max(value, 0.1))) - 1)
    return number(ceil(round(value / step, 6)) * step)


class Spread(NamedTuple):
    low: float
    middle: float
    high: float

    @property
    def range(self) -> str:
        low, high = number(self.low), number(self.high)
        return f"{low} to {high}" if low != high else ""


Rounds = Iterable[dict[str, Any]]


def spread(rounds: Rounds, key: str) -> Spread | None:
    values = [found[key] for found in rounds if found.get(key) is not None]
    return Spread(min(values), median(values), max(values)) if values else None


def middle(rounds: Rounds, key: str) -> float | None:
    found = spread(rounds, key)
    return found and found.middle


def total(rounds: Rounds, key: str) -> float:
    return sum(found.get(key) or 0 for found in rounds)


@dataclass
class Server:
    title: str
    command: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    is_limit: bool = False  # a baseline that serves no app
    error: str = ""
    knee: dict[str, Any] = field(default_factory=dict)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    wrk: list[dict[str, Any]] = field(default_factory=list)
    streams: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.title} (no app)" if self.is_limit else self.title

    @property
    def command_line(self) -> str:
        """As a shell takes it."""
        return " ".join([*(f"{name}={quote(str(value))}" for name, value in self.environ.items()), self.command])

    @property
    def most(self) -> float | None:
        """Requests per second at the knee."""
        return self.knee.get("requests_per_s")

    @property
    def is_locusts(self) -> bool:
        """Whether the knee shows what Locust can do. The server may do more."""
        return self.most is not None and self.knee.get("limited_by") == "Locust"

    @property
    def by_wrk(self) -> float | None:
        """Requests per second, the best of all paths and connections."""
        return max((run["requests_per_s"] for run in self.wrk if run.get("requests_per_s")), default=None)

    @property
    def limit(self) -> str:
        """What is said wherever a knee is told that isn't the server's."""
        if not self.is_locusts:
            return ""
        return "Locust’s limit" + (f"; wrk: {number(self.by_wrk)}" if self.by_wrk else "")

    @property
    def knee_words(self) -> str:
        return f"≥ {number(self.most)}" if self.is_locusts else number(self.most)

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        """The rounds of its streams."""
        return self.streams.get("rounds") or []


def servers(results: dict[str, Any]) -> list[Server]:
    names = [name for name in Server.__dataclass_fields__ if name != "title"]
    return [
        Server(
            found.get("title") or found.get("name") or "a server",
            **{name: found[name] for name in names if found.get(name) is not None},
        )
        for found in results.get("servers") or ()
    ]


def problems(results: dict[str, Any]) -> list[str]:
    """What the bench says of itself, and every failure among its figures."""
    found = list(results.get("problems") or ())
    for server in servers(results):
        counted = {
            "requests failed": total(server.rounds, "failures"),
            "updates never arrived": total(server.deliveries, "missing"),
            "updates arrived twice": total(server.deliveries, "double"),
        }
        found += [f"{server.title}: {server.error}"] if server.error else []
        found += [f"{server.title}: {number(count)} {what}." for what, count in counted.items() if count]
    return list(dict.fromkeys(found))  # the bench names a server's error too


def doubts(results: dict[str, Any]) -> list[str]:
    """What can't be concluded."""
    found, machine = servers(results), results.get("machine") or {}
    rounds = max((len(server.rounds) for server in found), default=0)
    names = [server.title for server in found if server.is_locusts]
    load, cores = (machine.get("load_average") or [0])[0], machine.get("cores") or 1
    scenario = results.get("scenario") or {}
    tls = "with TLS in one row only" if any("TLS" in server.title for server in found) else "without TLS"
    said = {
        f"Clients and servers ran on one machine, over loopback, {tls}, and shared its CPU. The figures don’t "
        "show the speed on another machine or over a network.": True,
        "The figures are for one app, with the data and the requests listed here. They don’t show the speed of another "
        "site.": True,
        "The longest response times are underestimated: a Locust user waits for a response before the next request, "
        "so a stall hides the requests that would have followed (coordinated omission).": True,
        f"The maximum is unknown for {', '.join(names)}: Locust reached its own limit first. Their knee is a lower "
        "bound, and so is their steady rate.": names,
        "The baselines run no app. They show the limits of the machine, not those of a server that runs one.": any(
            server.is_limit for server in found
        ),
        "There was one round, so there are no ranges, and a difference may not be reproducible.": rounds == 1,
        f"Where two ranges overlap, the figures don’t show which server is better{_overlaps(found)}.": rounds > 1,
        "This was a quick run. It only checks that the benchmark works.": results.get("kind") == "quick",
        f"The machine was not idle: the load average was {number(load)} at the start.": load > cores / 4,
        f"The figures for {(scenario.get('theirs') or {}).get('name')} are from another machine, with another app. "
        "They don’t show which site is faster.": scenario.get("theirs"),
    }
    return [sentence for sentence, applies in said.items() if applies]


def _overlaps(found: list[Server]) -> str:
    """In CPU, with the first server."""
    spreads = [(server.title, spread(server.rounds, "requests_per_cpu_s")) for server in found if not server.is_limit]
    (first, a), *others = [*spreads, ("", None)]
    names = [name for name, b in others if a and b and a.low <= b.high and b.low <= a.high]
    return f". In requests per CPU-second, {first} overlaps with {', '.join(names)}" if names else ""


def run(results: dict[str, Any]) -> str:
    """When, of what and how long: 2026-11-25 14:00, commit 47c37f0, 3 rounds of 10 seconds"""
    commit, rounds, seconds = results.get("commit"), results.get("rounds"), results.get("seconds")
    parts = [
        (results.get("at") or "")[:16].replace("T", " "),
        f"commit {commit}" if commit else "",
        f"{number(rounds)} round{'' if rounds == 1 else 's'}" if rounds else "",
    ]
    return ", ".join(filter(None, parts)) + (f" of {number(seconds)} seconds" if rounds and seconds else "")


def facts(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{heading: {name: value}}, with the units that the names don't say."""
    machine = results.get("machine") or {}
    memory, load = machine.get("memory_gb"), machine.get("load_average")
    found = {
        "Run": {
            "Started": results.get("at"),
            "Command": results.get("command"),
            "Kind": results.get("kind"),
            "Rounds": results.get("rounds"),
            "Seconds per round": results.get("seconds"),
            "Commit": results.get("commit"),
        },
        "Machine": {
            "Cores": machine.get("cores"),
            "CPU": machine.get("cpu"),
            "Memory": memory and f"{number(memory)} GB",
            "Kernel": machine.get("kernel"),
            "Load average": load and ", ".join(map(number, load)),
        },
        "Versions": results.get("versions") or {},
        "Data": results.get("data") or {},
    }
    known = {heading: {name: value for name, value in of.items() if value is not None} for heading, of in found.items()}
    return {heading: of for heading, of in known.items() if of}


def capacity(results: dict[str, Any]) -> str:
    """In one sentence: of the first server in the list, the baselines apart, that has figures."""
    cores = (results.get("machine") or {}).get("cores")
    machine = f"machine ({number(cores)} {'core' if cores == 1 else 'cores'})" if cores else "machine"
    for server in servers(results):
        views, update = _views(server), _update(server)
        if views and not server.is_limit:
            return f"This {machine} {views}; {update}." if update else f"This {machine} {views}."
        if update and not server.is_limit:
            return f"On this {machine} {update} with {server.title}."
    return "Nothing was measured."


def _views(server: Server) -> str:
    most, wrk = server.most, server.by_wrk
    if not most:
        return f"serves {about(wrk)} page views per second with {server.title}, measured by wrk" if wrk else ""
    views = f"{about(most)} page views per second"
    if server.is_locusts:
        views = f"at least {views} (Locust’s limit{f'; wrk: {about(wrk)}' if wrk else ''})"
    asked, p99 = middle(server.rounds, "asked_per_s"), middle(server.rounds, "p99_ms")
    steady = f"; at {100 * asked / most:.0f} % of that, 99 % take less than {under(p99)} ms" if asked and p99 else ""
    return f"serves {views} with {server.title}{steady}"


def _update(server: Server) -> str:
    count, last = server.streams.get("count"), middle(server.deliveries, "ms_to_last")
    if not count or last is None:
        return ""
    missing = total(server.deliveries, "missing")
    but = f" ({number(missing)} never arrived)" if missing else ""
    return f"an update reaches {number(count)} readers in {about(last)} ms{but}"


def summary(results: dict[str, Any]) -> str:
    """A few lines for a terminal, the capacity first."""
    lines = [capacity(results), *(f"Problem: {problem}" for problem in problems(results))]
    for server in servers(results):
        per_cpu, p99 = middle(server.rounds, "requests_per_cpu_s"), middle(server.rounds, "p99_ms")
        limit = f" ({server.limit})" if server.limit else ""
        parts = [f"{server.knee_words} requests/s{limit}"] if server.most else []
        parts += [f"{number(per_cpu)} per CPU-second"] if per_cpu is not None else []
        parts += [f"99 % under {under(p99)} ms"] if p99 is not None else []
        lines += [f"  {server.label}: {', '.join(parts)}"] if parts else []
    return "\n".join(lines)
