"""Originals are kept whole, out of everybody's sight."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.media.storage import Folder
from webapp.system import instance

NAME, OTHER = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def kept(tmp_path: Path) -> Folder:
    instance.prepare(tmp_path / "instance")
    return Folder(tmp_path / "instance" / "originals")


def put(kept: Folder, name: str, path: Path, content: bytes = b"derby") -> None:
    path.write_bytes(content)
    kept.put(name, path)


def test_what_was_put_is_opened_listed_and_deleted(kept: Folder, tmp_path: Path) -> None:
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


def test_it_is_kept_also_when_the_file_is_deleted_and_once_however_often(kept: Folder, tmp_path: Path) -> None:
    for _ in range(2):
        put(kept, NAME, tmp_path / "sent")
        (tmp_path / "sent").unlink()
    with kept.open(NAME) as file:
        assert file.read() == b"derby"


def test_only_the_site_itself_may_read_them(kept: Folder, tmp_path: Path) -> None:
    put(kept, NAME, tmp_path / "sent")
    path = kept.path(NAME)
    modes = [each.stat().st_mode & 0o777 for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


@pytest.mark.parametrize(
    "name", ["", "../../secret_key", "0123456789ABCDEF", f"{NAME}0", f"{NAME}\n", "01/3456789abcdef"]
)
def test_nothing_else_is_a_name(kept: Folder, name: str) -> None:
    for use in (kept.open, kept.delete, kept.path):
        with pytest.raises(ValueError):
            use(name)


def test_a_link_is_not_followed(kept: Folder, tmp_path: Path) -> None:
    put(kept, NAME, tmp_path / "sent")
    kept.path(OTHER).parent.mkdir()
    kept.path(OTHER).symlink_to(kept.path(NAME))
    with pytest.raises(OSError):
        kept.open(OTHER)
