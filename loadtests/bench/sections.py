"""The tables and charts of a bench, by section. Whatever wasn't measured has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from loadtests.bench.drawing import BLUE, GREEN, VERMILION, Bar, Chart, Climb, bars, climbs, dots
from loadtests.bench.figures import NOTHING, Rounds, Server, middle, number, servers, spread, total


class Cell(NamedTuple):
    """`small` is the range, or what limits the meaning; `marked` must not be overlooked."""

    text: str
    small: str = ""
    marked: bool = False


class Table(NamedTuple):
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False


class Section(NamedTuple):
    title: str
    about: str
    charts: Sequence[Chart]
    tables: Sequence[Table]


def sections(results: dict[str, Any]) -> list[Section]:
    found = servers(results)
    scenario = results.get("scenario") or {}
    parts = [_views(found), _load(found), _streams(found), _scenario(scenario)]
    return [part for part in parts if part.charts or part.tables]


def _views(found: list[Server]) -> Section:
    runs = [{"server": server.label, **run} for server in found for run in server.wrk]
    return Section(
        "Page views",
        "The knee is where throughput stops rising. Where Locust reached its own limit first, the server can handle "
        "more; the wrk figure shows how much. CPU is the total of all server processes.",
        _chart(bars, "cpu", "Requests per CPU-second", _bars(found, lambda server: server.rounds, "requests_per_cpu_s"))
        + _chart(bars, "knee", "Requests per second: at the knee (Locust) and maximum (wrk)", _knee_bars(found)),
        _table(
            "Page view throughput",
            found,
            {
                "Server": _name,
                "Requests/s at the knee": lambda server: Cell(server.knee_words, server.limit, server.is_locusts),
                "Users at the knee": lambda server: _cell(server.knee.get("users")),
                "Requests/s, wrk": lambda server: _cell(server.by_wrk),
                "Requests per CPU-second": _of_rounds("requests_per_cpu_s"),
                "Memory, MB": _of_rounds("memory_mb"),
            },
        )
        + _table(
            "All wrk runs",
            runs,
            {
                "Server": _of_run,
                "Connections": _plain("connections"),
                "Requests/s": _plain("requests_per_s"),
                "Requests per CPU-second": _plain("requests_per_cpu_s"),
                "p99, ms": _plain("p99_ms"),
                "Slower than 2 s": _plain("timeouts"),
            },
            folded=True,
        ),
    )


def _load(found: list[Server]) -> Section:
    steps = [{"server": server.label, **step} for server in found for step in server.knee.get("steps") or ()]
    return Section(
        "Steady load, and the climb to the knee",
        "The steady rate is a share of each server’s own knee, so a faster server gets a higher load. During the "
        "climb, users are added step by step. All panels have the same scales and show the other servers in the "
        "background.",
        _chart(dots, "latency", "Response time at the steady rate, milliseconds", _latencies(found))
        + _chart(climbs, "climb", "Requests per second, by number of users", _climbs(found)),
        _table(
            "Response time at the steady rate, milliseconds",
            [server for server in found if server.rounds],
            {
                "Server": _name,
                "Target requests/s": _asked,
                "Actual requests/s": _of_rounds("requests_per_s"),
                "p50": _of_rounds("p50_ms"),
                "p95": _of_rounds("p95_ms"),
                "p99": _of_rounds("p99_ms"),
                "Locust’s CPU, cores": _of_rounds("locust_cpu"),
                "Failures": lambda server: _count(server.rounds, "failures"),
            },
        )
        + _table(
            "All steps of the climb",
            steps,
            {
                "Server": _of_run,
                "Users": _plain("users"),
                "Requests/s": _plain("requests_per_s"),
                "p95, ms": _plain("p95_ms"),
                "Server’s CPU, cores": _plain("server_cpu"),
                "Locust’s CPU, cores": _plain("locust_cpu"),
                "Failures": _plain("failures"),
            },
            folded=True,
        ),
    )


def _streams(found: list[Server]) -> Section:
    charts = {
        "cpu_us_per_delivery": ("streams-cpu", "CPU per delivery, microseconds"),
        "bytes_each": ("streams-bytes", "Memory per stream, bytes"),
        "ms_to_last": ("streams-time", "Time to the last reader, milliseconds"),
    }
    return Section(
        "Streams",
        "One live post. Every reader checks the numbers of the updates that it receives.",
        [
            chart
            for key, (name, title) in charts.items()
            for chart in _chart(bars, name, title, _bars(found, lambda server: server.deliveries, key))
        ],
        _table(
            "Delivery of an update",
            [server for server in found if server.deliveries],
            {
                "Server": _name,
                "Readers": lambda server: _cell(server.streams.get("count")),
                "CPU per delivery, µs": _of_deliveries("cpu_us_per_delivery"),
                "Bytes per stream": _of_deliveries("bytes_each"),
                "To 99 % of readers, ms": _of_deliveries("ms_to_99"),
                "To the last reader, ms": _of_deliveries("ms_to_last"),
                "Missing": lambda server: _count(server.deliveries, "missing"),
                "Duplicate": lambda server: _count(server.deliveries, "double"),
            },
        ),
    )


def _scenario(scenario: dict[str, Any]) -> Section:
    theirs = scenario.get("theirs") or {}
    ours = {"name": "Pressroom, here", "rounds": scenario.get("rounds") or []}
    streams, rate = scenario.get("streams"), scenario.get("updates_per_s")
    updates = f"{number(rate)} update{'' if rate == 1 else 's'} per second"
    load = f"{number(streams)} streams each receive {updates}" if streams else ""
    return Section(
        "Page views with open streams",
        " ".join(
            [f"Page views are measured while {load}." if load else "", *(scenario.get("differences") or [])]
        ).strip(),
        [],
        _table(
            "Compared with third-party figures, not measured here" if theirs else "With open streams",
            [ours, {"name": theirs.get("name") or "Theirs", "source": theirs.get("source"), "rounds": [theirs]}],
            {
                "Site": lambda row: Cell(row["name"], row.get("source") or ""),
                "Requests/s": lambda row: _spread(row["rounds"], "requests_per_s"),
                "p50, ms": lambda row: _spread(row["rounds"], "p50_ms"),
                "p95, ms": lambda row: _spread(row["rounds"], "p95_ms"),
                "p99, ms": lambda row: _spread(row["rounds"], "p99_ms"),
                "Server’s CPU, cores": lambda row: _spread(row["rounds"], "server_cpu"),
            },
        ),
    )


# Their parts. A chart or a table without figures is none, and so is a column.


def _chart(draw: Callable[..., Chart], name: str, title: str, rows: Sequence[Any]) -> list[Chart]:
    return [draw(name, title, rows)] if rows else []


def _bars(found: list[Server], rounds: Callable[[Server], Rounds], key: str) -> list[tuple[str, list[Bar]]]:
    drawn = [(server, spread(rounds(server), key)) for server in found]
    return [
        (server.label, [Bar(*values, number(values.middle), GREEN if server.is_limit else BLUE)])
        for server, values in drawn
        if values
    ]


def _knee_bars(found: list[Server]) -> list[tuple[str, list[Bar]]]:
    groups = []
    for server in found:
        most, wrk, source = server.most, server.by_wrk, "Locust’s limit" if server.is_locusts else "Locust"
        group = [Bar(most, most, most, f"{server.knee_words} {source}", BLUE, server.is_locusts)] if most else []
        group += [Bar(wrk, wrk, wrk, f"{number(wrk)} wrk", VERMILION)] if wrk else []
        groups += [(server.label, group)] if group else []
    return groups


def _latencies(found: list[Server]) -> list[tuple[str, list[float], str]]:
    drawn = [(server.label, [middle(server.rounds, key) for key in ("p50_ms", "p95_ms", "p99_ms")]) for server in found]
    return [(label, values, f"{' / '.join(map(number, values))} ms") for label, values in drawn if None not in values]


def _climbs(found: list[Server]) -> list[Climb]:
    rows = []
    for server in found:
        steps = [(step.get("users"), step.get("requests_per_s")) for step in server.knee.get("steps") or ()]
        line = [(users, speed) for users, speed in steps if users and speed]
        words = f"{server.knee_words} ({server.limit})" if server.limit else server.knee_words
        rows += [Climb(server.label, words, line)] if line else []
    return rows


def _table(
    caption: str, things: Iterable[Any], columns: dict[str, Callable[[Any], Cell]], folded: bool = False
) -> list[Table]:
    made = [[cell(thing) for cell in columns.values()] for thing in things]
    rows = [row for row in made if any(cell.text != NOTHING for cell in row[1:])]
    kept = [index for index in range(len(columns)) if any(row[index].text != NOTHING for row in rows)]
    head = list(columns)
    return [Table(caption, [head[i] for i in kept], [[row[i] for i in kept] for row in rows], folded)] if rows else []


def _name(server: Server) -> Cell:
    return Cell(server.title, "baseline, no app" if server.is_limit else "")


def _of_run(run: dict[str, Any]) -> Cell:
    return Cell(run["server"], run.get("path") or "")


def _cell(value: float | None) -> Cell:
    return Cell(number(value))


def _plain(key: str) -> Callable[[dict[str, Any]], Cell]:
    return lambda row: _cell(row.get(key))


def _spread(rounds: Rounds, key: str) -> Cell:
    found = spread(rounds, key)
    return Cell(number(found.middle), found.range) if found else Cell(NOTHING)


def _of_rounds(key: str) -> Callable[[Server], Cell]:
    return lambda server: _spread(server.rounds, key)


def _of_deliveries(key: str) -> Callable[[Server], Cell]:
    return lambda server: _spread(server.deliveries, key)


def _count(rounds: Rounds, key: str) -> Cell:
    if spread(rounds, key) is None:
        return Cell(NOTHING)
    count = total(rounds, key)
    return Cell(number(count), marked=bool(count))


def _asked(server: Server) -> Cell:
    asked = _spread(server.rounds, "asked_per_s")
    return Cell(asked.text, f"knee {server.knee_words}, {server.limit}", True) if server.is_locusts else asked
