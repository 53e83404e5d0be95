"""The schema: migrations that make what the models say, and break nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DatabaseError

from support import postgresql
from support.apps import settings_for, url_of
from support.checkout import CHECKOUT
from support.persons import Person
from webapp import create_app, db, models
from webapp.db import engine, schema
from webapp.ops import setup


def row_counts(app: Flask) -> dict[str, int]:
    with app.app_context():
        return {
            table.name: db.reading().scalar(select(func.count()).select_from(table)) or 0
            for table in models.Base.metadata.sorted_tables
        }


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """FTS5's tables aren't SQLAlchemy's."""
    return kind != "table" or not (name or "").startswith(models.SEARCH_TABLE)


def differences(app: Flask) -> list[object]:
    options = {"include_name": include_name, "compare_type": True, "compare_server_default": True}
    with app.app_context():
        connection = db.reading().connection()
        return compare_metadata(MigrationContext.configure(connection, opts=options), models.Base.metadata)


def test_each_file_is_named_by_its_revision_and_the_last_one_is_the_newest() -> None:
    """What a start looks at, without Alembic, whose import takes long."""
    scripts = ScriptDirectory(schema.MIGRATIONS)
    assert {script.revision for script in scripts.walk_revisions()} == schema.known()
    assert scripts.get_heads() == [schema.newest()]


def test_the_migrations_make_what_the_models_say(app: Flask) -> None:
    assert differences(app) == []
    with app.app_context(), db.writing() as session:
        session.execute(text("ALTER TABLE post DROP COLUMN ended_at"))
        session.execute(text("DROP INDEX ix_old_name_user_id"))
    assert len(differences(app)) == 2, "a difference is found"


def test_upgrading_again_changes_nothing(app: Flask, ada: Person) -> None:
    ada.write_post()
    before = row_counts(app)
    for _ in range(2):
        schema.upgrade(app.config["DATABASE_URL"])
    assert row_counts(app) == before
    assert setup.initialise(app.config) is None


def test_a_migration_that_breaks_leaves_the_database_as_it_was(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, ours, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(schema, "MIGRATIONS", ours)
    made = 'op.execute("CREATE TABLE half_way (id INTEGER)")'
    next_one = ours / "versions" / "9999_next.py"
    head = max(path.name[:4] for path in schema.MIGRATIONS.glob("versions/0*.py"))
    begin = (
        f'from alembic import op\nrevision = "9999"\ndown_revision = "{head}"\n\ndef upgrade() -> None:\n    {made}\n'
    )

    def tables() -> list[str]:
        with app.app_context():
            return inspect(db.reading().connection()).get_table_names()

    next_one.write_text(begin + '    op.execute("SELECT nonsense")\n')
    with pytest.raises(DatabaseError, match="nonsense"):
        schema.upgrade(app.config["DATABASE_URL"])
    assert "half_way" not in tables()
    assert Person(app).log_in("ada").status_code == 302
    next_one.write_text(begin)
    shutil.rmtree(ours / "versions" / "__pycache__", ignore_errors=True)
    schema.upgrade(app.config["DATABASE_URL"])
    assert "half_way" in tables()


def test_migrations_that_part_are_refused_in_one_line(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people wrote the next one at the same time."""
    ours = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, ours, ignore=shutil.ignore_patterns("__pycache__"))
    for revision in ("9998", "9999"):
        code = f'revision = "{revision}"\ndown_revision = "{schema.newest()}"\n\ndef upgrade() -> None:\n    pass\n'
        (ours / "versions" / f"{revision}_next.py").write_text(code)
    monkeypatch.setattr(schema, "MIGRATIONS", ours)
    with pytest.raises(schema.SchemaRefused, match="Multiple head"):
        schema.upgrade(app.config["DATABASE_URL"])


def make_older(app: Flask) -> None:
    """As the schema before the newest was, which lacks the column."""
    with app.app_context(), db.writing() as session:
        session.execute(text("ALTER TABLE alembic_version DROP COLUMN oldest"))
        session.execute(text("UPDATE alembic_version SET version_num = '0007'"))


def version(app: Flask) -> str | None:
    with app.app_context():
        return schema.current(db.reading().connection())


@pytest.mark.parametrize(
    ("oldest", "may_run"), [("0001", True), (schema.newest(), True), ("9998", False), (None, False)]
)
def test_older_code_goes_on_while_newer_code_says_that_it_may(app: Flask, oldest: str | None, may_run: bool) -> None:
    """Of several machines one has been brought to newer code, and this one starts again."""
    with app.app_context(), db.writing() as session:
        newer = text("UPDATE alembic_version SET version_num = '9999', oldest = :oldest")
        session.execute(newer, {"oldest": oldest})
    with nullcontext() if may_run else pytest.raises(schema.SchemaRefused, match="by a newer Pressroom"):
        schema.upgrade(app.config["DATABASE_URL"])
    assert version(app) == "9999"


def test_a_newer_schema_that_names_no_code_is_refused(app: Flask) -> None:
    make_older(app)
    with app.app_context(), db.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.SchemaRefused, match="by a newer Pressroom"):
        schema.upgrade(app.config["DATABASE_URL"])


def test_it_waits_for_whoever_migrates(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration may take longer than a write may."""
    monkeypatch.setattr(engine, "WRITE_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(engine, "_LOCK", engine._LOCK.replace("'2s'", "'100ms'"))
    make_older(app)
    starting = threading.Thread(target=schema.upgrade, args=(app.config["DATABASE_URL"],))
    with app.app_context(), db.writing():
        starting.start()
        starting.join(1)
        assert starting.is_alive()
    starting.join(30)
    assert version(app) == schema.newest()


@pytest.mark.skipif(not postgresql.IS_USED, reason="make test-postgresql runs it")
def test_a_migration_that_waits_for_a_reader_holds_up_no_other(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL lets nobody read a table while one waits to change it."""
    monkeypatch.setattr(engine, "_LOCK", engine._LOCK.replace("'2s'", "'100ms'"))
    make_older(app)
    starting = threading.Thread(target=schema.upgrade, args=(app.config["DATABASE_URL"],))
    with app.app_context():
        assert schema.current(db.reading().connection()) == "0007"
        starting.start()
        starting.join(0.5)
        assert starting.is_alive()
        with engine.snapshot(app.extensions["engine"]) as another:
            assert schema.current(another.connection()) == "0007"
    starting.join(30)
    assert version(app) == schema.newest()


@pytest.mark.slow
def test_two_processes_may_initialise_at_once(tmp_path: Path) -> None:
    """As when uWSGI starts while somebody runs `pressroom init`: one admin, one password."""
    folder = tmp_path / "instance"
    command = [sys.executable, "-W", "error", "-m", "flask", "--app", "webapp", "init"]
    environ = os.environ | {"PRESSROOM_INSTANCE": str(folder), "PYTHONPATH": str(CHECKOUT)}
    environ["PRESSROOM_DATABASE_URL"] = url_of(folder)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, env=environ, cwd=tmp_path, **pipes) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    passwords = [said.split("with the password ")[1].split()[0] for said, _ in outputs if "with the password" in said]
    assert len(passwords) == 1
    app = create_app(settings_for(folder))
    assert Person(app).log_in("admin", passwords[0]).status_code == 302
    assert row_counts(app)["user"] == 1
    assert row_counts(app)["post"] == 1, "the row that numbers the front page's events"
    assert not list(folder.glob(".secret_key*"))
    app.extensions["engine"].dispose()
