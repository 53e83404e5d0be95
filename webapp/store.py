"""The page store: a folder of finished pages that uWSGI or nginx serves by itself.

pages/post/7                    a link to a version
pages/.versions/<random>/       one version of one page: index.html and its .gz twin, never changed afterwards
pages/.under/post/7/updates/3   links of what lies under a page's own path; each version links there
pages/.retired/<second>-…       what nobody finds any more; deleted a while later, when nobody reads it any more

A page changes by the swap of one link: uWSGI resolves links before it looks at the file, so nobody gets half of two
versions (measured; a file replaced by rename was cut). Only the front page must be a plain file.
Everything in the folder is public, hence the random names.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from . import server

LOCKS = 64
RETIRED_SECONDS = 60
SEGMENT_BYTES = 200
GZIP_LEVEL = 5
# What may lie under /post/7, /user/ada and /tag/football.
UNDER = {
    "post": ("comments", "feed.atom", "feed.json", "update", "updates"),
    "user": ("feed.atom", "feed.json", "page"),
    "tag": ("feed.atom", "feed.json", "page"),
}
FILES = (".atom", ".css", ".json", ".txt", ".xml")


@dataclass(frozen=True)
class Stored:
    """A page as it is sent. `version` is its modification time in Unix seconds; None when it isn't in the store."""

    content: bytes
    version: int | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a page's link stands: `folder` below the store, and `name` in it; both empty for the front page."""

    folder: str
    name: str

    @property
    def link(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def file(self) -> str:
        """The file's name within its version; its ending tells uWSGI the type."""
        if not self.name.endswith(FILES):
            return "index.html"
        return self.name.removesuffix(".json") + ".feedjson" if self.name.endswith(".json") else self.name

    def in_version(self, version: str) -> str:
        """What the link points at, relative to its folder."""
        up = "../" * (self.folder.count("/") + 1 if self.folder else 0)
        return f"{up}.versions/{version}" + (f"/{self.file}" if self.file != "index.html" else "")


def place_of(path: str) -> Place | None:
    """None for a path that can't be a safe file name; Python serves those."""
    segments = path[1:].split("/") if path != "/" else []
    if not path.startswith("/") or not all(_is_safe(segment) for segment in segments):
        return None
    if len(segments) < 2:
        return Place("", "".join(segments))
    under = UNDER.get(segments[0], ())
    if len(segments) == 2:
        return Place(segments[0], segments[1])
    if segments[0] == "page" or segments[2] not in under:
        return None
    return Place(".under/" + "/".join(segments[:-1]), segments[-1])


def _is_safe(segment: str) -> bool:
    try:
        encoded = os.fsencode(segment)
    except UnicodeEncodeError:
        return False
    return (
        0 < len(encoded) <= SEGMENT_BYTES
        and encoded == segment.encode("utf-8", "surrogateescape")
        and segment.isprintable()
        and segment[0] != "."
        and not set(segment) & set('\\:*?"<>|')
    )


class Store:
    """The folder of one instance. All of it may raise OSError: a full disk, a folder that isn't ours."""

    def __init__(self, instance: Path) -> None:
        self.root = instance / "pages"
        self.locks = instance / "locks"
        self._threads = [threading.Lock() for _ in range(LOCKS)]

    @property
    def usable(self) -> bool:
        return server.can_lock() and os.symlink in os.supports_dir_fd

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Held for one page by one greenlet of one worker. Raises TimeoutError when it isn't to be had."""
        slot = crc32(path.encode()) % LOCKS
        if not self._threads[slot].acquire(timeout=server.LOCK_PATIENCE_SECONDS):
            raise TimeoutError(f"page-{slot} is held by another request")
        try:
            with server.file_lock(self.locks / f"page-{slot}"):
                yield
        finally:
            self._threads[slot].release()

    # Reading

    def version(self, path: str) -> int | None:
        place = place_of(path)
        return self._version(place) if place else None

    def _version(self, place: Place) -> int | None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return int(self._shown(place).stat().st_mtime)
        return None

    def _shown(self, place: Place) -> Path:
        found = self.root / place.link
        return found if place.name.endswith(FILES) else found / "index.html"

    def read(self, path: str, gzipped: bool) -> Stored | None:
        """The page, or None when it isn't there."""
        place = place_of(path)
        if place is None:
            return None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            real = os.path.realpath(self._shown(place))
            with open(real + ".gz" * gzipped, "rb") as file:  # noqa: PTH123
                return Stored(file.read(), int(os.fstat(file.fileno()).st_mtime), "gzip" if gzipped else None)
        return None

    def size_bytes(self, path: str) -> int:
        """Of the page and its twin."""
        place = place_of(path)
        if place is None:
            return 0
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            file = self._shown(place).resolve()
            return file.stat().st_size + file.with_name(f"{file.name}.gz").stat().st_size
        return 0

    def age_seconds(self, path: str) -> float | None:
        """Since when the page is there in its present version."""
        place = place_of(path)
        if place is None:
            return None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return time.time() - os.lstat(self.root / (place.link or "index.html")).st_mtime
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

    # Changing

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[Slot | None]:
        """Where the page may be put. To be opened before its snapshot is taken: when the tree around it is removed
        meanwhile, what is put goes away with it. None for a path that isn't stored."""
        place = place_of(path)
        if place is None or not self.usable:
            yield None
            return
        self.prepare()
        descriptor = self._open_folder(self.root / place.folder)
        try:
            yield Slot(self, place, descriptor)
        finally:
            os.close(descriptor)

    def _open_folder(self, folder: Path) -> int:
        for _attempt in range(10):  # somebody may take the tree away just then
            with contextlib.suppress(FileNotFoundError):
                return os.open(_make_folder(folder), os.O_RDONLY | os.O_DIRECTORY)
        raise FileNotFoundError(errno.ENOENT, "taken away again and again", str(folder))

    def remove(self, path: str) -> None:
        """Take one page out; the caller holds its lock."""
        with self.open(path) as slot:
            if slot:
                slot.remove()

    def remove_tree(self, path: str) -> None:
        """Take out at once all that lies below `path`, such as /post/7. Nobody needs to hold a lock for it."""
        for folder in (self.root / path[1:], self.root / ".under" / path[1:]):
            if folder.is_dir() and not folder.is_symlink():
                self._retire_entry(folder)

    def clear(self) -> None:
        """Take everything out."""
        self.prepare()
        for entry in list(self.root.iterdir()):
            if entry.name == ".under" or entry.name[0] != ".":
                self._retire_entry(entry)
        self.prepare()

    def _retire_entry(self, entry: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            entry.rename(self.retired())

    def prepare(self) -> None:
        """Make the folder, or what somebody deleted of it."""
        for name in ("", ".versions", ".under", ".retired"):
            _make_folder(self.root / name)

    def retired(self) -> Path:
        """A name under which something may wait for its end."""
        return self.root / ".retired" / f"{int(time.time())}-{secrets.token_hex(8)}"

    def sweep(self, seconds: float = RETIRED_SECONDS) -> None:
        """Delete what was retired longer than `seconds` ago."""
        for retired in list((self.root / ".retired").iterdir()):
            since = retired.name.partition("-")[0]
            if since.isdigit() and abs(time.time() - int(since)) >= seconds:
                self._delete(retired)

    def _delete(self, retired: Path) -> None:
        """A retired link or file, or a folder of links, and the versions that they point at."""
        for _link, target in _links(retired):
            if ".versions/" in target:
                shutil.rmtree(self.root / ".versions" / _version_in(target), ignore_errors=True)
        if retired.is_dir() and not retired.is_symlink():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.unlink(missing_ok=True)

    def sweep_orphans(self) -> None:
        """Delete versions that nothing points at: left behind by somebody who was killed."""
        used = {_version_in(target) for _link, target in _links(self.root)}
        for version in list((self.root / ".versions").iterdir()):
            if version.name not in used and time.time() - version.stat().st_ctime >= RETIRED_SECONDS:
                shutil.rmtree(version, ignore_errors=True)


@dataclass(frozen=True)
class Slot:
    """An open place in the store."""

    store: Store
    place: Place
    descriptor: int

    def put(self, version: int, content: bytes) -> None:
        """Make this the page, whole or not at all."""
        if not self.place.link:
            self._put_front(version, content)
            return
        token = secrets.token_hex(16)
        folder = _make_folder(self.store.root / ".versions" / token)
        link = self.store.retired()
        try:
            _write(folder / self.place.file, version, content)
            for name, target in self._links_under():
                (folder / name).symlink_to(target)
            link.symlink_to(self.place.in_version(token))
            before = self._target()
            os.replace(link, self.place.name, dst_dir_fd=self.descriptor)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._retire(before)
        self._lead_here()

    def _put_front(self, version: int, content: bytes) -> None:
        """The twin first: an old page with a new time would be kept by browsers."""
        draft = self.store.retired()
        _write(draft, version, content)
        Path(f"{draft}.gz").replace(self.store.root / "index.html.gz")
        draft.replace(self.store.root / "index.html")

    def _links_under(self) -> Iterator[tuple[str, str]]:
        if self.place.folder in UNDER:
            for name in UNDER[self.place.folder]:
                yield name, f"../../.under/{self.place.link}/{name}"

    def _lead_here(self) -> None:
        """What lies under a page that isn't stored itself is reached by a link in its place."""
        if self.place.folder.startswith(".under/"):
            self._lead(*self.place.folder.split("/")[1:3])

    def _lead(self, kind: str, name: str) -> None:
        with contextlib.suppress(FileExistsError):
            (_make_folder(self.store.root / kind) / name).symlink_to(f"../.under/{kind}/{name}")

    def remove(self) -> None:
        if not self.place.link:
            (self.store.root / "index.html").unlink(missing_ok=True)
            (self.store.root / "index.html.gz").unlink(missing_ok=True)
            return
        before = self._target()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.place.name, dir_fd=self.descriptor)
        self._retire(before)
        if self.place.folder in UNDER and (self.store.root / ".under" / self.place.link).is_dir():
            self._lead(self.place.folder, self.place.name)

    def _target(self) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            return os.readlink(self.place.name, dir_fd=self.descriptor)
        return None

    def _retire(self, target: str | None) -> None:
        """Where there is no room even for this, `sweep_orphans` finds it later."""
        if target and ".versions/" in target:
            with contextlib.suppress(OSError):
                self.store.retired().symlink_to(target)


def _write(file: Path, version: int, content: bytes) -> None:
    """The file and its twin. Not synced: after a power cut the store begins anew (pages.begin)."""
    for name, written in ((f"{file}.gz", gzip.compress(content, GZIP_LEVEL, mtime=version)), (str(file), content)):
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as opened:  # noqa: PTH123
            opened.write(written)
            os.fchmod(opened.fileno(), 0o644)
        os.utime(name, (version, version))


def _make_folder(folder: Path) -> Path:
    """Readable for nginx, whatever the umask; with the folders above it."""
    try:
        folder.mkdir()
        folder.chmod(0o755)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make_folder(folder.parent)
        return _make_folder(folder)
    return folder


def _links(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every link below `folder`, or itself, with its target; none is followed."""
    if folder.is_symlink():
        yield folder, str(folder.readlink())
        return
    for top, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            link = Path(top, name)
            if link.is_symlink():
                with contextlib.suppress(FileNotFoundError):
                    yield link, str(link.readlink())


def _version_in(target: str) -> str:
    return target.partition(".versions/")[2].partition("/")[0]
