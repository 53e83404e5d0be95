"""The page store: a folder of finished pages that uWSGI or nginx serves by itself.

pages/post/7                     a link to a version
pages/.under/post/7/updates/3    what lies under a page's own path, a link as well; servers look in `.under` second
pages/.under/.versions/<random>  one version of one page: index.html and its .gz twin, never changed afterwards
pages/.retired/<second>-…        what nobody finds any more; deleted a while later, when nobody reads it any more
pages/.renewed                   since which version all of them are made

A page changes by the swap of one link: uWSGI resolves links before it looks at the file, so nobody gets half of two
versions (measured; a file replaced by rename was cut). Only the front page must be a plain file.
All change at once by an exchange of the folders at the top. Not of `pages`, which a worker of uWSGI resolves once.
Everything in the folder is public, hence the random names.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zlib import crc32

from ..system import locks
from ..system.exchange import exchange
from .entry import Entry, make_folder, retired
from .paths import FILES, VERSIONS, PagePath, page_path

LOCKS = 64
RETIRED_SECONDS = 60
# In a step of a sweep: so much is deleted, or looked at. A busy site retires a dozen pages a second.
AT_ONCE, LOOKED_AT_ONCE = 50, 500


@dataclass(frozen=True)
class Stored:
    """A page as it is sent. `version` is its modification time in Unix seconds; None when it isn't in the store."""

    content: bytes
    version: int | None = None
    encoding: str | None = None


