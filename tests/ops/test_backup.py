"""`pressroom backup FILE`: one moment of the whole site in one file, while it runs."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from support.archives import content, made, manifest, nothing, parts
from support.checkout import CHECKOUT
from support.commands import done, failed, program
from support.damage import lose_an_index_entry
from support.persons import Person
from webapp.ops import backup, snapshots
from webapp.system.locks import try_lock

COMMAND = ("-m", "flask", "--app", "webapp", "backup")


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    return lambda *args: app.test_cli_runner().invoke(args=["backup", *map(str, args)])


def unpacked(file: Path) -> Path:
    database = file.with_suffix(".db")
    database.write_bytes({info.name: written for info, written in parts(file)}["pressroom.db"])
    return database


def bodies(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as opened:
        return [row[0] for row in opened.execute('SELECT body FROM "update" ORDER BY id')]


@pytest.fixture(autouse=True)
def an_empty_tmp(app: Flask) -> None:
    """Tests of other files have the same instance, and some leave a file there."""
    for left in (app.config["INSTANCE"] / "tmp").iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def in_instance(app: Flask) -> set[str]:
    folder: Path = app.config["INSTANCE"]
    return {str(path.relative_to(folder)) for path in (folder / "tmp").rglob("*")}


def test_it_holds_database_media_and_settings(
    app: Flask, ada: Person, eve: Person, run: Callable[..., Result], tmp_path: Path
) -> None:
    post_id = ada.write_post(live="y")
    ada.add_update(post_id)
    eve.comment(post_id)
    logo = app.config["INSTANCE"] / "media" / "site" / "标志.svg"
    logo.write_bytes(b"<svg/>")
    (logo.parent / "link").symlink_to("/etc/passwd")
    try:
        said = done(run(tmp_path / "site.tar.gz"))
    finally:
        logo.unlink()
        (logo.parent / "link").unlink()
    assert "1 posts, 1 updates, 1 comments, 6 users, 1 media files" in said
    assert stat.S_IMODE((tmp_path / "site.tar.gz").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "site.tar.gz"]
    assert [info.name for info, _ in parts(tmp_path / "site.tar.gz")] == [
        "manifest.json", "pressroom.db", "media/site/标志.svg"
    ]  # fmt: skip
    said_of_it = manifest(tmp_path / "site.tar.gz")
    assert said_of_it["counts"] == {"posts": 1, "updates": 1, "comments": 1, "users": 6}
    assert said_of_it["settings"]["SITE_TITLE"] == "Pressroom"
    database = app.config["INSTANCE"] / "pressroom.db"
    assert content(unpacked(tmp_path / "site.tar.gz")) == content(database)
    assert in_instance(app) == set()


@pytest.mark.parametrize("name", ["a\nb", "\udcff", "/".join("d" * 30)])
def test_what_can_t_be_restored_is_not_written(
    app: Flask, run: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    file = app.config["INSTANCE"] / "media" / "site" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    try:
        said = failed(run(tmp_path / "x"))
    finally:
        file.unlink()
        if "/" in name:
            shutil.rmtree(app.config["INSTANCE"] / "media" / "site" / "d")
    assert "unexpected file: 'media/site/" in said
    assert "rename or remove it" in said
    assert list(tmp_path.iterdir()) == []


def test_no_secret_is_in_it_but_the_password_hashes(app: Flask, ada: Person, root: Person, tmp_path: Path) -> None:
    """Not even in what SQLite left of deleted rows."""
    assert root.post("/desk/people/invite", role="author").status_code == 200
    with closing(sqlite3.connect(app.config["INSTANCE"] / "pressroom.db")) as opened:
        opened.execute("INSERT INTO attempt (key, at) VALUES ('who tried', 1)")
        opened.execute("INSERT INTO about (name, title, body, html, version, changed_at) VALUES ('x', '', ?, '', 1, 1)",
                       ("withdrawn for ever",))  # fmt: skip
        opened.commit()
        opened.execute("PRAGMA secure_delete = OFF")
        opened.execute("DELETE FROM about")
        opened.commit()
        hashes = [row[0].encode() for row in opened.execute("SELECT sid_hash FROM session")]
        tokens = [row[0].encode() for row in opened.execute("SELECT token_hash FROM one_time_link")]
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    secrets = [*hashes, *tokens, b"who tried", b"withdrawn for ever"]
    assert hashes
    assert tokens
    whole = (app.config["INSTANCE"] / "pressroom.db").read_bytes()
    assert [secret for secret in secrets if secret not in whole] == [], "they are there to be found"
    key = (app.config["INSTANCE"] / "secret_key").read_bytes()
    everything = b"".join(written for _, written in parts(made(app, tmp_path / "x")))
    assert [secret for secret in [*secrets, key] if secret in everything] == []
    assert b"$argon2id$" in everything
    number = content(unpacked(tmp_path / "x"))["sqlite_sequence"]
    assert ("about", 1) in number, "the next row doesn't get the number of the deleted one"


@pytest.mark.parametrize("name", ["DATABASE_URL", "INSTANCE", "SMTP_PASSWORD"])
def test_a_setting_with_a_secret_is_left_out(app: Flask, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "SETTINGS", [*backup.SETTINGS, backup.SETTINGS[0].__class__(name, "", str, "")])
    assert name not in backup.in_force({name: "hunter2", "HTTP": "127.0.0.1:1"})
    assert backup.in_force({name: "hunter2", "HTTP": "127.0.0.1:1"}) == {"HTTP": "127.0.0.1:1"}


def test_it_is_one_moment_though_somebody_writes_at_every_step(
    app: Flask, ada: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy page by page would begin again after each."""
    monkeypatch.setattr(snapshots, "PROGRESS_STEPS", 100)
    post_id = ada.write_post(live="y")
    before = [f"Before {n}" for n in range(3)]
    for body in before:
        ada.add_update(post_id, body)
    steps: list[float] = []

    def write(fraction: float) -> None:
        steps.append(fraction)
        if len(steps) <= 50:
            ada.add_update(post_id, f"Meanwhile {len(steps)}")

    backup.make(tmp_path / "x", app.config, write)
    assert len(steps) > 10
    assert steps == sorted(steps), "it never began again"
    copied, written = bodies(unpacked(tmp_path / "x")), bodies(app.config["INSTANCE"] / "pressroom.db")
    assert len(written) == 3 + min(len(steps), 50)
    assert copied == written[: len(copied)]
    assert 3 <= len(copied) < len(written) // 2, "of a moment near the beginning"


