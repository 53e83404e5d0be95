"""What a report says of the machine, the versions and the data; and the data itself."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from loadtests.limits import report
from webapp import config, create_app
from webapp.config import fingerprint


def beginning(base: Path) -> dict[str, Any]:
    """A results.json of which nothing is measured yet."""
    accounts, asked = json.loads((base / "bench.json").read_text()), report.machine()
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": asked["commit"],
        "app": fingerprint(),
        "machine": machine(asked),
        "versions": versions(asked),
        "data": {"seed": accounts["seed"], "posts": len(accounts["posts"]) + len(accounts["live_posts"])} | rows(base),
        "servers": [],
        "scenario": None,
        "problems": [],
    }


def going_on(found: dict[str, Any]) -> dict[str, Any]:
    """A run that was interrupted: what failed is tried again."""
    if (commit := report.machine()["commit"]) not in found["commit"]:
        found["commit"] += f", then {commit}"
    for server in found["servers"]:
        if server["error"]:
            found["problems"].remove(f"{server['title']}: {server['error']}")
            server["error"] = None
    return found


def machine(asked: dict[str, Any]) -> dict[str, Any]:
    """What report.machine() says of it, and more."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": asked["cores"],
        "cpu": cpu[1] if cpu else platform.processor(),
        "memory_gb": memory / 2**30,
        "kernel": asked["kernel"],
        "load_average": asked["load_average"],
    }


def versions(asked: dict[str, Any]) -> dict[str, str]:
    found = {"python": str(asked["python"])}
    for name in ("flask", "uwsgi", "gevent", "gunicorn", "waitress", "granian", "locust"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    said = {name: re.search(r"\d+\.[\d.]+", str(asked[name])) for name in ("nginx", "wrk")}
    return found | {name: number[0] for name, number in said.items() if number}


def rows(base: Path) -> dict[str, int]:
    """How many updates and comments there are."""
    with contextlib.closing(sqlite3.connect(base / "pressroom.db")) as database:
        asked = {"updates": 'SELECT count(*) FROM "update"', "comments": "SELECT count(*) FROM comment"}
        return {what: database.execute(question).fetchone()[0] for what, question in asked.items()}


def fill(base: Path, *options: str) -> None:
    """Make the instance, with what `pressroom bench-data` takes; the live posts' pages are stored."""
    environ = os.environ | {"PRESSROOM_INSTANCE": str(base)}
    pressroom = str(Path(sys.executable).parent / "pressroom")
    for command in (["init"], ["bench-data", *options]):
        subprocess.run([pressroom, *command], env=environ, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    app = create_app(config.read({"PRESSROOM_INSTANCE": str(base)}))
    for post_id in json.loads((base / "bench.json").read_text())["live_posts"]:
        assert app.test_client().get(f"/post/{post_id}").status_code == 200
    app.extensions["engine"].dispose()
