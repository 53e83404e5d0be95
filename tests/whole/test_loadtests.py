"""The load tests: every persona and shape against the real server, and a site that lies makes a run fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.checkout import CHECKOUT
from support.programs import Program
from support.uwsgi_server import UwsgiServer
from tools.processes import free_port

pytestmark = pytest.mark.slow

SMALL = "--posts 4 --live 1 --updates 5 --comments 5 --authors 2 --readers 5".split()
PEOPLE = ("Reader", "Follower", "Commenter", "Author", "Crawler")
LIES = {
    "outdated": "outdated: it has event",
    "cut": "no whole page",
    "login": 'no \'"username":',
    "event": "missing",
}


class Ran(NamedTuple):
    status: int
    said: str
    found: dict[str, Any]


@pytest.fixture(scope="module")
def bench(copied_instance: Callable[[str], Path]) -> Path:
    """An instance by `pressroom bench-data`."""
    folder = copied_instance("bench")
    environ = os.environ | {"PRESSROOM_INSTANCE": str(folder)}
    command = [str(Path(sys.executable).with_name("pressroom")), "bench-data", *SMALL]
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def copied_bench(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    def copy() -> Path:
        folder = tmp_path_factory.mktemp("copied") / "instance"
        return Path(shutil.copytree(bench, folder, ignore=shutil.ignore_patterns("pages")))

    return copy


@pytest.fixture(scope="module")
def server(copied_bench: Callable[[], Path]) -> Iterator[UwsgiServer]:
    with UwsgiServer(copied_bench(), environ={"PRESSROOM_LIMITS": "off"}) as server:
        yield server


def locust(url: str, instance: Path, *options: object) -> Ran:
    results = instance.parent / "results.json"
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--skip-log"]
    command += ["--only-summary", "--stop-timeout", "1", "--host", url, "--results", str(results)]
    command += ["--bench-file", str(instance / "bench.json"), *map(str, options)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=180, check=False)
    said = done.stdout + done.stderr
    assert results.exists(), said
    return Ran(done.returncode, said, json.loads(results.read_text()))


def test_everybody_is_content_with_the_site(server: UwsgiServer) -> None:
    ran = locust(server.url, server.instance, "-u", 30, "-r", 30, "-t", "12s")
    assert ran.status == 0, ran.said
    done = {name for name, entry in ran.found["entries"].items() if entry["requests"]}
    by_persona = {
        "Reader": "GET /post/[id]",
        "Follower": "SSE from commit to arrival",
        "Commenter": "POST /post/[live]/comments",
        "Author": "POST /post/[live]/updates",
        "Crawler": "GET /[junk]",
    }
    assert set(by_persona.values()) <= done
    assert "0 problems" in ran.said


@pytest.mark.parametrize("shape", ["calm", "surge", "alert", "event"])
def test_a_shape_runs_through_its_stages(server: UwsgiServer, shape: str) -> None:
    ran = locust(server.url, server.instance, "--shape", shape, "-u", 20, "--tempo", 40)
    assert ran.status == 0, ran.said
    assert ran.found["entries"]["GET page views"]["requests"] > 0


def test_the_climb_prints_the_knee(server: UwsgiServer) -> None:
    ran = locust(server.url, server.instance, "--shape", "climb", "-u", 8, "--tempo", 10, "Reader", "Author")
    assert ran.status == 0, ran.said
    assert [step["users"] for step in ran.found["steps"]][:3] == [2, 4, 8]
    knee = ran.found["knee"]
    assert f"The knee: {knee['requests_per_s']:,.0f} requests/s by {knee['users']} at once" in ran.said


def test_tags_choose_among_the_people(server: UwsgiServer) -> None:
    ran = locust(server.url, server.instance, "-u", 10, "-r", 10, "-t", "4s", "--tags", "read", "live")
    assert ran.status == 0, ran.said
    assert "No tasks" not in ran.said
    assert ran.found["entries"]["GET /post/[live]/live"]["requests"] > 0
    assert not [name for name in ran.found["entries"] if name.startswith("POST") or "junk" in name]


def test_two_processes_share_the_people(server: UwsgiServer) -> None:
    ran = locust(server.url, server.instance, "-u", 10, "-r", 10, "-t", "6s", "--processes", 2)
    assert ran.status == 0, ran.said
    assert ran.found["entries"]["POST /post/[live]/updates"]["requests"] > 0
    assert ran.found["entries"]["GET page views"]["requests"] > 0


def test_a_master_has_the_shape_and_a_worker_the_people(server: UwsgiServer) -> None:
    """As on two machines. What the worker's people find is judged by the master."""
    port = str(free_port())
    bench_file = str(server.instance / "bench.json")
    worker = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--worker", "--skip-log"]
    worker += ["--master-host", "127.0.0.1", "--master-port", port, "--bench-file", bench_file]
    with subprocess.Popen(worker, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        master = ("--master", "--expect-workers", 1, "--master-bind-host", "127.0.0.1", "--master-bind-port", port)
        ran = locust(server.url, server.instance, *master, "--shape", "event", "-u", 12, "--tempo", 40)
        said = process.communicate(timeout=60)[0]
    assert (ran.status, process.returncode) == (0, 0), ran.said + said
    assert ran.found["entries"]["POST /post/[live]/updates"]["requests"] > 0
    assert ran.found["entries"]["SSE from commit to arrival"]["requests"] > 0


def test_nobody_writes_where_there_is_no_bench(copied_instance: Callable[[str], Path], bench: Path) -> None:
    with UwsgiServer(copied_instance("no-bench"), environ={"PRESSROOM_LIMITS": "off"}) as server:
        (server.instance.parent / "bench.json").write_bytes((bench / "bench.json").read_bytes())
        ran = locust(server.url, server.instance.parent, "-u", 10, "-r", 10, "-t", "4s")
    assert "Nobody writes: the site doesn't say that it is a bench" in ran.said
    assert not [name for name in ran.found["entries"] if name.startswith("POST")]


def test_limits_for_failures_and_time_decide_on_the_status(server: UwsgiServer) -> None:
    common = ("-u", 4, "-r", 4, "-t", "3s", "Reader")
    assert locust(server.url, server.instance, "--max-p95", 100_000, *common).status == 0
    slow = locust(server.url, server.instance, "--max-p95", 0.001, *common)
    assert (slow.status, "are allowed" in slow.said) == (1, True)
    nowhere = locust("http://127.0.0.1:9", server.instance, *common)
    assert (nowhere.status, "requests failed" in nowhere.said) == (1, True)
    assert locust("http://127.0.0.1:9", server.instance, "--max-failures", 100, *common).status == 0


@pytest.mark.parametrize("lie", LIES)
def test_a_wrong_answer_makes_the_run_fail(copied_bench: Callable[[], Path], lie: str) -> None:
    instance = copied_bench()
    environ = {"PRESSROOM_INSTANCE": str(instance), "PRESSROOM_LIMITS": "off", "LIE": lie}
    command = "gunicorn -w 1 --threads 64 -b 127.0.0.1:{port} --pythonpath tests support.lying_site:app".split()
    seconds = 20 if lie == "event" else 9  # its one author writes every three seconds, and a gap takes three events
    with Program(command, instance.parent, environ) as program:
        ran = locust(program.url, instance, "-u", 12, "-r", 12, "-t", f"{seconds}s", "Reader", "Follower", "Author")
    assert ran.status == 1, ran.said
    assert LIES[lie] in " ".join(ran.found["errors"]), ran.found["errors"]


def test_the_way_of_an_update_is_measured() -> None:
    command = [sys.executable, "-m", "loadtests.limits.deliver", "--quick"]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert "\ndeliver: " in ran.stdout, ran.stderr
    found = json.loads((CHECKOUT / "loadtests" / "results" / "deliver.json").read_text())
    assert len(found["raw"]["ms"]) == 10


def test_slow_clients_are_measured() -> None:
    """A noisy machine may miss the bars of times; the first one is a count."""
    command = [sys.executable, "-m", "loadtests.limits.slow", "--quick"]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert "\nslow: " in ran.stdout, ran.stderr
    found = json.loads((CHECKOUT / "loadtests" / "results" / "slow.json").read_text())
    assert found["bars"][0]["passed"], ran.stdout
    assert [len(one["hello_ms"]) for name in ("without", "with") for one in found["raw"][name]] == [100, 100]