@pytest.mark.slow
def test_every_update_acknowledged_before_it_began_is_in_it(app: Flask, ada: Person, tmp_path: Path) -> None:
    """The command as a process of its own, while an author goes on."""
    post_id = ada.write_post(live="y")
    written = [f"Update {n}" for n in range(10)]
    for body in written:
        ada.add_update(post_id, body)
    command = subprocess.Popen(
        [sys.executable, *COMMAND, str(tmp_path / "x")],
        env=os.environ | {"PRESSROOM_INSTANCE": str(app.config["INSTANCE"])},
        cwd=CHECKOUT,
        stderr=subprocess.DEVNULL,
    )
    while command.poll() is None:
        written.append(f"Update {len(written)}")
        ada.add_update(post_id, written[-1])
    assert command.returncode == 0
    found = bodies(unpacked(tmp_path / "x"))
    assert len(found) >= 10
    assert found == written[: len(found)]


def test_it_replaces_no_file(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "x").write_text("something else")
    assert "already exists" in failed(run(tmp_path / "x"))
    assert (tmp_path / "x").read_text() == "something else"
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    assert "already exists" in failed(run(tmp_path / "dead"))
    assert "isn't a folder" in failed(run(tmp_path / "no folder" / "x"))


def test_it_replaces_no_file_that_came_meanwhile(app: Flask, tmp_path: Path) -> None:
    def come(_fraction: float) -> None:
        (tmp_path / "x").write_text("something else")

    with pytest.raises(backup.CannotBackUp, match="already exists"):
        backup.make(tmp_path / "x", app.config, come)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["something else"]


