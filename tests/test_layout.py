"""The tree is the map: from an address one can guess the module, the template and the test."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from support.checkout import CHECKOUT

WEBAPP, TEMPLATES, TESTS = (CHECKOUT / name for name in ("webapp", "templates", "tests"))
ROOMS = sorted(path.parent.name for path in WEBAPP.glob("*/__init__.py"))
THERE = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*") if path.is_file()}
ELSEWHERE = {"/metrics": "http"}  # the view hands out what that room counts


def module_of(app: Flask, rule: Rule) -> str:
    return str(inspect.unwrap(app.view_functions[rule.endpoint]).__module__)


def rules(app: Flask) -> list[tuple[Rule, str, str]]:
    """Each address with the room and the module of its view. Flask itself serves the static files."""
    found = [(rule, module_of(app, rule).split(".")) for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    assert [(str(rule), parts) for rule, parts in found if parts[0] != "webapp" or len(parts) != 3] == []
    return [(rule, parts[1], parts[2]) for rule, parts in found]


def test_every_view_is_in_a_room(app: Flask) -> None:
    found = rules(app)
    assert len(found) > 50
    assert {room for _rule, room, _module in found} <= set(ROOMS)


def rendered(file: Path) -> set[str]:
    """The templates that a module renders. What an f-string puts into a name is a word that the module says, too."""
    code = file.read_text()
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    names = [ast.unparse(call.args[0]) for call in calls if getattr(call.func, "id", "") == "render_template"]
    found = set()
    for name in names:
        before, _, after = re.sub(r"{.*}", "{}", name).removeprefix("f").strip("'\"").partition("{}")
        words = re.findall(r'"(\w+)"', code) if after else [""]
        found |= {path for word in words if (path := f"{before}{word}{after}") in THERE or not after}
    return found


@pytest.mark.parametrize("room", ["accounts", "community", "desk", "reader"])
def test_a_room_renders_its_own_templates(room: str) -> None:
    names = {name for file in (WEBAPP / room).glob("*.py") for name in rendered(file)}
    assert names
    assert names - THERE == set()
    assert [name for name in names if "/" in name and not name.startswith(f"{room}/")] == []


def is_old(file: Path) -> bool:
    """Kept at its former place for the workers and pages of the last release."""
    return "delete with the release after the next" in file.read_text()


def test_every_template_is_named_somewhere() -> None:
    modules = list(WEBAPP.rglob("*.py"))
    named = {name for file in modules for name in rendered(file)}
    assert "reader/_card.html" in named
    for file in [*modules, *(TEMPLATES / name for name in THERE)]:
        named |= set(re.findall(r"[\"']([\w/]+\.(?:html|xml))[\"']", file.read_text()))
    assert {name for name in THERE - named if not is_old(TEMPLATES / name)} == set()


def last_part(rule: Rule) -> str:
    """Of what is the same for all: `feed.` of `/user/<username>/feed.<kind>`."""
    return re.sub("<[^>]*>[^/<]*", "", rule.rule).strip("/").rpartition("/")[2] or "/"


def test_every_view_has_its_test(app: Flask) -> None:
    found = rules(app)
    files = {f"{room}/test_{module}.py" for _rule, room, module in found}
    assert {name for name in files if not (TESTS / name).is_file()} == set()
    said = {folder.name: "".join(map(Path.read_text, folder.glob("*.py"))) for folder in TESTS.iterdir()}
    for rule, room, _module in found:
        rooms = (room, "browser", "whole", ELSEWHERE.get(rule.rule, room))
        assert any(last_part(rule) in said[name] for name in rooms), rule
    assert not any("no-such-" + "address" in text for text in said.values())


@pytest.mark.parametrize("folder", ["static/js", "templates", "tests"])
def test_folders_are_rooms(folder: str) -> None:
    files = [path for path in (CHECKOUT / folder).glob("*/*") if path.suffix in (".html", ".js", ".md", ".py", ".xml")]
    names = {path.parent.name for path in files if not is_old(path)}
    assert names & set(ROOMS)
    assert names - set(ROOMS) <= ({"browser", "whole", "support", "samples"} if folder == "tests" else set())


def test_the_docs_have_the_rows_of_the_contract() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = [set(row.split(" | ")) for row in contracts[0]["layers"]]
    told: list[set[str]] = []
    docs = (CHECKOUT / "docs" / "how-it-works.md").read_text()
    table = docs.partition("| row | room | holds |")[2].partition("\n\n")[0]
    for number, names, holds in re.findall(r"(?m)^\| (\d*) ?\| (.+?) \| (.+) \|$", table):
        # The first row's text names the modules that only start another.
        rooms = set(re.findall(r"`(\w+)(?:/|\.py)`", names + (holds if number == "1" else "")))
        told = [*told, rooms] if number else [*told[:-1], told[-1] | rooms]
    assert told == rows
