"""`pressroom restore FILE`: all of it into an empty instance, or nothing."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from support.apps import settings_for
from support.archives import Parts, add_migration, content, made, nothing, parts, repacked
from support.checkout import CHECKOUT
from support.commands import done, failed
from support.persons import Person
from support.photos import photo, send
from support.programs import ORDINARY
from support.uwsgi_server import UwsgiServer
from webapp import cli, create_app, db
from webapp.db import schema
from webapp.ops import restore, setup
from webapp.pages import versions
from webapp.system import epoch, instance
from webapp.system.locks import try_lock

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'


@pytest.fixture
def archive(app: Flask, ada: Person, eve: Person, tmp_path: Path) -> Path:
    """Of a site with a bit of everything."""
    post_id = ada.write_post(title="The derby", live="y", tags="football")
    ada.add_update(post_id, "Goal *1:0*")
    eve.comment(post_id)
    (tmp_path / "imported.md").write_text("---\ndraft: true\npermalink: /old\n---\nText.")
    done(app.test_cli_runner().invoke(args=["import", str(tmp_path / "imported.md"), "--author", "ada"]))
    logo = app.config["INSTANCE"] / "media" / "site" / "logo.svg"
    logo.write_bytes(LOGO)
    (tmp_path / "work").mkdir()
    try:
        return made(app, tmp_path / "site.tar.gz")
    finally:
        logo.unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where it is restored to; it isn't there yet."""
    return tmp_path / "work" / "restored"


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(folder))
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    return lambda *args: CliRunner().invoke(cli.main, list(map(str, args)))


def initialised(folder: Path) -> None:
    """By a process that has ended since, so that nobody has the database open."""
    program = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "webapp", "init"],
        env=os.environ | {"PRESSROOM_INSTANCE": str(folder)}, cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert program.returncode == 0, program.stderr


def tree(folder: Path) -> dict[str, object]:
    """Everything that is kept, folders as None, a database as what is in it. Locks and places for work aren't."""
    kept = [path for path in folder.rglob("*") if not {"locks", "tmp", "pages"} & set(path.relative_to(folder).parts)]
    ours = [path for path in kept if not path.name.endswith(("-wal", "-shm", ".fifo"))]
    return {str(path.relative_to(folder)): _what_is(path) for path in ours}


def _what_is(path: Path) -> object:
    if path.suffix == ".db" and path.stat().st_size:
        return content(path)
    return path.read_bytes() if path.is_file() else None


def refused(archive: Path, folder: Path) -> str:
    """Why; and that it left nothing of itself."""
    before = tree(folder.parent)
    with pytest.raises(restore.CannotRestore) as error:
        restore.restore(archive, settings_for(folder), nothing)
    assert tree(folder.parent) == before
    said = str(error.value)
    assert len(said.splitlines()) == 1
    if said.startswith(str(archive)):  # it is the archive's fault, so a look at it says the same
        with pytest.raises(restore.CannotRestore, match=re.escape(said)):
            restore.verify(archive, nothing)
        assert tree(folder.parent) == before
    return said


def test_an_archive_is_verified_without_an_instance(archive: Path, folder: Path, run: Callable[..., Result]) -> None:
    said = done(run("backup", "--verify", archive))
    assert f"{archive} is complete and can be restored: as of 20" in said
    assert "2 posts, 1 updates, 1 comments, 6 users, 1 media files." in said
    assert not folder.exists()
    archive.write_bytes(archive.read_bytes()[:-10])
    assert "is damaged, truncated or packed by another program" in failed(run("backup", "--verify", archive))


