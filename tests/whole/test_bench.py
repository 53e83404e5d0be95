"""The load lab: a slower server shows, one that lies makes the run fail, an interrupted run goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtests.bench import facts, report_page, run
from loadtests.bench.plans import Plan
from loadtests.bench.servers import BY_NAME, Server, by_uwsgi
from support.checkout import CHECKOUT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is missing: .ci/run installs it"),
]

TINY = Plan(servers=(), rounds=1, seconds=3, most=4, tempo=8.0, streams=40, updates=2, scenario_streams=60)


def lying(lie: str) -> Server:
    """uWSGI as in uwsgi.ini, but the site tells that lie; see support/lying_site.py."""
    environ = {"LIE": lie, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}", "PRESSROOM_WORKERS": "1"}
    return Server(lie, f"The {lie} one", "uwsgi", by_uwsgi("check-static", module="support.lying_site:app"), environ)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "instance"
    facts.fill(folder, "--posts", "3", "--live", "1", "--updates", "5", "--comments", "5")
    return folder


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Server], None]]:
    yield lambda server: monkeypatch.setitem(BY_NAME, server.name, server)


def measured(base: Path, folder: Path, *names: str, scenario: bool = False) -> dict[str, Any]:
    bench = run.Bench("quick", TINY._replace(servers=names), folder, base)
    for what, server, number in bench.steps():
        if server or scenario:
            bench.do(what, server, number)
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_what_is_slower_shows(base: Path, tmp_path: Path, extra: Callable[[Server], None]) -> None:
    """It takes a fifth of a second longer, and more of a core."""
    extra(lying("slow"))
    found = measured(base, tmp_path, "uwsgi", "slow", scenario=True)
    assert found["problems"] == []
    rounds = {server["name"]: server["rounds"][0] for server in found["servers"]}
    assert rounds["slow"]["p50_ms"] >= 200 > rounds["uwsgi"]["p50_ms"]
    # A busy machine costs both more, and the quick one in proportion: five times as much apart when idle, seen 1.5.
    assert rounds["slow"]["requests_per_cpu_s"] < rounds["uwsgi"]["requests_per_cpu_s"]
    assert all(one["memory_mb"] > 20 for one in rounds.values())
    streams = found["servers"][0]["streams"]["rounds"][0]
    assert (streams["missing"], streams["double"]) == (0, 0)
    assert streams["ms_to_last"] >= streams["ms_to_99"] > 0
    assert found["scenario"]["rounds"][0]["requests_per_s"] > 0
    report_page.write_page(found, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert all(server["title"] in page for server in found["servers"])


def test_a_wrong_answer_is_a_problem(base: Path, tmp_path: Path, extra: Callable[[Server], None]) -> None:
    extra(lying("cut"))
    found = measured(base, tmp_path, "cut")
    assert "no whole page" in " ".join(found["problems"])


def test_a_server_that_does_not_start_is_a_problem(base: Path, tmp_path: Path, extra: Callable[[Server], None]) -> None:
    extra(lying("cut")._replace(name="broken", start=by_uwsgi("check-static", module="not_there:app")))
    found = measured(base, tmp_path, "broken")
    assert "ended by itself" in found["servers"][0]["error"]
    assert found["problems"]


def test_a_run_goes_on_where_it_was_interrupted(base: Path, tmp_path: Path) -> None:
    plan = TINY._replace(servers=("uwsgi", "raw"), rounds=2)
    bench = run.Bench("full", plan, tmp_path, base)
    everything = [(what, server and server.name, number) for what, server, number in bench.steps()]
    assert ("knee", "raw", 0) not in everything  # a limit has none
    bench.entry(BY_NAME["uwsgi"])["knee"] = {"requests_per_s": 1.0, "users": 1, "limited_by": "server", "steps": []}
    bench.entry(BY_NAME["raw"])["wrk"].append({})
    bench.write()
    rest = [
        (what, server and server.name, number)
        for what, server, number in run.Bench("full", plan, tmp_path, base).steps()
    ]
    assert set(everything) - set(rest) == {("knee", "uwsgi", 0), ("round", "raw", 0)}
