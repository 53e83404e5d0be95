"""The commands."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from support.checkout import CHECKOUT, SAMPLES
from support.commands import done, failed, program
from support.persons import PASSWORD, Person
from webapp import cli
from webapp.db import engine
from webapp.ops import setup
from webapp.system import instance

NEW_PASSWORD = "staple staple staple"
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


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    """Run a command on the site; `input` is what its standard input says."""

    def invoke(*args: str, input: str | None = None) -> Result:
        return app.test_cli_runner().invoke(args=list(args), input=input)

    return invoke


@pytest.fixture
def on_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `pressroom …` on the instance folder `site`, which isn't there yet."""
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(tmp_path / "site"))
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")  # it sets this, and nothing would take it away

    def invoke(*args: str, input: str | None = None) -> Result:
        return CliRunner().invoke(cli.main, list(args), input=input)

    return invoke


# init


def test_init_makes_the_instance_and_its_first_admin(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    result = on_folder("init")
    said = done(result)
    assert result.stderr.splitlines()[0] == f"Instance: {tmp_path / 'site'}"
    name, password = said.split("Log in as ")[1].strip().split(" with the password ")
    assert (name, len(password)) == ("admin", 20)
    from webapp import create_app

    person = Person(create_app({"TESTING": True}))
    person.log_in(name, password)
    assert person.get("/me").json["role"] == "admin"
    again = done(on_folder("init"))
    assert "password" not in again
    person.log_in(name, password)
    assert person.get("/me").json["signed_in"], "init again changed nothing"


def test_only_the_owner_can_read_what_init_makes(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    before = os.umask(0o022)
    try:
        done(on_folder("init"))
        done(on_folder("user", "list"))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "site").iterdir()}
    assert modes.pop("pages") == modes.pop("media") == 0o755
    assert modes.pop("tmp") == modes.pop("locks") == 0o700
    assert set(modes) >= {"pressroom.db", "secret_key"}
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE((tmp_path / "site").stat().st_mode) == 0o711