@pytest.mark.parametrize("command", [["backup", "--verify"], ["restore"]])
def test_one_that_is_stopped_leaves_nothing(archive: Path, folder: Path, tmp_path: Path, command: list[str]) -> None:
    """By SIGTERM, as systemd stops it."""
    waiting = "import time; from webapp.ops import snapshots; from webapp.cli import main\n"
    waiting += "def wait(*_arguments): print('unpacked', flush=True); time.sleep(60)\n"
    waiting += "snapshots.facts = wait; main()"
    (tmp_path / "tmp").mkdir()
    variables = {"PRESSROOM_INSTANCE": str(folder), "TMPDIR": str(tmp_path / "tmp"), "FLASK_RUN_FROM_CLI": "true"}
    with subprocess.Popen(
        [sys.executable, "-c", waiting, *command, str(archive)],
        cwd=CHECKOUT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert "unpacked" in process.stdout.readline()
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not folder.exists()


def test_where_there_is_no_room_for_verifying_tmpdir_is_named(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "SPARE_BYTES", 10**15)
    with pytest.raises(restore.CannotRestore, match=r"MB are free in /.*: free some space there, or set TMPDIR"):
        restore.verify(archive, nothing)
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(restore.CannotRestore, match=r"nowhere/pressroom-verify-\w+ can't be used"):
        restore.verify(archive, nothing)


def test_without_isa_l_zlib_packs(app: Flask, ada: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And either reads the other's."""
    ada.write_post()
    monkeypatch.setitem(sys.modules, "isal", None)
    restore.verify(made(app, tmp_path / "zlib.tar.gz"), nothing)
    monkeypatch.undo()
    restore.verify(made(app, tmp_path / "isal.tar.gz"), nothing)
    sizes = [(tmp_path / f"{name}.tar.gz").stat().st_size for name in ("zlib", "isal")]
    assert max(sizes) < 1.5 * min(sizes)


# What comes back


def test_pictures_come_back_by_their_originals(
    app: Flask, ada: Person, folder: Path, run: Callable[..., Result], tmp_path: Path
) -> None:
    told = send(ada, photo()).json
    post_id = ada.write_post(body=told["markdown"])
    archived = made(app, tmp_path / "pictures.tar.gz")
    names = [info.name for info, _ in parts(archived)]
    assert names == ["manifest.json", "pressroom.db", f"originals/{told['name'][:2]}/{told['name']}"]
    instance.prepare(folder)
    (folder / "media" / "pictures" / "0123456789abcdef-480.webp").touch()  # of another database
    done(run("restore", archived))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder / "originals").rglob("*")}
    assert modes == {told["name"][:2]: 0o700, told["name"]: 0o600}
    assert stat.S_IMODE((folder / "originals").stat().st_mode) == 0o700
    assert not list((folder / "media" / "pictures").iterdir())
    restored = create_app(settings_for(folder))
    page = restored.test_client().get(f"/post/{post_id}").text
    assert told["thumbnail"] in page
    with restored.test_client().get(told["thumbnail"]) as answer:
        assert answer.status_code == 200
    restored.extensions["engine"].dispose()


def test_originals_are_never_written_over(
    app: Flask, ada: Person, folder: Path, run: Callable[..., Result], tmp_path: Path
) -> None:
    send(ada, photo())
    archived = made(app, tmp_path / "pictures.tar.gz")
    (folder / "originals" / "01").mkdir(parents=True)
    (folder / "originals" / "01" / "0123456789abcdef").touch()
    assert "isn't empty (it has originals/01/0123456789abcdef)" in failed(run("restore", archived))


