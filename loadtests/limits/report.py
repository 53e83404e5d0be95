"""Options, tables, bars, and the JSON file that each run leaves in loadtests/results/."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent.parent / "results"


class Bar(NamedTuple):
    """`measured` may be at most `limit`. An aim is shown, but missing it doesn't make the run fail."""

    what: str
    measured: float
    limit: float
    unit: str = ""
    is_aim: bool = False

    @property
    def passed(self) -> bool:
        return self.measured <= self.limit


def options(about: str | None, **defaults: tuple[float, float, str]) -> argparse.Namespace:
    """`--rounds` and the like, whole numbers; each by its default, its value for `--quick`, and its meaning."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    for name, (usual, _, meaning) in defaults.items():
        parser.add_argument(f"--{name}", type=int, help=f"{meaning} ({usual})")
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    chosen = parser.parse_args()
    for name, (usual, quick, _) in defaults.items():
        if getattr(chosen, name) is None:
            setattr(chosen, name, quick if chosen.quick else usual)
    return chosen


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The median, and the range."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def percentile(values: Sequence[float], percent: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def table(rows: Sequence[tuple[str, ...]]) -> None:
    """The first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()


def finish(name: str, chosen: argparse.Namespace, rows: Sequence[tuple[str, ...]], bars: list[Bar], raw: Any) -> None:
    """Print the table and the bars, write `<name>.json`, and end with status 1 when a bar is missed."""
    print(f"\n{name}: {time.strftime('%Y-%m-%d %H:%M')}, load average {os.getloadavg()[0]:.1f}\n")
    table(rows)
    table([("bar", "measured", "at most", ""), *(_shown(bar) for bar in bars)])
    found = {
        "name": name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "options": vars(chosen),
        "machine": machine(),
        "table": [dict(zip(rows[0], row, strict=True)) for row in rows[1:]],
        "bars": [bar._asdict() | {"passed": bar.passed} for bar in bars],
        "raw": raw,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    sys.exit(not all(bar.passed or bar.is_aim for bar in bars))


def _shown(bar: Bar) -> tuple[str, ...]:
    verdict = ("pass" if bar.passed else "MISS") + (" (an aim)" if bar.is_aim else "")
    measured = str(bar.measured) if isinstance(bar.measured, int) else f"{bar.measured:.3g}"
    return bar.what, f"{measured} {bar.unit}".rstrip(), f"{bar.limit:g} {bar.unit}".rstrip(), verdict


def machine() -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "uwsgi": version("uwsgi"),
        "gevent": version("gevent"),
        "nginx": _first_line("nginx", "-v"),
        "wrk": _first_line("wrk", "-v"),
        "commit": _first_line("git", "-C", str(RESULTS.parent), "describe", "--always", "--dirty"),
    }


def _first_line(program: str, *arguments: str) -> str | None:
    if not shutil.which(program):
        return None
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    return (done.stdout + done.stderr).strip().partition("\n")[0] or None