def test_init_refuses_a_file_in_the_way(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    (tmp_path / "site").write_text("something else")
    assert "is not a folder" in failed(on_folder("init"))
    assert (tmp_path / "site").read_text() == "something else"


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    done(on_folder("init"))
    with sqlite3.connect(tmp_path / "site" / "pressroom.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in (["init"], ["db", "upgrade"]):
        assert "9999" in failed(on_folder(*command))


def test_a_damaged_key_is_one_line(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    done(on_folder("init"))
    (tmp_path / "site" / "secret_key").write_bytes(b"short")
    result = on_folder("user", "list")
    assert result.exit_code != 0
    assert "cut short" in str(result.exception.code)
    assert isinstance(result.exception, instance.InstanceError)


# All others


def test_only_init_makes_an_instance(tmp_path: Path, app: Flask, run: Callable[..., Result]) -> None:
    app.config["INSTANCE"] = tmp_path / "site"
    for command in COMMANDS:
        result = run(*command, input=f"{NEW_PASSWORD}\n")
        assert result.stderr.splitlines()[0] == f"Instance: {tmp_path / 'site'}"
        said = failed(result)
        assert f"{tmp_path / 'site'} isn't there" in said
        assert "pressroom init" in said
    assert list(tmp_path.iterdir()) == []


def test_starting_a_command_makes_no_instance(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    assert "isn't there" in failed(on_folder("user", "list"))
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


def test_an_instance_without_tables_is_one_line(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    instance.prepare(tmp_path / "site")
    assert "no such table" in failed(on_folder("user", "list"))
    done(on_folder("init"))
    assert "admin" in done(on_folder("user", "list"))


def test_a_busy_database_is_one_line(app: Flask, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WRITE_PATIENCE_SECONDS", 0)
    other = sqlite3.connect(app.config["INSTANCE"] / "pressroom.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "busy" in failed(run("user", "role", "eve", "author"))
    other.execute("ROLLBACK")
    other.close()
    done(run("user", "role", "eve", "author"))


# user


def test_user_create_makes_an_account(app: Flask, run: Callable[..., Result]) -> None:
    command = ("user", "create", "Grace", "--email", "grace@example.org", "--role", "author", "--password-stdin")
    assert "Grace is now author." in done(run(*command, input=f"{NEW_PASSWORD}\n"))
    grace = Person(app)
    grace.log_in("grace@example.org", NEW_PASSWORD)
    assert grace.get("/me").json["role"] == "author"
    assert NEW_PASSWORD not in run("user", "list").output


def test_user_create_asks_for_the_password_twice(app: Flask, run: Callable[..., Result]) -> None:
    result = run("user", "create", "grace", input=f"{NEW_PASSWORD}\nanother one\n{NEW_PASSWORD}\n{NEW_PASSWORD}\n")
    assert "grace is now reader." in done(result)
    assert NEW_PASSWORD not in result.output
    assert Person(app).log_in("grace", NEW_PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("args", "typed", "said"),
    [
        (["ada"], NEW_PASSWORD, "taken"),
        (["ADA"], NEW_PASSWORD, "taken"),
        (["grace", "--email", "ada@example.org"], NEW_PASSWORD, "another account"),
        (["grace", "--email", "nonsense"], NEW_PASSWORD, "e-mail"),
        (["two words"], NEW_PASSWORD, "2 to 40"),
        (["login"], NEW_PASSWORD, "reserved"),
        (["grace"], "short", "10 to 200"),
        (["grace"], "", "10 to 200"),
        (["grace"], "x" * 201, "10 to 200"),
    ],
)
def test_user_create_refuses_what_the_form_refuses(
    run: Callable[..., Result], args: list[str], typed: str, said: str
) -> None:
    before = done(run("user", "list"))
    assert said in failed(run("user", "create", *args, "--password-stdin", input=f"{typed}\n"))
    assert done(run("user", "list")) == before


def test_user_password_ends_the_sessions(app: Flask, ada: Person, run: Callable[..., Result]) -> None:
    assert ada.get("/me").json["signed_in"]
    done(run("user", "password", "ADA", "--password-stdin", input=f"{NEW_PASSWORD}\n"))
    assert not ada.get("/me").json["signed_in"]
    assert Person(app).log_in("ada", PASSWORD).status_code == 400
    assert Person(app).log_in("ada", NEW_PASSWORD).status_code == 302


def test_user_role_counts_at_once(eve: Person, run: Callable[..., Result]) -> None:
    assert eve.get("/desk").status_code == 403
    done(run("user", "role", "eve", "author"))
    assert eve.get("/desk").status_code == 200
    assert run("user", "role", "eve", "owner").exit_code == 2


def test_user_rename_lets_the_old_name_redirect(ada: Person, run: Callable[..., Result]) -> None:
    post_id = ada.write_post()
    assert "ada is now called lovelace." in done(run("user", "rename", "ada", "lovelace"))
    assert ada.get("/user/ada").location == "/user/lovelace"
    assert "/user/lovelace" in ada.get(f"/post/{post_id}").text
    assert "ada@example.org" in ada.get("/settings").text, "the address stays"
    assert "taken" in failed(run("user", "rename", "bob", "ada"))
    assert "reserved" in failed(run("user", "rename", "bob", "administrator"))


def test_user_disable_and_back(app: Flask, eve: Person, run: Callable[..., Result]) -> None:
    done(run("user", "disable", "eve"))
    assert not eve.get("/me").json["signed_in"]
    assert "eve\treader\tdisabled" in done(run("user", "list"))
    assert Person(app).log_in("eve").status_code == 400
    done(run("user", "disable", "eve", "--undo"))
    assert Person(app).log_in("eve").status_code == 302


def test_the_last_admin_stays(run: Callable[..., Result]) -> None:
    done(run("user", "disable", "admin"))
    assert "last admin" in failed(run("user", "disable", "root"))
    assert "last admin" in failed(run("user", "role", "root", "editor"))
    done(run("user", "role", "edith", "admin"))
    done(run("user", "role", "root", "editor"))


def test_user_list_says_names_and_roles(run: Callable[..., Result]) -> None:
    lines = done(run("user", "list")).splitlines()
    assert sorted(lines) == [
        "ada\tauthor", "admin\tadmin", "bob\tauthor", "edith\teditor", "eve\treader", "root\tadmin"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "command", [["user", "password", "nobody-here"], ["user", "role", "nobody-here", "admin"],
                ["user", "rename", "nobody-here", "somebody"], ["user", "disable", "nobody-here"],
                ["import", str(SAMPLES), "--author", "nobody-here"]], ids=" ".join
)  # fmt: skip
def test_nobody_of_that_name_is_one_line(run: Callable[..., Result], command: list[str]) -> None:
    assert failed(run(*command)) == "Error: There is no account called 'nobody-here'."


# db


def test_db_says_its_version(run: Callable[..., Result]) -> None:
    assert "up to date" in done(run("db", "upgrade"))
    assert "(head)" in done(run("db", "current"))


# As programs


def test_no_password_goes_to_the_journal(tmp_path: Path) -> None:
    """systemd names there what the screen is, if it is its journal."""
    for name, is_journal in (("journal", True), ("terminal", False)):
        file = tmp_path / name
        file.touch()
        found = file.stat()
        stream = f"{found.st_dev}:{found.st_ino + (not is_journal)}"
        environ = os.environ | {"PRESSROOM_INSTANCE": str(tmp_path / f"site-{name}"), "JOURNAL_STREAM": stream}
        with file.open("w") as screen:
            ours = [sys.executable, "-c", "from webapp.cli import main; main()", "init"]
            subprocess.run(ours, env=environ, cwd=CHECKOUT, stdout=screen, stderr=screen, check=True)
        assert ("with the password" in file.read_text()) is not is_journal
        assert ("user password admin" in file.read_text()) is is_journal


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


def test_messages_name_the_program_as_it_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = Path(sys.prefix) / "bin" / "pressroom"
    monkeypatch.chdir(Path(sys.prefix).parent)
    assert setup.program() == str(script.relative_to(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    assert setup.program() == str(script)