def test_the_restored_site_is_the_same(
    app: Flask, archive: Path, folder: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_SITE_TITLE", "Another")
    said = done(run("restore", archive))
    assert "2 posts, 1 updates, 1 comments, 6 users, 1 media files" in said
    assert "Everyone has to log in again" in said
    assert "PRESSROOM_SITE_TITLE was 'Pressroom', and here it is 'Another'" in said
    assert content(folder / "pressroom.db") == content(app.config["INSTANCE"] / "pressroom.db")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert (modes["pressroom.db"], modes["media"], modes["site"], modes["logo.svg"]) == (0o600, 0o755, 0o755, 0o644)
    assert not (folder / restore.STAGING).exists()
    restored = create_app(settings_for(folder))
    assert "Goal <em>1:0</em>" in restored.test_client().get("/post/1").text
    with restored.test_client().get("/media/site/logo.svg") as answer:
        assert answer.data == LOGO
    ada = Person(restored)
    assert ada.log_in("ada").status_code == 302
    ada.add_update(1, "And on it goes")
    assert "The <mark>derby</mark>" in restored.test_client().get("/search?q=derby").text
    restored.extensions["engine"].dispose()


def test_a_session_from_before_is_none(app: Flask, archive: Path, folder: Path, ada: Person) -> None:
    assert ada.get("/me").json["signed_in"]
    restore.restore(archive, settings_for(folder), nothing)
    shutil.copy(app.config["INSTANCE"] / "secret_key", folder)
    restored = create_app(settings_for(folder))
    client = restored.test_client()
    cookie = ada.client.get_cookie("session", domain="127.0.0.1")
    assert cookie
    client.set_cookie("session", cookie.value, domain="127.0.0.1")
    assert client.get("/me").json["signed_in"] is False  # type: ignore[index]
    restored.extensions["engine"].dispose()


def test_it_goes_onto_an_instance_that_holds_nothing(archive: Path, folder: Path, run: Callable[..., Result]) -> None:
    initialised(folder)
    done(run("restore", archive))
    assert len(content(folder / "pressroom.db")["user"]) == 6


@pytest.mark.slow
@pytest.mark.parametrize("age", ["of the same second", "from the future"])
def test_no_page_is_served_that_was_made_before(
    app: Flask, archive: Path, folder: Path, run: Callable[..., Result], age: str
) -> None:
    """Neither from a former site in that folder, nor, as its time is younger, from a browser's memory."""
    initialised(folder)
    former = create_app(settings_for(folder))
    assert "Nothing published yet" in former.test_client().get("/").text
    former.extensions["engine"].dispose()
    page = folder / "pages" / "index.html"
    with app.app_context():
        version = versions.expected(db.reading(), ["/"])["/"]
    assert version
    seconds = version + (3600 if age == "from the future" else 0)
    os.utime(page, (seconds, seconds))
    assert "Nothing published yet" in page.read_text()
    done(run("restore", archive))
    assert not page.exists() or "The derby" in page.read_text()
    restored = create_app(settings_for(folder))
    assert "The derby" in restored.test_client().get("/").text
    assert page.stat().st_mtime > seconds
    assert restored.config["EPOCH"] > epoch.FIRST, "positions from before, also of a lost machine, mean nothing here"
    restored.extensions["engine"].dispose()


def test_an_older_schema_is_upgraded(
    archive: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_migration(tmp_path / "migrations", monkeypatch, 'op.execute("CREATE TABLE added (id INTEGER)")')
    restore.restore(archive, settings_for(folder), nothing)
    found = content(folder / "pressroom.db")
    assert found["alembic_version"] == [("9999", schema.OLDEST)]
    assert found["added"] == []
    assert len(found["update"]) == 1


def describe(manifest: dict[str, Any], parts: Parts) -> None:
    """Let the manifest say what is in it after all."""
    manifest["members"] = [
        {"name": info.name, "size": len(written), "sha256": sha256(written).hexdigest()} for info, written in parts
    ]


def test_pages_that_can_t_be_renewed_yet_are_left_to_the_next_start(
    archive: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_settings: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(restore, "renew_pages", full)
    assert "Restored as of" in done(run("restore", archive))


# What is refused


def test_a_truncated_archive(archive: Path, folder: Path) -> None:
    whole = archive.read_bytes()
    short = archive.with_name("short")
    for length in [*range(0, len(whole), len(whole) // 40), *range(len(whole) - 12, len(whole))]:
        short.write_bytes(whole[:length])
        assert "Nothing was changed" in refused(short, folder), length
    short.write_bytes(whole)
    restore.restore(short, settings_for(folder), nothing)


def test_a_bit_flipped(archive: Path, folder: Path) -> None:
    whole = archive.read_bytes()
    header_bytes = 10  # gzip's, with a time that nobody reads
    same = 0
    for place in [*range(header_bytes, len(whole), len(whole) // 60), len(whole) - 1]:
        flipped = whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        if unpacked(flipped) == unpacked(whole):  # a bit that fills a byte, or is of a code that nothing uses
            same += 1
            continue
        archive.write_bytes(flipped)
        assert "Nothing was changed" in refused(archive, folder), place
    assert same <= 12, "of 61"


def unpacked(archive: bytes) -> bytes | None:
    try:
        return gzip.decompress(archive)
    except (OSError, EOFError, zlib.error):
        return None


def test_what_is_no_archive_of_ours(tmp_path: Path, archive: Path, folder: Path) -> None:
    with tarfile.open(tmp_path / "foreign.tar.gz", "w:gz") as tar:
        tar.add(CHECKOUT / "README.md", "README.md")
    with tarfile.open(tmp_path / "plain.tar", "w") as tar:
        tar.add(CHECKOUT / "README.md", "README.md")
    (tmp_path / "empty").touch()
    for name in ("foreign.tar.gz", "plain.tar", "empty"):
        assert refused(tmp_path / name, folder) == (f"{tmp_path / name} isn't a Pressroom backup. Nothing was changed.")
    assert "can't be read (No such file" in refused(tmp_path / "nowhere", folder)
    assert "isn't a file" in refused(tmp_path, folder)
    for changes in ({"pressroom": "?"}, {"members": 1}, {"members": [{}]}, {"counts": [1]}, {"made_at": "now"}):
        file = repacked(archive, tmp_path / "changed", lambda manifest, _, changes=changes: manifest.update(changes))  # type: ignore[misc]
        assert "isn't a Pressroom backup" in refused(file, folder), changes


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "media/../../evil", "media/./x", "media//x", "other", "media", "media/", "media/site",
     "media\\..\\x", "locks/x", "secret_key", "media/a\nb", ""],
)  # fmt: skip
def test_a_name_that_leads_elsewhere(archive: Path, folder: Path, name: str) -> None:
    def evil(manifest: dict[str, Any], parts: Parts) -> None:
        parts.append((tarfile.TarInfo(name), b"evil"))
        describe(manifest, parts)

    assert "lists an unexpected file" in refused(repacked(archive, archive.with_name("evil"), evil), folder)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("announced", [True, False])
def test_what_is_no_file(archive: Path, folder: Path, kind: bytes, announced: bool) -> None:
    def evil(manifest: dict[str, Any], parts: Parts) -> None:
        info = tarfile.TarInfo("media/site/evil")
        info.type, info.linkname = kind, "../../pressroom.db"
        parts.insert(1, (info, b""))
        if announced:
            describe(manifest, parts)

    said = "is damaged, truncated or packed by another program"
    assert said in refused(repacked(archive, archive.with_name("evil"), evil), folder)


def larger(manifest: dict[str, Any], parts: Parts) -> None:
    parts[1] = (parts[1][0], b"x" * 30_000_000)


def another_size(manifest: dict[str, Any], _: Parts) -> None:
    manifest["members"][0]["size"] += 1


def another_hash(manifest: dict[str, Any], _: Parts) -> None:
    manifest["members"][1]["sha256"] = "0" * 64


def another_count(manifest: dict[str, Any], _: Parts) -> None:
    manifest["counts"]["posts"] += 1


def another_schema(manifest: dict[str, Any], _: Parts) -> None:
    manifest["schema"] = "0001"


def one_too_many(_: dict[str, Any], parts: Parts) -> None:
    parts.append(parts[1])


def one_missing(_: dict[str, Any], parts: Parts) -> None:
    parts.pop()


def no_database(manifest: dict[str, Any], parts: Parts) -> None:
    parts[0] = (parts[0][0], b"no database" * 1000)
    describe(manifest, parts)


def damaged_database(manifest: dict[str, Any], parts: Parts) -> None:
    whole = parts[0][1]
    parts[0] = (parts[0][0], whole[:8192] + b"\xff" * 4096 + whole[12288:])
    describe(manifest, parts)


def newer_format(manifest: dict[str, Any], _: Parts) -> None:
    manifest.update(format=2, version="9.9")


def newer_schema(manifest: dict[str, Any], _: Parts) -> None:
    manifest.update(schema="9999", version="9.9")


def enormous(manifest: dict[str, Any], _: Parts) -> None:
    manifest["members"][0]["size"] = 10**15


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (larger, "doesn't match its manifest: 'media/site/logo.svg'"),
        (another_size, "doesn't match its manifest: 'pressroom.db'"),
        (another_hash, "is damaged: 'media/site/logo.svg'"),
        (another_count, "doesn't match its manifest: pressroom.db"),
        (another_schema, "doesn't match its manifest: pressroom.db"),
        (one_too_many, "doesn't match its manifest"),
        (one_missing, "is damaged, truncated"),
        (no_database, "the database can't be read: file is not a database"),
        (damaged_database, "can't be restored: the database"),
        (newer_format, "was made by a newer Pressroom (9.9): install that version first"),
        (newer_schema, "was made by a newer Pressroom (9.9, schema 9999): install that version first"),
        (enormous, ": free some space"),
    ],
)
def test_what_its_manifest_doesn_t_say(
    archive: Path, folder: Path, change: Callable[[dict[str, Any], Parts], None], said: str
) -> None:
    assert said in refused(repacked(archive, archive.with_name("changed"), change), folder)


# Where it is refused


def test_a_filled_instance(app: Flask, archive: Path, folder: Path, run: Callable[..., Result]) -> None:
    done(run("restore", archive))
    before = tree(folder)
    said = failed(run("restore", archive))
    assert f"{folder} isn't empty (it has media/site/logo.svg)" in said
    (folder / "media" / "site" / "logo.svg").unlink()
    assert "isn't empty (2 posts, 6 accounts, 0 site pages)" in failed(run("restore", archive))
    (folder / "media" / "site" / "logo.svg").write_bytes(LOGO)
    assert tree(folder) == before


def test_a_database_of_something_else(archive: Path, folder: Path) -> None:
    instance.prepare(folder)
    with closing(sqlite3.connect(folder / "pressroom.db")) as opened:
        opened.execute("CREATE TABLE mine (id)")
    assert "isn't empty (a database of another kind" in refused(archive, folder)


@pytest.mark.slow
def test_a_running_site(archive: Path, folder: Path) -> None:
    with UwsgiServer(folder):
        said = refused(archive, folder)
    assert said.startswith(f"a site is already running on {folder}: restore into another folder with PRESSROOM_INST")
    restore.restore(archive, settings_for(folder), nothing)


@pytest.mark.parametrize(
    ("lock", "said"), [("healer", "a site runs on it: stop it first"), ("restore", "another restore is in progress")]
)
def test_a_site_under_another_server_or_another_restore(archive: Path, folder: Path, lock: str, said: str) -> None:
    instance.prepare(folder)
    held = try_lock(folder / "locks" / lock)
    assert held
    assert said in refused(archive, folder)
    os.close(held)
    restore.restore(archive, settings_for(folder), nothing)


def test_whoever_has_the_database_open_is_not_pulled_the_rug_from_under(archive: Path, folder: Path) -> None:
    initialised(folder)
    app = create_app(settings_for(folder))
    with app.app_context():
        assert db.reading().connection()
        assert "(database is locked): stop what uses it" in refused(archive, folder)
    app.extensions["engine"].dispose()
    restore.restore(archive, settings_for(folder), nothing)
    assert len(content(folder / "pressroom.db")["user"]) == 6


@pytest.mark.parametrize("url", ["postgresql://ada:hunter2@localhost/pressroom", "sqlite:////somewhere/else.db"])
def test_a_database_elsewhere(archive: Path, folder: Path, url: str) -> None:
    with pytest.raises(restore.CannotRestore, match="unset PRESSROOM_DATABASE_URL") as error:
        restore.restore(archive, settings_for(folder, DATABASE_URL=url), nothing)
    assert "hunter2" not in str(error.value)
    assert not folder.exists()


def test_somebody_else_s_instance(archive: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance.prepare(folder)
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert "belongs to" in refused(archive, folder)


def test_a_folder_that_can_t_be_written(archive: Path, folder: Path) -> None:
    folder.parent.chmod(0o500)
    command = [*ORDINARY, sys.executable, "-m", "flask", "--app", "webapp", "restore", archive]
    environ = os.environ | {"PRESSROOM_INSTANCE": str(folder)}
    ran = subprocess.run(command, env=environ, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    folder.parent.chmod(0o700)
    assert ran.stderr.splitlines()[-1].startswith(f"Error: {folder} can't be created or used (Permission denied)")


def test_a_full_disk(archive: Path, folder: Path) -> None:
    """A file system of 150 kB that nobody else sees; the database is larger."""
    folder.mkdir()
    command = f'mount -t tmpfs -o size=150k none {folder} && "$@"; find {folder} -type f'
    code = (
        "import sys; from pathlib import Path; from webapp import config; from webapp.ops import restore\n"
        "restore.SPARE_BYTES = -10**9\n"
        "try: restore.restore(Path(sys.argv[1]), config.read(), lambda fraction: None)\n"
        "except restore.CannotRestore as error: print(error)"
    )
    ran = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command, "sh", sys.executable, "-c", code, archive],
        env=os.environ | {"PRESSROOM_INSTANCE": str(folder)},
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said, *left = ran.stdout.splitlines()
    assert said.endswith("free some space, or see its owner"), ran.stderr
    assert "No space left on device" in said
    assert [name for name in left if "/locks/" not in name] == []


# Killed


def test_the_start_goes_on_with_an_interrupted_one(
    archive: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_folder: Path, _database: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(restore, "_place", interrupted)
        restore.restore(archive, settings_for(folder), nothing)
    assert setup.initialise(settings_for(folder)) is None, "its people are there"
    assert len(content(folder / "pressroom.db")["user"]) == 6


def deep(left: Path) -> None:
    """Deeper than Python's recursion, and longer than a path may be."""
    here = os.open(left.parent, os.O_RDONLY)
    for name in (left.name, *["d" * 50] * 2_000):
        os.mkdir(name, 0o500, dir_fd=here)
        os.chmod(name, 0o700, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)


def closed(left: Path) -> None:
    (left / "a" / "b").mkdir(parents=True)
    (left / "a" / "b" / "file").touch()
    for path in (left / "a" / "b", left / "a", left):
        path.chmod(0)


def linked(left: Path) -> None:
    left.mkdir()
    (left / "media").symlink_to(left.parent / "media")
    (left / "ready").symlink_to(left.parent / "secret_key")


@pytest.mark.slow
@pytest.mark.parametrize(
    "leave",
    [
        Path.touch,
        os.mkfifo,
        deep,
        closed,
        linked,
        lambda left: left.symlink_to("nowhere"),
        lambda left: left.symlink_to(left.parent / "media"),
        lambda left: (left / "ready").mkdir(parents=True),
    ],
    ids=["file", "fifo", "deep", "closed", "links", "dangling", "link", "folder"],
)
def test_whatever_another_one_left_is_in_nobodys_way(
    archive: Path, folder: Path, run: Callable[..., Result], leave: Callable[[Path], None]
) -> None:
    instance.prepare(folder)
    key = instance.secret_key(folder)
    leave(folder / restore.STAGING)
    try:
        done(run("restore", archive))
        assert not os.path.lexists(folder / restore.STAGING)
        leave(folder / restore.STAGING)
        done(run("init"))
        assert not os.path.lexists(folder / restore.STAGING)
    finally:  # pytest couldn't remove it either
        subprocess.run(["rm", "-rf", folder / restore.STAGING], check=True)
    assert (folder / "secret_key").read_bytes() == key
    assert len(content(folder / "pressroom.db")["user"]) == 6


def test_what_can_t_be_removed_is_named_and_never_put_in_place_by_half(
    folder: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    done(run("init"))
    (folder / "media" / "site" / "mine.svg").touch()
    for name in ("ready", "pressroom.db", "media/site/theirs.svg"):
        (folder / restore.STAGING / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / restore.STAGING / name).touch()

    def refuse(path: Path) -> None:
        if path.name == restore.STAGING:
            raise PermissionError(13, "Permission denied", str(path))
        path.unlink()

    monkeypatch.setattr(restore, "_remove", refuse)
    assert f"{folder / restore.STAGING} (Permission denied)" in failed(run("init"))
    assert not (folder / restore.STAGING / "ready").exists()


@pytest.mark.slow
def test_killed_at_any_step_it_leaves_all_as_it_was_or_goes_on(archive: Path, folder: Path, tmp_path: Path) -> None:
    initialised(folder)
    before = tree(folder)
    script = [sys.executable, "-W", "error", "-m", "support.restores_killed"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "tests")])}
    (tmp_path / "killed").mkdir()
    subprocess.run([*script, archive, folder, tmp_path / "killed"], env=environ, check=True)
    results = []
    for left in sorted((tmp_path / "killed").iterdir(), key=lambda path: int(path.name)):
        instance.prepare(left)
        restore.finish(settings_for(left))
        assert not (left / restore.STAGING).exists()
        after = tree(left)
        results.append("restored" if "media/site/logo.svg" in after else "as it was")
        if results[-1] == "as it was":
            assert after == before, left
        else:
            assert len(content(left / "pressroom.db")["user"]) == 6
            assert after["media/site/logo.svg"] == LOGO
        shutil.rmtree(left)
    assert results == sorted(results), "from a certain step on it goes forward"
    assert results.count("as it was") > 5
    assert results.count("restored") > 5
