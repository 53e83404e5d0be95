"""Originals are kept whole, out of everybody's sight: in a folder, or on PostgreSQL in rows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from support import postgresql
from webapp.db import engine
from webapp.db.engine import DatabaseBusy, snapshot, transaction, transaction_beside
from webapp.media import storage
from webapp.media.storage import STORAGE, Folder, Storage
from webapp.models import OriginalPiece
from webapp.system import instance

NAME, OTHER = "0123456789abcdef", "fedcba9876543210"

in_rows = pytest.mark.skipif(not postgresql.IS_USED, reason="make test-postgresql runs it")


@pytest.fixture
def kept(app: Flask) -> Storage:
    return STORAGE.of(app)


@pytest.fixture
def in_folder(tmp_path: Path) -> Folder:
    instance.prepare(tmp_path / "instance")
    return Folder(tmp_path / "instance" / "originals")


def put(kept: Storage, name: str, path: Path, content: bytes = b"derby") -> None:
    path.write_bytes(content)
    kept.put(name, path)


def test_what_was_put_is_opened_listed_and_deleted(kept: Storage, tmp_path: Path) -> None:
    for name in (OTHER, NAME):
        put(kept, name, tmp_path / name)
    assert list(kept.list()) == [NAME, OTHER]
    with kept.open(NAME) as file:
        assert file.read() == b"derby"
        assert file.fileno()
    kept.delete(NAME)
    kept.delete(NAME)
    assert list(kept.list()) == [OTHER]
    with pytest.raises(FileNotFoundError):
        kept.open(NAME)


def test_it_is_kept_also_when_the_file_is_deleted_and_once_however_often(kept: Storage, tmp_path: Path) -> None:
    for _ in range(2):
        put(kept, NAME, tmp_path / "sent")
        (tmp_path / "sent").unlink()
    with kept.open(NAME) as file:
        assert file.read() == b"derby"


def test_only_the_site_itself_may_read_them(in_folder: Folder, tmp_path: Path) -> None:
    put(in_folder, NAME, tmp_path / "sent")
    path = in_folder.path(NAME)
    modes = [each.stat().st_mode & 0o777 for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


@pytest.mark.parametrize(
    "name", ["", "../../secret_key", "0123456789ABCDEF", f"{NAME}0", f"{NAME}\n", "01/3456789abcdef"]
)
def test_nothing_else_is_a_name(kept: Storage, name: str) -> None:
    for use in (kept.open, kept.delete, lambda name: kept.put(name, Path(__file__))):
        with pytest.raises(ValueError):
            use(name)


def test_a_link_is_not_followed(in_folder: Folder, tmp_path: Path) -> None:
    put(in_folder, NAME, tmp_path / "sent")
    in_folder.path(OTHER).parent.mkdir()
    in_folder.path(OTHER).symlink_to(in_folder.path(NAME))
    with pytest.raises(OSError):
        in_folder.open(OTHER)


# On PostgreSQL


@in_rows
def test_a_file_is_kept_in_pieces_and_the_folder_stays_empty(
    app: Flask, kept: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PIECE_BYTES", 1_000)
    content = bytes(range(256)) * 10
    put(kept, NAME, tmp_path / "sent", content)
    with kept.open(NAME) as file:
        assert file.read() == content
    with snapshot(app.extensions["engine"]) as session:
        lengths = select(func.length(OriginalPiece.content)).order_by(OriginalPiece.number)
        assert session.scalars(lengths).all() == [1_000, 1_000, 560]
    folder = app.config["INSTANCE"]
    assert not list((folder / "originals").iterdir())
    assert not list((folder / "tmp").iterdir())


@in_rows
def test_half_a_file_is_none(kept: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = storage._add

    def fail(session: Session, name: str, number: int, piece: bytes) -> bool:
        if number == 2:
            raise OSError
        return add(session, name, number, piece)

    monkeypatch.setattr(storage, "PIECE_BYTES", 2)
    monkeypatch.setattr(storage, "_add", fail)
    with pytest.raises(OSError):
        put(kept, NAME, tmp_path / "sent")
    assert list(kept.list()) == []
    monkeypatch.undo()
    put(kept, NAME, tmp_path / "sent")
    assert list(kept.list()) == [NAME]


@in_rows
def test_nobody_waits_for_a_file_but_whoever_sends_the_same(
    app: Flask, kept: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = app.extensions["engine"]
    with transaction(engine):
        put(kept, OTHER, tmp_path / "other")
    with transaction_beside(engine) as first:
        storage._add(first, NAME, 0, b"der")
        second = threading.Thread(target=put, args=(kept, NAME, tmp_path / "sent"))
        second.start()
        with transaction(engine) as session:
            session.execute(text("UPDATE post SET title = 'Meanwhile'"))
        assert list(kept.list()) == [OTHER]
        storage._add(first, NAME, 1, b"by")
    second.join(10)
    with kept.open(NAME) as file:
        assert file.read() == b"derby"


@in_rows
def test_whoever_sends_the_same_gives_up_after_a_while(
    app: Flask, kept: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction_beside(app.extensions["engine"]) as first:
        storage._add(first, NAME, 0, b"derby")
        monkeypatch.setattr(engine, "_READ", engine._READ.replace("'2s'", "'50ms'"))
        with pytest.raises(DatabaseBusy):
            put(kept, NAME, tmp_path / "sent")
