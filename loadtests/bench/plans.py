"""How much a run of the load lab measures, and the folder that it writes to."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

from loadtests.bench.servers import BY_NAME, USUAL
from loadtests.limits import report
from webapp.config import fingerprint


class Plan(NamedTuple):
    """`seconds`: how long a load is held. `most`: people at the top of the climb, which goes at this `tempo`."""

    servers: tuple[str, ...]
    rounds: int
    seconds: int
    most: int
    tempo: float
    streams: int
    updates: int
    scenario_streams: int


PLANS = {
    "quick": Plan(USUAL, 1, 4, 16, 8.0, 500, 3, 1000),
    "usual": Plan(USUAL, 3, 15, 128, 1.5, 2000, 5, 5000),
    "full": Plan(tuple(BY_NAME), 5, 30, 256, 1.0, 2000, 10, 5000),
}


def folder_for(kind: str) -> Path:
    """Today's; a full run that was interrupted goes on in its own, as long as the app is the same."""
    if kind == "full":
        for file in sorted(report.RESULTS.glob("*/results.json"), reverse=True):
            found = json.loads(file.read_text())
            if found["kind"] == "full" and found["app"] == fingerprint() and not (file.parent / "report.html").exists():
                return file.parent
    name = time.strftime("%Y-%m-%d")
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    folder = next(report.RESULTS / name for name in names if not (report.RESULTS / name).exists())
    folder.mkdir(parents=True)
    return folder
