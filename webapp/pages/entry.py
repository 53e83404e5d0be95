"""One page's entry in the page store, held open while the page is rendered: a version is put there, or removed."""

from __future__ import annotations

import contextlib
import gzip
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from .paths import VERSIONS, PagePath

GZIP_LEVEL = 5


@dataclass(frozen=True)
class Entry:
    """An open entry of the store whose folder is `root`, within `tree`."""

    root: Path
    tree: Path
    path: PagePath
    descriptor: int

    def put(self, version: int, content: bytes) -> None:
        """Make this the page, whole or not at all."""
        if not self.path.link:
            self._put_front(version, content)
            return
        token = secrets.token_hex(16)
        folder = make_folder(self.root / VERSIONS / token)
        link = retired(self.root)
        try:
            _write(folder / self.path.file, version, content)
            link.symlink_to(self.path.in_version(token))
            before = self._target()
            os.replace(link, self.path.name, dst_dir_fd=self.descriptor)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._retire(before)

    def _put_front(self, version: int, content: bytes) -> None:
        """The twin first: an old page with a new time would be kept by browsers."""
        draft = retired(self.root)
        _write(draft, version, content)
        Path(f"{draft}.gz").replace(self.tree / "index.html.gz")
        draft.replace(self.tree / "index.html")

    def remove(self) -> None:
        if not self.path.link:
            (self.tree / "index.html").unlink(missing_ok=True)
            (self.tree / "index.html.gz").unlink(missing_ok=True)
            return
        before = self._target()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path.name, dir_fd=self.descriptor)
        self._retire(before)

    def _target(self) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            return os.readlink(self.path.name, dir_fd=self.descriptor)
        return None

    def _retire(self, target: str | None) -> None:
        """Where there is no room even for this, `sweep_orphans` finds it later."""
        if target and ".versions/" in target:
            with contextlib.suppress(OSError):
                retired(self.root).symlink_to(target)


def retired(root: Path) -> Path:
    """A name under which something may wait for its end."""
    return root / ".retired" / f"{int(time.time())}-{secrets.token_hex(8)}"


def packed(content: bytes, mtime: int = 0) -> bytes:
    return gzip.compress(content, GZIP_LEVEL, mtime=mtime)


def _write(file: Path, version: int, content: bytes) -> None:
    """The file and its twin. Not synced: after a power cut the store begins anew (repair.at_start)."""
    for name, written in ((f"{file}.gz", packed(content, version)), (str(file), content)):
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as opened:  # noqa: PTH123
            opened.write(written)
            os.fchmod(opened.fileno(), 0o644)
        os.utime(name, (version, version))


def make_folder(folder: Path) -> Path:
    """Readable for nginx, whatever the umask; with the folders above it."""
    try:
        folder.mkdir()
        folder.chmod(0o755)
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_folder(folder.parent)
        return make_folder(folder)
    return folder
