"""A database of an older schema: copied first, then upgraded whole or not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from support.apps import settings_for
from support.archives import add_migration, content
from support.commands import done, program
from support.persons import Person
from webapp import create_app
from webapp.db import schema
from webapp.db.engine import DatabaseBusy
from webapp.ops import setup, snapshots
from webapp.system.locks import try_lock

MAKE = 'op.execute("CREATE TABLE half_way (id INTEGER)")'
BREAK = 'op.execute("SELECT nonsense")'
DIE = f"os.kill(os.getpid(), {int(signal.SIGKILL)})"
# As `start` does, by a process that may die; its migrations are those of its argument.
UPGRADE = (
    "import sys; from pathlib import Path; from webapp import config\n"
    "from webapp.db import schema; from webapp.ops import setup\n"
    "schema.MIGRATIONS = Path(sys.argv[1]); setup.initialise(config.read())"
)


@pytest.fixture
def folder(copied_instance: Callable[[str], Path]) -> Path:
    """An instance of today's schema."""
    return copied_instance("upgraded")


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "backups").glob("*.db"))


def head() -> str:
    return max(path.name[:4] for path in schema.MIGRATIONS.glob("versions/0*.py"))


def test_it_copies_the_database_first(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(folder / "pressroom.db")
    setup.initialise(settings_for(folder))
    assert not (folder / "backups").exists(), "nothing was upgraded"
    schema = head()
    add_migration(tmp_path / "migrations", monkeypatch, MAKE)
    setup.initialise(settings_for(folder))
    assert "half_way" in content(folder / "pressroom.db")
    [copy] = kept(folder)
    assert copy.name == f"pressroom-schema-{schema}.db"
    assert content(copy) == before
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema,)]
    assert stat.S_IMODE((folder / "backups").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "backups").iterdir()} == {0o600}
    setup.initialise(settings_for(folder))
    assert kept(folder) == [copy]


def test_the_commands_say_where(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_migration(tmp_path / "migrations", monkeypatch, MAKE)
    app = create_app(settings_for(folder))
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    done(result)
    app.extensions["engine"].dispose()
    assert f"The database was copied to {kept(folder)[0]} before its schema is upgraded." in result.stderr


def test_sessions_outlive_the_way_back(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the whole database, put back by a mere rename."""
    app = create_app(settings_for(folder))
    ada = Person(app, "ada")
    with monkeypatch.context() as patch:
        add_migration(tmp_path / "migrations", patch, MAKE)
        setup.initialise(settings_for(folder))
    app.extensions["engine"].dispose()
    for file in folder.glob("pressroom.db*"):
        file.unlink()
    kept(folder)[0].rename(folder / "pressroom.db")
    setup.initialise(settings_for(folder))
    assert ada.get("/me").json["signed_in"]
    app.extensions["engine"].dispose()


def test_a_migration_that_breaks_goes_back(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is tried, no other copy is pushed out."""
    before = content(folder / "pressroom.db")
    (folder / "backups").mkdir()
    older = [folder / "backups" / f"pressroom-schema-000{n}.db" for n in range(2)]
    for file in older:
        file.touch()
        os.utime(file, (1, 1))
    file = add_migration(tmp_path / "migrations", monkeypatch, MAKE, BREAK)
    for _ in range(4):
        with pytest.raises(OperationalError, match="nonsense"):
            setup.initialise(settings_for(folder))
        assert content(folder / "pressroom.db") == before
    assert set(older) < set(kept(folder))
    assert len(kept(folder)) == 3
    file.write_text(file.read_text().replace(BREAK, "pass  # mended"))
    setup.initialise(settings_for(folder))
    assert content(folder / "pressroom.db") == before | {"half_way": [], "alembic_version": [("9999", schema.OLDEST)]}


def test_killed_in_the_middle_it_goes_on_at_the_next_start(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(folder / "pressroom.db")
    file = add_migration(tmp_path / "migrations", monkeypatch, MAKE, DIE)
    killed = program(folder, "-c", UPGRADE, str(tmp_path / "migrations"), cwd=tmp_path)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert content(kept(folder)[0]) == before
    assert content(folder / "pressroom.db") == before
    file.write_text(file.read_text().replace(DIE, "pass"))
    setup.initialise(settings_for(folder))
    assert content(folder / "pressroom.db") == before | {"half_way": [], "alembic_version": [("9999", schema.OLDEST)]}


@pytest.mark.parametrize("ahead", [0, 4_000_000_000], ids=["a right clock", "a clock that was ahead"])
def test_three_copies_stay(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    (folder / "backups").mkdir()
    for n in range(4):
        file = folder / "backups" / f"pressroom-schema-000{n}.db"
        file.touch()
        os.utime(file, (n + ahead, n + ahead))
    (folder / "backups" / "mine.db").touch()
    (folder / "backups" / ".draft").write_text("of one that was killed")
    schema = head()
    add_migration(tmp_path / "migrations", monkeypatch, MAKE)
    setup.initialise(settings_for(folder))
    names = {f"pressroom-schema-{name}.db" for name in [schema, *[f"000{n}" for n in range(4) if f"000{n}" != schema]]}
    assert {path.name for path in kept(folder)} < {*names, "mine.db"}
    assert len(kept(folder)) == 4
    assert (folder / "backups" / "mine.db").exists()
    assert content(folder / "backups" / f"pressroom-schema-{schema}.db")["user"]
    assert not (folder / "backups" / ".draft").exists()


def test_what_can_t_be_copied_isn_t_upgraded(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(folder / "pressroom.db")
    add_migration(tmp_path / "migrations", monkeypatch, MAKE)
    (folder / "backups").touch()
    with pytest.raises(schema.SchemaRefused, match=r"can't be copied to .*backups before its schema is upgraded"):
        setup.initialise(settings_for(folder))
    assert content(folder / "pressroom.db") == before
    (folder / "backups").unlink()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "take", full)
        with pytest.raises(schema.SchemaRefused, match=r"\(database or disk is full\): free some space"):
            setup.initialise(settings_for(folder))
    assert content(folder / "pressroom.db") == before
    setup.initialise(settings_for(folder))
    assert "half_way" in content(folder / "pressroom.db")


def test_two_at_once_are_one_too_many(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_migration(tmp_path / "migrations", monkeypatch, MAKE)
    (folder / "backups").mkdir()
    held = try_lock(folder / "backups" / ".lock")
    assert held
    with pytest.raises(DatabaseBusy, match="Another process copies the database"):
        setup.initialise(settings_for(folder))
    os.close(held)
    setup.initialise(settings_for(folder))


def test_a_newer_or_empty_database_is_not_copied(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(folder / "pressroom.db")) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999', oldest = '9998'")
        opened.commit()
    with pytest.raises(schema.SchemaRefused, match="newer"):
        setup.initialise(settings_for(folder))
    assert snapshots.before_upgrade(settings_for(folder, DATABASE_URL=f"sqlite:///{tmp_path / 'none.db'}")) is None
    assert snapshots.before_upgrade(settings_for(folder, DATABASE_URL="postgresql://localhost/pressroom")) is None
    assert not (tmp_path / "none.db").exists()
    assert not (folder / "backups").exists()
