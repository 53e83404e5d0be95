"""Where the originals of pictures are kept: behind four verbs, so that several machines can share them.

Originals are the truth, as the database is; variants are made of them, as pages are of it. They lie outside `media/`,
which servers serve as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from flask import Flask

from ..app_key import AppKey
from ..system.instance import sync

FOLDER = "originals"
NAME = re.compile("[0-9a-f]{16}")


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


class Folder:
    """A Storage in a folder of this machine, 0700, with one folder below it for each first two digits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ValueError(name)
        return self._folder / name[:2] / name

    def put(self, name: str, file: Path) -> None:
        path = self.path(name)
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


STORAGE = AppKey[Storage]("storage")


def init_app(app: Flask) -> None:
    STORAGE.put(app, Folder(app.config["INSTANCE"] / FOLDER))