class Store:
    """The folder of one instance. All of it may raise OSError: a full disk, a folder that isn't ours."""

    def __init__(self, instance: Path) -> None:
        self.root = instance / "pages"
        self.locks = instance / "locks"
        self._threads = [threading.Lock() for _ in range(LOCKS)]

    @property
    def usable(self) -> bool:
        """Not on Windows, where each page is made when it is asked for."""
        return os.symlink in os.supports_dir_fd

    @contextlib.contextmanager
    def lock(self, *paths: str) -> Iterator[None]:
        """Held for these pages by one greenlet of one worker. Raises TimeoutError when it isn't to be had."""
        with contextlib.ExitStack() as held:
            for slot in sorted({crc32(path.encode()) % LOCKS for path in paths}):  # in one order, or two wait for ever
                held.enter_context(self._lock(slot))
            yield

    @contextlib.contextmanager
    def _lock(self, slot: int) -> Iterator[None]:
        if not self._threads[slot].acquire(timeout=locks.LOCK_PATIENCE_SECONDS):
            raise TimeoutError(f"page-{slot} is held by another request")
        try:
            with locks.file_lock(self.locks / f"page-{slot}"):
                yield
        finally:
            self._threads[slot].release()

    # Reading

    def version(self, path: str) -> int | None:
        page = page_path(path)
        return self._version(page) if page else None

    def _version(self, page: PagePath) -> int | None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return int(self._shown(page).stat().st_mtime)
        return None

    def _shown(self, page: PagePath) -> Path:
        path = self.root / page.link
        return path if page.name.endswith(FILES) else path / "index.html"

    def read(self, path: str, gzipped: bool) -> Stored | None:
        """The page, or None when it isn't there."""
        page = page_path(path)
        if page is None:
            return None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            real = os.path.realpath(self._shown(page))
            with open(real + ".gz" * gzipped, "rb") as file:  # noqa: PTH123
                return Stored(file.read(), int(os.fstat(file.fileno()).st_mtime), "gzip" if gzipped else None)
        return None

    def size_bytes(self, path: str) -> int:
        """Of the page and its twin."""
        page = page_path(path)
        if page is None:
            return 0
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            file = self._shown(page).resolve()
            return file.stat().st_size + file.with_name(f"{file.name}.gz").stat().st_size
        return 0

    def age_seconds(self, path: str) -> float | None:
        """Since when the page is there in its present version."""
        page = page_path(path)
        if page is None:
            return None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return time.time() - os.lstat(self.root / (page.link or "index.html")).st_mtime
        return None

    def paths(self, below: str = "/") -> Iterator[str]:
        """Every page that is there, of those that lie below this path, such as /post/7."""
        if below == "/" and (self.root / "index.html").exists():
            yield "/"
        tops = [self.root / below[1:]]
        if below == "/":
            tops = [entry for entry in self.root.iterdir() if entry.name[0] != "."]
        elif tops[0].is_symlink():  # the page itself
            tops = []
        for top in (*tops, self.root / ".under" / below[1:]):
            for link, target in _links(top):
                if ".versions/" in target:
                    yield "/" + link.relative_to(self.root).as_posix().removeprefix(".under/")

    def is_empty(self) -> bool:
        return not _tops(self.root)

    def at_top(self) -> list[str]:
        """The pages whose links stand at the top."""
        with contextlib.suppress(FileNotFoundError):
            return [f"/{entry.name}" for entry in os.scandir(self.root) if entry.is_symlink() and entry.name[0] != "."]
        return []

    def renewed_at(self) -> int:
        """The version since which all pages are made; 0 for unknown."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.root / ".renewed").read_text("ascii"))
        return 0

    def latest(self) -> int:
        """The highest version of a page that is there; 0 for none."""
        return max((self.version(path) or 0 for path in self.paths()), default=0)

    # Changing

    @contextlib.contextmanager
    def open(self, path: str, tree: Path | None = None) -> Iterator[Entry | None]:
        """Where the page may be put. To be opened before its snapshot is taken: when the tree around it is removed
        meanwhile, what is put goes away with it. None for a path that isn't stored.

        tree: of `renewed`.
        """
        page, tree = page_path(path), tree or self.root
        if page is None or not self.usable:
            yield None
            return
        self.prepare()
        descriptor = self._open_folder(tree / page.folder)
        try:
            yield Entry(self.root, tree, page, descriptor)
        finally:
            os.close(descriptor)

    def _open_folder(self, folder: Path) -> int:
        for _attempt in range(10):  # somebody may take the tree away just then
            with contextlib.suppress(FileNotFoundError):
                return os.open(make_folder(folder), os.O_RDONLY | os.O_DIRECTORY)
        raise FileNotFoundError(errno.ENOENT, "taken away again and again", str(folder))

    def remove(self, path: str) -> None:
        """Take one page out; the caller holds its lock."""
        with self.open(path) as entry:
            if entry:
                entry.remove()

    def remove_tree(self, path: str) -> None:
        """Take out at once all that lies below `path`, such as /post/7. Nobody needs to hold a lock for it."""
        for folder in (self.root / path[1:], self.root / ".under" / path[1:]):
            if folder.is_dir() and not folder.is_symlink():
                self._retire_entry(folder)

    @contextlib.contextmanager
    def renewed(self, version: int) -> Iterator[Path]:
        """A tree that takes the place of all pages at the end, in the time of a few renames. The caller holds the
        locks of what is put there, and the one that whoever puts a page at the top holds too. No page is older than
        `version` then."""
        self.prepare()
        tree = make_folder(retired(self.root))
        yield tree
        make_folder(tree / ".under")
        for name in dict.fromkeys([*_tops(self.root), *_tops(tree)]):
            _take_place(tree / name, self.root / name)
        self._retire_entry(self.root / ".versions")  # the last release's; delete with the release after the next
        self.note_renewed(version)

    def note_renewed(self, version: int) -> None:
        with contextlib.suppress(OSError):  # it is done again where that isn't known
            note = retired(self.root)
            note.write_text(str(version), "ascii")
            note.replace(self.root / ".renewed")

    def clear(self) -> None:
        """Take everything out."""
        self.prepare()
        for name in _tops(self.root):
            self._retire_entry(self.root / name)
        self.prepare()

    def _retire_entry(self, entry: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            entry.rename(retired(self.root))

    def prepare(self) -> None:
        """Make the folder, or what somebody deleted of it."""
        for name in ("", ".under", VERSIONS, ".retired"):
            make_folder(self.root / name)

    # Each of these goes step by step, so that a worker answers in between.

    def sweep(self, seconds: float = RETIRED_SECONDS) -> Iterator[None]:
        """Delete what was retired longer than `seconds` ago."""
        old = [Path(entry.path) for entry in os.scandir(self.root / ".retired") if _is_old(entry.name, seconds)]
        deleted = (each for entry in old for each in self._delete(entry))
        yield from islice(deleted, AT_ONCE - 1, None, AT_ONCE)

    def _delete(self, path: Path) -> Iterator[None]:
        """One file, link or folder after the other, and the versions that the links point at. What can't be stays."""
        with contextlib.suppress(OSError):
            if path.is_symlink():
                if ".versions/" in (target := str(path.readlink())):
                    shutil.rmtree(self.root / VERSIONS / _version_in(target), ignore_errors=True)
                path.unlink()
            elif path.is_dir():
                for entry in list(os.scandir(path)):
                    yield from self._delete(Path(entry.path))
                path.rmdir()
            else:
                path.unlink()
        yield

    def sweep_orphans(self) -> Iterator[None]:
        """Delete versions that nothing points at: left behind by somebody who was killed."""
        began, used = time.time(), set()
        for number, (_link, target) in enumerate(_links(self.root)):
            used.add(_version_in(target))
            if number % LOOKED_AT_ONCE == 0:
                yield
        for number, version in enumerate(os.scandir(self.root / VERSIONS)):
            with contextlib.suppress(FileNotFoundError):
                if version.name not in used and began - version.stat().st_ctime >= RETIRED_SECONDS:
                    shutil.rmtree(version.path, ignore_errors=True)
            if number % LOOKED_AT_ONCE == 0:
                yield


def _is_old(name: str, seconds: float) -> bool:
    since = name.partition("-")[0]
    return since.isdigit() and abs(time.time() - int(since)) >= seconds


def _tops(folder: Path) -> list[str]:
    """What stands there of pages; the front page's twin before it, as in `put`."""
    tops = [*folder.iterdir(), *(folder / ".under").iterdir()]
    return sorted((str(top.relative_to(folder)) for top in tops if top.name[0] != "."), reverse=True)


def _take_place(new: Path, old: Path) -> None:
    """What is `old` is `new` from now on, and the other way round, whether or not there are both."""
    if not os.path.lexists(new):
        with contextlib.suppress(FileNotFoundError):
            old.rename(new)
    elif not os.path.lexists(old):
        new.rename(old)
    else:
        exchange(new, old)


def _links(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every link below `folder`, or itself, with its target; none is followed. There is none in `.versions`."""
    with contextlib.suppress(FileNotFoundError):
        if folder.is_symlink():
            yield folder, str(folder.readlink())
        elif folder.is_dir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name != ".versions" and (entry.is_symlink() or entry.is_dir(follow_symlinks=False)):
                        yield from _links(Path(entry.path))


def _version_in(target: str) -> str:
    return target.partition(".versions/")[2].partition("/")[0]
