"""`pressroom init` and `pressroom db …`."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from support.commands import done, failed
from support.persons import Person
from webapp.system import instance

# init


def test_init_makes_the_instance_and_its_first_admin(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    result = on_folder("init")
    said = done(result)
    assert result.stderr.splitlines()[0] == f"Instance: {tmp_path / 'site'}"
    name, password = said.split("Log in as ")[1].splitlines()[0].split(" with the password ")
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
    assert modes.pop("pages") == modes.pop("media") == modes.pop("assets") == 0o755
    assert modes.pop("tmp") == modes.pop("locks") == modes.pop("originals") == 0o700
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
        connection.execute("UPDATE alembic_version SET version_num = '9999', oldest = '9998'")
    connection.close()
    for command in (["init"], ["db", "upgrade"]):
        assert "9999" in failed(on_folder(*command))


def test_a_damaged_key_is_one_line(tmp_path: Path, on_folder: Callable[..., Result]) -> None:
    done(on_folder("init"))
    (tmp_path / "site" / "secret_key").write_bytes(b"short")
    result = on_folder("user", "list")
    assert result.exit_code != 0
    assert "truncated" in str(result.exception.code)
    assert isinstance(result.exception, instance.InstanceError)


# db


def test_db_says_its_version(run: Callable[..., Result]) -> None:
    assert "up to date" in done(run("db", "upgrade"))
    assert "(head)" in done(run("db", "current"))
