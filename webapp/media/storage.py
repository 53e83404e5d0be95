"""Where the originals of pictures are kept: behind four verbs, so that several machines can share them.

Originals are the truth, as the database is; variants are made of them, as pages are of it. They lie outside `media/`,
which servers serve as it is.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, Protocol

from flask import Flask
from sqlalchemy import Engine, Select, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from .. import db
from ..app_key import AppKey
from ..db.engine import snapshot, transaction_beside
from ..models import OriginalPiece
from ..system.instance import sync
from ..system.server import off_hub

FOLDER = "originals"
NAME = re.compile("[0-9a-f]{16}")
PIECE_BYTES = 1_000_000


class Storage(Protocol):
    """Files by the names of pictures: 16 hexadecimal digits of the content's SHA-256. None is ever changed."""

    def put(self, name: str, file: Path) -> None:
        """Keep the whole file, which stays where it is; it survives a power cut from here on. Again it does nothing."""

    def open(self, name: str) -> BinaryIO:
        """A file with a descriptor. Raises FileNotFoundError."""

    def delete(self, name: str) -> None:
        """Also where it isn't."""

    def list(self) -> Iterator[str]:
        """The names, in their order."""


def checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(name)
    return name


class Folder:
    """A Storage in a folder of this machine, 0700, with one folder below it for each first two digits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        return self._folder / checked(name)[:2] / name

    def put(self, name: str, file: Path) -> None:
        off_hub(self._put, self.path(name), file)  # it waits for the disk

    def _put(self, path: Path, file: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        file.chmod(0o600)
        sync(file)
        with suppress(FileExistsError):
            os.link(file, path)
        sync(path.parent)
        sync(self._folder)

    def open(self, name: str) -> BinaryIO:
        return os.fdopen(os.open(self.path(name), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")

    def delete(self, name: str) -> None:
        path = self.path(name)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync(path.parent)

    def list(self) -> Iterator[str]:
        for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(file.name for file in folder.iterdir() if NAME.fullmatch(file.name))


class Rows:
    """A Storage in the database, PostgreSQL's, which several machines share.

    No piece of a file is there before all are. Nobody who writes something else waits meanwhile.
    """

    def __init__(self, engine: Engine, temporary: Path) -> None:
        self._engine, self._temporary = engine, temporary

    def put(self, name: str, file: Path) -> None:
        with file.open("rb") as content, transaction_beside(self._engine) as session:
            for number in count():
                piece = content.read(PIECE_BYTES)
                if not piece or not _add(session, checked(name), number, piece):
                    break

    def open(self, name: str) -> BinaryIO:
        with tempfile.TemporaryFile(dir=self._temporary) as file:
            with snapshot(self._engine) as session:
                for number in count():
                    piece = session.scalar(_piece(name, number))
                    if piece is None:
                        break
                    file.write(piece)
            if not file.tell():
                raise FileNotFoundError(name)
            file.seek(0)
            return os.fdopen(os.dup(file.fileno()), "rb")

    def delete(self, name: str) -> None:
        with transaction_beside(self._engine) as session:
            session.execute(delete(OriginalPiece).where(OriginalPiece.name == checked(name)))

    def list(self) -> Iterator[str]:
        with snapshot(self._engine) as session:
            first = select(OriginalPiece.name).where(OriginalPiece.number == 0).order_by(OriginalPiece.name)
            names = session.scalars(first).all()
        yield from names


def _add(session: Session, name: str, number: int, piece: bytes) -> bool:
    """False where it is. It waits for whoever puts the same file, and doesn't need it any more then."""
    row = insert(OriginalPiece).values(name=name, number=number, content=piece).on_conflict_do_nothing()
    return session.scalar(row.returning(OriginalPiece.number)) is not None


def _piece(name: str, number: int) -> Select[bytes]:
    of_file = OriginalPiece.name == checked(name), OriginalPiece.number == number
    return select(OriginalPiece.content).where(*of_file)


STORAGE = AppKey[Storage]("storage")


def init_app(app: Flask) -> None:
    STORAGE.put(app, of(db.ENGINE.of(app), app.config["INSTANCE"]))


def of(engine: Engine, instance: Path) -> Storage:
    """Where a site with this database keeps them."""
    is_shared = engine.dialect.name == "postgresql"
    return Rows(engine, instance / "tmp") if is_shared else Folder(instance / FOLDER)
