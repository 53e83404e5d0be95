"""What commands print of names that others chose: never a command for the terminal."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo

from support.archives import repacked
from tools.processes import free_port
from webapp import cli, create_app
from webapp.cli import serve
from webapp.ops import start
from webapp.system import screen

# Clears the screen, renames the window, turns text round, begins lines, hides what was said.
EVIL = "\x1b[2J\x1b]0;x\x07\x9b2J\x90\u202e\u2066\u2028\r\x7f\x08y"
LINES = "\nError: all is well\n"
COMMANDS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def test_text_is_shown_and_commands_are_spelt_out() -> None:
    assert screen.printable("a\x1b[2J\u202e\n\tb") == r"a\x1b[2J\u202e\n\tb"
    assert screen.printable("Zürich 海边　👩‍💻 …") == "Zürich 海边　👩‍💻 …"
    assert screen.printable("\udcff") == r"\udcff"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance whose own name is evil too, as are those of all that is in it."""
    found = tmp_path / EVIL / "site"
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(found))
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    monkeypatch.chdir(tmp_path)
    return found


def run(*args: str, input: str | None = None) -> Result:
    """In colour, as else click itself takes some of it out."""
    result = CliRunner().invoke(cli.main, args, input=input, color=True)
    assert result.exception is None or isinstance(result.exception, SystemExit), (args, result.exception)
    found = COMMANDS.findall(result.stdout + result.stderr)
    assert not found, (args, found, result.output)
    typed_oneself = result.exit_code == 2
    assert typed_oneself or LINES.strip() not in result.output.splitlines(), args
    return result


def every_command() -> Iterator[tuple[str, ...]]:
    def below(group: click.Group, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        with click.Context(group, obj=ScriptInfo(create_app=create_app)) as context:
            for name in group.list_commands(context):
                command = group.get_command(context, name)
                yield from below(command, (*names, name)) if isinstance(command, click.Group) else [(*names, name)]

    return below(cli.main, ())


def rename_all(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "pressroom.db")) as opened:
        for statement in (
            "UPDATE user SET username = :evil || id, username_key = :evil || id, role = 'author'",
            "INSERT INTO user (username, username_key, role, created_at) VALUES (:evil, :evil, 'author', 1)",
            "INSERT INTO tag (key, name) VALUES (:evil, :evil)",
            "UPDATE post SET title = :evil, source = :evil || id",
        ):
            opened.execute(statement, {"evil": EVIL + LINES})
        opened.commit()
    stored = folder / "pages" / "tag" / (EVIL + LINES) / "index.html"
    stored.parent.mkdir(parents=True)
    stored.write_text("x")
    (folder / "uwsgi.log").write_text(f"*** Starting uWSGI\nPressroom can't start: {EVIL}\nToo many open files\n")


@pytest.mark.slow
def test_no_command_prints_one(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = EVIL + LINES
    assert run("init").exit_code == 0
    (tmp_path / f"{EVIL}.md").write_text("Text.")
    (tmp_path / f"{EVIL}2.md").write_bytes(b"\xff")
    (tmp_path / f"{name}.md").write_text(f'---\ndate: "{EVIL!a}"\ntitle: "\\e[2J"\n---\n')
    (tmp_path / f"{EVIL}3.md").write_text(f"---\ntitle: [{EVIL}\n---\n")
    assert "3 of 4 files" in run("import", str(tmp_path)).stderr
    rename_all(folder)
    backup = tmp_path / f"{name}.tar.gz"
    assert run("backup", str(backup)).exit_code == 0
    tables: dict[tuple[str, ...], list[tuple[str, ...]]] = {
        ("backup",): [(str(backup),), (name,), (f"{name}/x",)],
        ("bench-data",): [("--posts", "1", "--live-posts", "0")],
        ("check",): [()],
        ("db", "current"): [()],
        ("db", "revision"): [],  # writes a migration, for developers
        ("db", "upgrade"): [()],
        ("demo",): [("--remove",), ("--language", name)],
        ("import",): [(str(tmp_path),), (name,), (str(tmp_path), "--author", name), ("--undo", "1"), ("--undo", name)],
        ("init",): [()],
        ("move-to",): [(name,), (f"postgresql://{name}:{name}@127.0.0.1:1/{name}",)],
        ("pages", "status"): [()],
        ("pages", "warm"): [()],
        ("pages", "clear"): [()],
        ("post", "delete"): [("1",), (name,)],
        ("restore",): [(str(backup),), (name,)],
        ("serve",): [()],
        ("user", "create"): [(name,), ("bob", "--role", name), ("bob", "--email", name)],
        ("user", "disable"): [(name,), ("nobody\x1b",)],
        ("user", "list"): [()],
        ("user", "password"): [(name, "--password-stdin")],
        ("user", "rename"): [(name, "bob"), ("nobody", name)],
        ("user", "role"): [(name, "admin"), (name, name)],
    }
    assert set(tables) == set(every_command()), "each has its line here"
    monkeypatch.setattr(serve, "UWSGI", tmp_path / "none")
    for command, calls in tables.items():
        for call in [*calls, (name, name, name, name), (f"--{name}",)]:
            run(*command, *call, input="a long password 1\n")
    run(name)
    run(f"--{EVIL}")
    versions = repacked(backup, tmp_path / "new", lambda manifest, _: manifest.update(format=2, version=EVIL))
    settings = repacked(backup, tmp_path / "ok", lambda manifest, _: manifest.update(settings={EVIL: EVIL, "X": name}))
    assert "newer Pressroom" in run("restore", str(versions)).stderr
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(tmp_path / EVIL / "other"))
    restored = run("restore", str(settings))
    assert "Setting differs" in restored.stdout, restored.stderr
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(backup))
    for command in tables:
        run(*command)


def test_nor_does_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")
    monkeypatch.setattr("sys.argv", ["start"])
    monkeypatch.setenv("PRESSROOM_SITE_TITLE", EVIL)
    assert start.main() == 1
    monkeypatch.delenv("PRESSROOM_SITE_TITLE")
    assert start.main() == 1
    folder.unlink()
    monkeypatch.setenv("PRESSROOM_" + EVIL + LINES, EVIL)
    monkeypatch.setenv("PRESSROOM_HTTP", f"127.0.0.1:{free_port()}")
    assert start.main() == 0
    said = "".join(capfd.readouterr())
    assert r"PRESSROOM_\x1b[2J" in said
    assert COMMANDS.findall(said) == []
    assert LINES.strip() not in said.splitlines()
