"""Files on their way in."""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest

from webapp.media import uploads
from webapp.system import instance

UPLOAD = UUID(int=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    instance.prepare(tmp_path / "instance")
    return tmp_path / "instance"


def test_pieces_become_a_file(folder: Path) -> None:
    sent = uploads.Upload(folder, 1, UPLOAD)
    assert sent.received == 0
    assert [sent.write(0, BytesIO(b"der")), sent.write(3, BytesIO(b"by")), sent.write(0, BytesIO(b"der"))] == [3, 5, 5]
    assert sent.path.read_bytes() == b"derby"
    assert sent.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(uploads.Missing) as missing:
        sent.write(6, BytesIO(b"!"))
    assert missing.value.received == 5
    sent.delete()
    sent.delete()
    assert sent.received == 0


def test_what_is_on_its_way_counts_for_its_own_account(folder: Path) -> None:
    for user_id in (1, 11):
        uploads.Upload(folder, user_id, UPLOAD).write(0, BytesIO(b"derby"))
    assert [uploads.bytes_of(folder, user_id) for user_id in (1, 11, 2)] == [5, 5, 0]


def test_what_nobody_finishes_is_gone_after_a_day(folder: Path) -> None:
    old, new = (uploads.Upload(folder, 1, UUID(int=number)) for number in (1, 2))
    for sent in (old, new):
        sent.write(0, BytesIO(b"derby"))
    yesterday = time.time() - uploads.KEPT_SECONDS - 1
    os.utime(old.path, (yesterday, yesterday))
    uploads.sweep(folder)
    assert [old.received, new.received] == [0, 5]


def test_a_disk_has_room_down_to_its_floor(folder: Path) -> None:
    assert uploads.has_room(folder, 1, 0)
    assert not uploads.has_room(folder, 1, 10**18)
    assert not uploads.has_room(folder, 10**18, 0)
