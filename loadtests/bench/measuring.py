"""What a server takes and gives while it is loaded: wrk's figures, and the CPU that it takes meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.bench.servers import Running
from loadtests.limits import lab

CONNECTIONS = 64
SAMPLE_SECONDS = 0.25
PERCENTILES = """
done = function(summary, latency, requests)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.status
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "bad": %d, "timeouts": %d, "p50_ms": %f, "p95_ms": %f, "p99_ms": %f}',
    summary.requests, summary.duration / 1e6, bad, summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
"""


def wrk(running: Running, path: str, seconds: float) -> dict[str, float]:
    """What as many connections as it takes to fill the server get, flat out."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(PERCENTILES)
        script.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", script.name]
        command += ["-H", "Accept-Encoding: gzip", f"{running.url}{path}"]
        cpu, began = running.cpu_seconds(), time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        cpu, took = running.cpu_seconds() - cpu, time.monotonic() - began
    said = re.search(r"\{.*\}", done.stdout)
    found = json.loads(said[0]) if said else {"requests": 0}
    if not found["requests"] or found["bad"]:
        raise SystemExit(f"wrk got no or bad answers:\n{done.stdout}")
    return {
        "connections": CONNECTIONS,
        "requests_per_s": found["requests"] / found["seconds"],
        "requests_per_cpu_s": found["requests"] / cpu,
        **{name: found[name] for name in ("timeouts", "p50_ms", "p95_ms", "p99_ms")},
        "server_cpu": cpu / took,
    }


@contextmanager
def sampling(running: Running) -> Iterator[list[tuple[float, float]]]:
    """Meanwhile the server's CPU is read: seconds since 1970, seconds of CPU."""
    samples: list[tuple[float, float]] = []
    with lab.repeating(lambda: samples.append((time.time(), running.cpu_seconds())), SAMPLE_SECONDS):
        yield samples


def cpu_between(samples: list[tuple[float, float]], begin: float, end: float) -> float | None:
    """In cores."""
    inside = [sample for sample in samples if begin <= sample[0] <= end]
    if len(inside) < 2:
        return None
    (first, before), (last, after) = inside[0], inside[-1]
    return (after - before) / (last - first)
