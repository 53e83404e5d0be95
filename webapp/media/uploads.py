"""Pictures on their way in, by pieces: no server's bound on bodies has to change, and a lost network costs one piece.

A piece that comes again is the same bytes in the same place. What nobody finishes is gone after a day.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO
from uuid import UUID

PIECE_BYTES = 512 * 1024
KEPT_SECONDS = 86_400
FOLDER = "uploads"


class Missing(Exception):
    """A piece that doesn't begin where the last one ended: `received` bytes are there."""

    def __init__(self, received: int) -> None:
        super().__init__(received)
        self.received = received


class Upload:
    """One file of one account."""

    def __init__(self, instance: Path, user_id: int, upload: UUID) -> None:
        self._folder = instance / "tmp" / FOLDER
        self.path = self._folder / f"{user_id}-{upload}"

    def write(self, offset: int, piece: IO[bytes]) -> int:
        """Put the piece there; the bytes received until now. Raises Missing, OSError on a full disk."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            received = file.seek(0, os.SEEK_END)
            if offset > received:
                raise Missing(received)
            file.seek(offset)
            shutil.copyfileobj(piece, file)
            return max(received, file.tell())

    @property
    def received(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)


def bytes_of(instance: Path, user_id: int) -> int:
    """Of all files of an account that are on their way."""
    return sum(_size(file) for file in (instance / "tmp" / FOLDER).glob(f"{user_id}-*"))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def sweep(instance: Path) -> None:
    """Delete what nobody has sent a piece of for a day."""
    for file in (instance / "tmp" / FOLDER).glob("*-*"):
        try:
            if time.time() - file.stat().st_mtime > KEPT_SECONDS:
                file.unlink()
        except FileNotFoundError:
            continue


def forget(instance: Path, original: IO[bytes]) -> None:
    """Delete what has arrived until now of this file, whoever sends it."""
    for file in (instance / "tmp" / FOLDER).glob("*-*"):
        original.seek(0)
        with suppress(FileNotFoundError), file.open("rb") as received:
            if all(piece == original.read(len(piece)) for piece in iter(partial(received.read, PIECE_BYTES), b"")):
                file.unlink()


def has_room(instance: Path, size: int, floor_bytes: int) -> bool:
    """Whether the disk has more than its floor left with so many bytes more."""
    return shutil.disk_usage(instance).free - size >= floor_bytes
