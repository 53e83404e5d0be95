"""docs/build-on-it.md, followed word by word: three recipes in a copy of the checkout, one in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.checkout import CHECKOUT
from support.programs import Program
from support.sse_client import Listener, many, numbers
from tools.processes import free_port, until
from webapp.live.channel import Line

pytestmark = pytest.mark.slow

NEWEST = max(int(file.name[:4]) for file in (CHECKOUT / "webapp/db/migrations/versions").glob("0*.py"))
# As its reader does who finds more migrations there than its writer did.
DOCUMENT = (
    (CHECKOUT / "docs/build-on-it.md").read_text().replace("0006", f"{NEWEST + 1:04}").replace("0005", f"{NEWEST:04}")
)
SCHEMA = "tests/db/test_schema.py::test_the_migrations_make_what_the_models_say"
COPIED = ("webapp", "templates", "static", "tests", "tools", "pyproject.toml", "uwsgi.ini")
RECIPES = {"A public page": "reader/test_tags.py", "An event": "content/test_score.py", "A command": "cli/test_end.py"}
STEP = re.compile(
    r"A new file `(?P<new>[^`]+)`:\n\n```\w+\n(?P<content>.*?)^```$"
    r"|At the end of `(?P<end>[^`]+)`:\n\n```\w+\n(?P<more>.*?)^```$"
    r"|In\s`(?P<into>[^`]+)`,\safter\s`(?P<line>[^`]+)`:\n\n```\w+\n(?P<lines>.*?)^```$"
    r"|In\s`(?P<where>[^`]+)`,\s`(?P<old>[^`]+)`\sbecomes\s`(?P<fresh>[^`]+)`",
    re.MULTILINE | re.DOTALL,
)
CORES = 2


def steps(title: str) -> list[re.Match[str]]:
    """Of the recipe with that heading. Each block of code belongs to one."""
    recipe = DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found = list(STEP.finditer(recipe))
    assert sum("```" in step[0] for step in found) == recipe.count("\n```") / 2 > 0
    return found


def follow(step: re.Match[str], folder: Path) -> None:
    if step["new"]:
        file = folder / step["new"]
        assert not file.exists()
        file.parent.mkdir(exist_ok=True)
        file.write_text(step["content"])
    elif step["end"]:
        file = folder / step["end"]
        file.write_text(f"{file.read_text()}\n\n{step['more']}")
    elif step["into"]:
        replace(folder / step["into"], step["line"] + "\n", step["line"] + "\n" + step["lines"])
    else:
        replace(folder / step["where"], step["old"], step["fresh"])


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is in {file.name} {text.count(old)} times"
    file.write_text(text.replace(old, new))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tmp_path / name)
    return tmp_path


class Ran(NamedTuple):
    status: int
    said: str


def run(folder: Path, *command: str) -> Ran:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PRESSROOM_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(folder)},  # the copy's code, not the checkout's
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Ran(done.returncode, done.stdout + done.stderr)


@pytest.mark.parametrize(("title", "test"), RECIPES.items())
def test_a_recipe_works_in_a_copy(copy: Path, title: str, test: str) -> None:
    todo = steps(title)
    check = ("pytest", "-q", "-p", "no:cacheprovider", f"tests/{test}")
    [own_test] = [step for step in todo if step["new"] == f"tests/{test}"]
    follow(own_test, copy)
    without = run(copy, *check)
    assert (without.status, " failed" in without.said) == (1, True), without.said
    for step in todo:
        if step is not own_test:
            follow(step, copy)
    done = run(copy, *check, SCHEMA)
    assert (done.status, " passed" in done.said) == (0, True), done.said
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        linted = run(copy, "ruff", *command, ".")
        assert linted.status == 0, linted.said


# The broadcaster in a foreign app


class Ticker(Program):
    def answers(self) -> bool:
        try:
            return self.say("ready?") > 0
        except OSError:
            return False

    def say(self, text: str) -> int:
        """The number of its event."""
        data = urllib.parse.urlencode({"text": text}).encode()
        with urllib.request.urlopen(f"{self.url}/say", data, timeout=60) as answer:
            return int(json.load(answer)["n"])

    def streams(self) -> int:
        return int((Line(self.folder / "ticker", 0).ask("status") or {"streams": -1})["streams"])


@pytest.fixture
def ticker(tmp_path: Path) -> Iterator[Ticker]:
    """One worker that can answer so many requests at once, and no more."""
    for step in steps("The broadcaster in your own app"):
        follow(step, tmp_path)
    port = free_port()
    replace(tmp_path / "ticker.ini", "127.0.0.1:8010", f"127.0.0.1:{port}")
    replace(tmp_path / "ticker.ini", "gevent = 100", f"gevent = {CORES}")
    with Ticker(["uwsgi", "--ini", str(tmp_path / "ticker.ini")], tmp_path, port=port) as running:
        assert isinstance(running, Ticker)
        until(lambda: running.streams() == 0, "the broadcaster was there")
        yield running


def test_a_foreign_app_hands_its_streams_over(ticker: Ticker) -> None:
    with many(ticker.url, "/post/1/live?after=0", 4 * CORES) as listeners:
        first = ticker.say("before")  # no answer, if a stream took up one of the worker's cores
        for listener in listeners:
            assert listener.until_number(first)[-1].data == {"text": "before"}
        assert ticker.streams() == len(listeners)
        last = ticker.say("Goal!\n\nid: 99")
        for listener in listeners:
            event = listener.until_number(last)[-1]
            assert (event.kind, event.data) == ("said", {"text": "Goal!\n\nid: 99"})
    with Listener(ticker.url, "/post/1/live", last_event_id=str(first)) as late:
        assert numbers(late.until_number(last)) == [last]


def test_what_it_does_not_have_is_gone(ticker: Ticker) -> None:
    with Listener(ticker.url, "/post/2/live?after=0") as nobody:
        assert "event: gone" in nobody.until_end()


def test_the_foreign_app_is_as_short_as_it_looks() -> None:
    code = {step["new"]: step["content"].splitlines() for step in steps("The broadcaster in your own app")}
    assert len([line for line in code["ticker.py"] if line.strip()]) <= 30
