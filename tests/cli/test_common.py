"""What all commands share: the instance that they work on, and one line where they can't."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from support.checkout import CHECKOUT, SAMPLES
from support.commands import done, failed, program
from support.persons import NEW_PASSWORD
from webapp.cli import common, main
from webapp.db import engine
from webapp.system import instance

COMMANDS = [
    ["user", "list"],
    ["user", "create", "grace", "--password-stdin"],
    ["user", "password", "ada", "--password-stdin"],
    ["user", "role", "ada", "editor"],
    ["user", "rename", "ada", "lovelace"],
    ["user", "disable", "eve"],
    ["user", "disable", "eve", "--undo"],
    ["import", str(SAMPLES), "--author", "ada"],
    ["demo", "--speed", "0"],
    ["demo", "--remove"],
    ["bench-data", "--posts", "1", "--live", "0"],
    ["pages", "status"],
    ["pages", "clear"],
    ["pages", "warm"],
    ["db", "upgrade"],
    ["db", "current"],
]


def test_a_command_with_a_slip_is_told_which_was_meant() -> None:
    ran = CliRunner().invoke(main, ["imprt"])
    assert ran.exit_code == 2
    assert "No such command 'imprt'. Did you mean 'import'?" in ran.output


def test_only_init_makes_an_instance(
    tmp_path: Path, app: Flask, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "sites_of", lambda code: [])  # other tests have some
    app.config["INSTANCE"] = tmp_path / "site"
    for command in [*COMMANDS, ["post", "delete", "1"], ["move-to", "postgresql://host/name"]]:
        result = run(*command, input=f"{NEW_PASSWORD}\n")
        assert result.stderr.splitlines()[0] == f"Instance: {tmp_path / 'site'}"
        said = failed(result)
        assert f"{tmp_path / 'site'} doesn't exist" in said
        assert "pressroom init, or name another folder: PRESSROOM_INSTANCE=/path/to/instance" in said
    assert failed(run("user", "list")).endswith("pressroom user list"), "it can be pasted"
    assert failed(run("user", "disable", "ada")).endswith("pressroom user disable …")
    assert list(tmp_path.iterdir()) == []


def test_starting_a_command_makes_no_instance(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    assert "doesn't exist" in failed(on_folder("user", "list"))
    assert on_folder("--help").exit_code == 0
    assert list(tmp_path.iterdir()) == []
    done(on_folder("init"))
    done(on_folder("user", "list"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_says_which_instance_it_works_on(app: Flask, run: Callable[..., Result], command: list[str]) -> None:
    result = run(*command, input=f"{NEW_PASSWORD}\n")
    done(result)
    assert result.stderr.splitlines()[0] == f"Instance: {app.config['INSTANCE']}"
    assert "Instance:" not in result.stdout, "what a script reads is the result alone"


@pytest.mark.sqlite(reason="of the file")
def test_an_instance_without_tables_is_one_line(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    instance.prepare(tmp_path / "site")
    database = tmp_path / "site" / "pressroom.db"
    assert "pressroom.db doesn't exist; pressroom.db must be there" in failed(on_folder("user", "list"))
    assert not database.exists(), "nobody makes an empty one, which others could read"
    database.touch(0o600)
    assert "no such table" in failed(on_folder("user", "list"))
    done(on_folder("init"))
    assert "admin" in done(on_folder("user", "list"))


def test_a_busy_database_is_one_line(app: Flask, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WRITE_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(engine, "_LOCK", engine._LOCK.replace("'2s'", "'100ms'"))
    other = engine.make_engine(app.config["DATABASE_URL"])
    with engine.begin_writing(other):
        assert "busy" in failed(run("user", "role", "eve", "author"))
    other.dispose()
    done(run("user", "role", "eve", "author"))


@pytest.mark.sqlite(reason="of the file")
def test_a_damaged_database_is_one_line_with_the_cure(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    done(on_folder("init"))
    (tmp_path / "site" / "pressroom.db").write_bytes(b"no database " * 999)
    for command in (["init"], ["backup", str(tmp_path / "backup")], *COMMANDS):
        if command != ["pages", "clear"]:  # which leaves it alone
            said = failed(on_folder(*command, input=f"{NEW_PASSWORD}\n"))
            assert "file is not a database; stop the site, move its instance folder away" in said, command


# As programs


def test_flask_has_the_same_commands(app: Flask, tmp_path: Path) -> None:
    """From any folder; and `pressroom` is the entry point that pyproject.toml names."""
    ours = ["-c", "import sys; from webapp.cli import main; sys.argv[0] = 'pressroom'; main()"]
    folder = app.config["INSTANCE"]
    results = [
        program(folder, *start, "user", "list", cwd=tmp_path) for start in (ours, ["-m", "flask", "--app", "webapp"])
    ]
    assert results[0].returncode == 0, results[0].stderr
    assert "ada\tauthor" in results[0].stdout
    assert (results[0].stdout, results[0].stderr) == (results[1].stdout, results[1].stderr)
    assert 'pressroom = "webapp.cli:main"' in (CHECKOUT / "pyproject.toml").read_text("utf-8")
    for entry in entry_points(group="console_scripts", name="pressroom"):
        assert entry.value == "webapp.cli:main"


def test_the_help_has_our_commands_alone_and_cuts_nothing_off(on_folder: Callable[..., Result]) -> None:
    page = done(on_folder("--help"))
    assert re.findall(r"^  (?:--)?([a-z]\S+)", page, re.MULTILINE) == [
        "help", "backup", "bench-data", "check", "db", "demo", "import", "init", "move-to", "pages", "post", "restore",
        "serve", "user",
    ]  # fmt: skip
    for group in ("", "user", "pages", "db"):
        assert "..." not in done(on_folder(*filter(None, [group]), "--help")).replace("[ARGS]...", "")