def test_a_database_that_doesnt_answer_is_one_line(app: Flask, run: Callable[..., Result], tmp_path: Path) -> None:
    app.config["DATABASE_URL"] = "postgresql://ada:hunter2@127.0.0.1:1/pressroom"
    result = run(tmp_path / "x")
    assert "Connection refused" in failed(result)
    assert "hunter2" not in result.output


def test_it_says_which_instance_and_makes_none(app: Flask, run: Callable[..., Result], tmp_path: Path) -> None:
    result = run(tmp_path / "x")
    assert result.stderr.splitlines()[0] == f"Instance: {app.config['INSTANCE']}"
    app.config["INSTANCE"] = tmp_path / "site"
    assert "doesn't exist" in failed(run(tmp_path / "y"))
    assert not (tmp_path / "site").exists()


def test_a_damaged_database_is_no_backup(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    app = make_app()
    app.extensions["engine"].dispose()
    database = app.config["INSTANCE"] / "pressroom.db"
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA foreign_keys = OFF")
        opened.execute("INSERT INTO old_name VALUES ('nobodys', 4711)")
        opened.commit()
    with pytest.raises(backup.CannotBackUp, match="rows refer to what isn't there"):
        made(app, tmp_path / "x")
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("DELETE FROM old_name")
        opened.commit()
    lose_an_index_entry(database, "sqlite_autoindex_user_1")
    with pytest.raises(backup.CannotBackUp, match="missing from index"):
        made(app, tmp_path / "x")
    database.write_bytes(b"no database at all" * 1000)
    with pytest.raises(backup.CannotBackUp, match="can't be copied"):
        made(app, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert in_instance(app) == set()


def test_a_file_that_changes_meanwhile_is_said(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logo = app.config["INSTANCE"] / "media" / "site" / "logo.svg"
    logo.write_bytes(b"<svg/>")

    def change(fraction: float) -> None:
        logo.write_bytes(b"<SVG/>")

    try:
        with pytest.raises(backup.CannotBackUp, match=r"logo\.svg can't be used \(it was changed meanwhile"):
            backup.make(tmp_path / "x", app.config, lambda fraction: change(fraction) if fraction > 0.5 else None)
    finally:
        logo.unlink()
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_are_one_too_many(app: Flask, tmp_path: Path) -> None:
    held = try_lock(app.config["INSTANCE"] / "locks" / "backup")
    assert held
    with pytest.raises(backup.CannotBackUp, match="another backup is in progress"):
        made(app, tmp_path / "x")
    os.close(held)
    made(app, tmp_path / "x")


def test_killed_it_leaves_no_file_and_the_next_one_cleans_up(app: Flask, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from webapp import config; from webapp.ops import backup\n"
        "die = lambda fraction: fraction > 0.5 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "backup.make(Path(sys.argv[1]), config.read(), die)"
    )
    killed = program(app.config["INSTANCE"], "-c", code, str(tmp_path / "x"), cwd=tmp_path)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "x").exists()
    assert in_instance(app)
    made(app, tmp_path / "x")
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]
    assert in_instance(app) == set()


@pytest.mark.parametrize(
    ("full", "said"),
    [("away", "can't be used (No space left on device): free"), ("instance/tmp", "disk is full; free")],
)
def test_a_full_disk_is_one_line(app: Flask, tmp_path: Path, full: str, said: str) -> None:
    """The disk of the file, or that of the instance: a file system of 4 kB that nobody else sees."""
    (tmp_path / "instance").symlink_to(app.config["INSTANCE"])
    (tmp_path / "away").mkdir()
    script = f'mount -t tmpfs -o size=4k none {tmp_path / full} && "$@"; ls -A {tmp_path / full} >&2'
    ran = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", sys.executable, *COMMAND,
         tmp_path / "away" / "x"],
        env=os.environ | {"PRESSROOM_INSTANCE": str(app.config["INSTANCE"])},
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = ran.stderr.splitlines()
    assert lines[-1].startswith("Error: "), "the listing after it is empty"
    assert said in lines[-1]
    assert not (tmp_path / "away" / "x").exists()
    backup.make(tmp_path / "x", app.config, nothing)
