"""A backup's file: a .tar.gz of manifest.json, pressroom.db and media/….

The manifest comes first and says what follows: {"pressroom": "backup", "format": 1, "version": "0.1.0",
"schema": "0003", "made_at": ms since 1970, "counts": {"posts": 3, …}, "settings": {"SITE_TITLE": "…", …},
"members": [{"name": "pressroom.db", "size": bytes, "sha256": hex}, …]}, the members in their order.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from .snapshots import Report

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "pressroom.db"
MEDIA = "media"
MANIFEST_BYTES = 20_000_000
CHUNK_BYTES = 1_000_000
# What tar adds to each member: headers, and filling up.
OVERHEAD_BYTES = 10_000
GZIP_LEVEL = 6


class BadArchive(Exception):
    """Why a file can't be restored from, after its name: "is …"."""


@dataclass(frozen=True)
class Member:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`schema`: the database's revision. `made_at`: milliseconds since 1970. `settings`: without PRESSROOM_."""

    version: str
    schema: str
    made_at: int
    counts: dict[str, int]
    settings: dict[str, str]
    members: list[Member]

    @property
    def bytes(self) -> int:
        return sum(member.size for member in self.members)


# Writing


def member(name: str, path: Path) -> Member:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Member(name, file.tell(), digest.hexdigest())


def write(target: IO[bytes], manifest: Manifest, paths: list[Path], report: Report) -> None:
    """`paths` are the manifest's members. Raises OSError, also for a file that was changed since it was listed."""
    first = json.dumps({"pressroom": "backup", "format": FORMAT} | asdict(manifest), indent=1).encode()
    done = 0
    with (
        gzip.GzipFile("", "wb", GZIP_LEVEL, target) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_info(MANIFEST, len(first), manifest.made_at), io.BytesIO(first))
        for listed, path in zip(manifest.members, paths, strict=True):
            with path.open("rb") as file:
                reader = _Hashing(file, lambda count: report((done + count) / max(manifest.bytes, 1)))  # noqa: B023
                tar.addfile(_info(listed.name, listed.size, manifest.made_at), reader)  # type: ignore[arg-type]
                if reader.hexdigest() != listed.sha256 or file.read(1):
                    raise OSError(0, "it was changed meanwhile, try again", str(path))
            done += listed.size


def _info(name: str, size: int, made_at: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, made_at // 1000
    return info


class _Hashing:
    """Hashes what is read through it, and says how many bytes those were."""

    def __init__(self, file: IO[bytes], read: Callable[[int], None]) -> None:
        self.file, self.said, self.count, self.digest = file, read, 0, hashlib.sha256()

    def read(self, size: int) -> bytes:
        chunk = self.file.read(size)
        self.count += len(chunk)
        self.digest.update(chunk)
        self.said(self.count)
        return chunk

    def hexdigest(self) -> str:
        return self.digest.hexdigest()


# Reading


class _Bounded(io.RawIOBase):
    """Reads at most as many bytes as were allowed, whatever the file claims to unpack to."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self.file, self.left = file, MANIFEST_BYTES + OVERHEAD_BYTES

    def read(self, size: int = -1) -> bytes:
        chunk = self.file.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise BadArchive("contains more than its manifest lists")
        return chunk


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, Callable[[Path, Report], None]]]:
    """An archive's manifest, and the function that unpacks all else into a folder and checks it.

    Nothing in it is believed: names, kinds, sizes and hashes are those of the manifest, whose own shape is checked.
    Both raise BadArchive; unpacking raises OSError when it can't write.
    """
    with contextlib.ExitStack() as stack:
        with _explained("isn't a Pressroom backup"):
            packed = stack.enter_context(gzip.GzipFile(fileobj=stack.enter_context(_openable(path))))
            bounded = _Bounded(packed)
            tar = stack.enter_context(tarfile.open(fileobj=bounded, mode="r|"))
            manifest = _manifest(tar)
        bounded.left += manifest.bytes + OVERHEAD_BYTES * (len(manifest.members) + 2)

        def unpack(folder: Path, report: Report) -> None:
            with _explained("is damaged or truncated"):
                _unpack(tar, manifest, folder, report)
                _end(bounded)

        yield manifest, unpack


def _openable(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadArchive(f"can't be read ({error.strerror})") from None


@contextlib.contextmanager
def _explained(words: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadArchive(words) from error


def _manifest(tar: tarfile.TarFile) -> Manifest:
    info = tar.next()
    if info is None or info.name != MANIFEST or not info.isreg() or info.size > MANIFEST_BYTES:
        raise BadArchive("isn't a Pressroom backup")
    try:
        manifest = json.loads(_file(tar, info).read())
        if manifest["pressroom"] != "backup":
            raise KeyError
        if manifest["format"] != FORMAT:
            raise BadArchive(f"was made by a newer Pressroom ({manifest['version']}): install that version first")
        return _checked(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadArchive("isn't a Pressroom backup") from None


def _checked(manifest: dict[str, Any]) -> Manifest:
    """Raises ValueError, KeyError or TypeError, and BadArchive for a name that would leave the folder."""
    members = [Member(str(each["name"]), _count(each["size"]), str(each["sha256"])) for each in manifest["members"]]
    names = [each.name for each in members]
    for name in names:
        if not _is_safe(name):
            raise BadArchive(f"lists an unexpected file: {name!r}")
    if names.count(DATABASE) != 1 or len({name.casefold() for name in names}) != len(names):
        raise ValueError
    counts = {str(name): _count(number) for name, number in manifest["counts"].items()}
    settings = {str(name): str(value) for name, value in manifest["settings"].items()}
    return Manifest(
        str(manifest["version"]), str(manifest["schema"]), _count(manifest["made_at"]), counts, settings, members
    )


def _count(number: object) -> int:
    if type(number) is not int or number < 0:
        raise ValueError
    return number


def _is_safe(name: str) -> bool:
    """The database, or a file below media/."""
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name and not set(parts) & {"", ".", ".."}
    return plain and (name == DATABASE or (parts[0] == MEDIA and len(parts) > 1))


def _unpack(tar: tarfile.TarFile, manifest: Manifest, folder: Path, report: Report) -> None:
    done = 0
    for listed in manifest.members:
        info = tar.next()
        if info is None:
            raise BadArchive("is damaged or truncated")
        if info.name != listed.name or not info.isreg() or info.issparse() or info.size != listed.size:
            raise BadArchive(f"doesn't match its manifest: {info.name!r}")
        reader = _Hashing(_file(tar, info), lambda count: report((done + count) / max(manifest.bytes, 1)))  # noqa: B023
        _store(reader, folder, listed.name)
        if (reader.count, reader.hexdigest()) != (listed.size, listed.sha256):
            raise BadArchive(f"is damaged: {listed.name!r}")
        done += listed.size
    if (extra := tar.next()) is not None:
        raise BadArchive(f"doesn't match its manifest: {extra.name!r}")


def _store(reader: _Hashing, folder: Path, name: str) -> None:
    """Below media/ everybody may read, as the servers do."""
    path = folder / name
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(exist_ok=True)
        (folder / parent).chmod(0o755)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := reader.read(CHUNK_BYTES):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if name != DATABASE:
        path.chmod(0o644)


def _file(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    if file is None:
        raise BadArchive(f"doesn't match its manifest: {info.name!r}")
    return file


def _end(bounded: _Bounded) -> None:
    """Only here gzip compares its own checksum, and notices that its last bytes are missing."""
    while chunk := bounded.read(CHUNK_BYTES):
        if chunk.strip(b"\0"):
            raise BadArchive("contains more than its manifest lists")
