"""A backup's file: a .tar.gz of manifest.json, pressroom.db, media/… and originals/….

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
import re
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import IO, Any

from .snapshots import LAST_MS, Report

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "pressroom.db"
MEDIA = "media"
ORIGINALS = "originals"
CACHE = "media/pictures"  # variants, which are made again of the originals
FOLDERS = ("media/site", CACHE)  # which the site makes where they aren't
# Of some 100,000 files. In memory JSON is larger, an empty list by thirty times, so its values are counted too.
MANIFEST_BYTES = 20_000_000
MANIFEST_VALUES = 500_000
NAME_BYTES, NAME_PARTS, PART_BYTES = 1_000, 20, 255
SETTING_LENGTH = 10_000
HEADER_BYTES = 10_000  # of type x
CHUNK_BYTES = 1_000_000
BLOCKS_BYTES = 2048 * tarfile.BLOCKSIZE

_ORIGINAL = re.compile(f"{ORIGINALS}/[0-9a-f]{{2}}/[0-9a-f]{{16}}")
_OCTAL = re.compile(rb" *([0-7]{1,11})[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,4}) ([A-Za-z.]{1,50})=")


class BadArchive(Exception):
    """Why a file can't be restored from, after its name: "is …"."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be packed, and as what."""

    path: Path
    member: Member
    stamp: tuple[int, ...]


def source(name: str, path: Path) -> Source:
    with path.open("rb") as file:
        stamp = _stamp(file)
        digest = hashlib.file_digest(file, "sha256")
        return Source(path, Member(name, file.tell(), digest.hexdigest()), stamp)


def _stamp(file: IO[bytes]) -> tuple[int, ...]:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns


def write(target: IO[bytes], manifest: Manifest, sources: list[Source], report: Report) -> None:
    """`sources` are the manifest's members. Raises OSError, also for a file that was changed since it was hashed.

    Raises BadArchive when it couldn't be restored again.
    """
    first = json.dumps({"pressroom": "backup", "format": FORMAT} | asdict(manifest), indent=1).encode()
    _manifest(first)
    done = 0
    with (
        _packed(target) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.copybufsize = BLOCKS_BYTES  # type: ignore[attr-defined]
        tar.addfile(_info(MANIFEST, len(first), manifest.made_at), io.BytesIO(first))
        for each in sources:
            with each.path.open("rb") as file:
                reader = _Counting(file, lambda count: report((done + count) / max(manifest.bytes, 1)))  # noqa: B023
                tar.addfile(_info(each.member.name, each.member.size, manifest.made_at), reader)  # type: ignore[arg-type]
                if _stamp(file) != each.stamp:
                    raise OSError(0, "it was changed meanwhile, try again", str(each.path))
            done += each.member.size


def _packed(target: IO[bytes]) -> Any:
    """As gzip, by ISA-L where that is installed: a dozen times faster than zlib at level 6, for an eighth more."""
    try:
        from isal import igzip
    except ImportError:
        return gzip.GzipFile("", "wb", 1, target)
    return igzip.IGzipFile("", "wb", 1, target)  # type: ignore[no-untyped-call, unused-ignore]


def _info(name: str, size: int, made_at: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, made_at // 1000
    return info


class _Counting:
    """Says how many bytes were read through it."""

    def __init__(self, file: IO[bytes], read: Callable[[int], None]) -> None:
        self.file, self.said, self.count = file, read, 0

    def read(self, size: int) -> bytes:
        chunk = self.file.read(size)
        self.count += len(chunk)
        self.said(self.count)
        return chunk


# Reading


class _Damaged(Exception):
    """No gzip, no tar, or not as `write` makes them."""


class _Unpacked(io.RawIOBase):
    """What the one gzip stream in a file holds.

    Not by `gzip`, which takes Python's time for each byte of a stream's name, and for each of many empty streams.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.stream = file, zlib.decompressobj(wbits=31)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = b""
        while not chunk and not self.stream.eof:
            packed = self.stream.unconsumed_tail or self.file.read(CHUNK_BYTES)
            chunk = self.stream.decompress(packed, len(buffer))
            if not chunk and not packed and not self.stream.eof:
                raise _Damaged
        if not chunk and (self.stream.unused_data or self.file.read(1)):
            raise BadArchive("contains more than its manifest lists")
        buffer[: len(chunk)] = chunk
        return len(chunk)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, Callable[[Path, Report], None]]]:
    """An archive's manifest, and the function that unpacks all else into a folder and checks it.

    Nothing in it is believed: names, kinds, sizes and hashes are those of the manifest, whose own shape is checked.
    Both raise BadArchive; unpacking raises OSError when it can't write.
    """
    with _openable(path) as file:
        packed = io.BufferedReader(_Unpacked(file), CHUNK_BYTES)
        with _explained("isn't a Pressroom backup"):
            manifest = _first(packed)

        def unpack(folder: Path, report: Report) -> None:
            with _explained("is damaged, truncated or packed by another program"):
                _unpack(packed, manifest, folder, report)
                _end(packed)

        yield manifest, unpack


def _openable(path: Path) -> IO[bytes]:
    """A FIFO would wait for ever for somebody who writes."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadArchive("isn't a file")
        return path.open("rb")
    except OSError as error:
        raise BadArchive(f"can't be read ({error.strerror})") from None


@contextlib.contextmanager
def _explained(words: str) -> Iterator[None]:
    try:
        yield
    except (_Damaged, zlib.error) as error:
        raise BadArchive(words) from error


def _first(packed: IO[bytes]) -> Manifest:
    name, size = _header(packed) or ("", 0)
    if name != MANIFEST or size > MANIFEST_BYTES:
        raise _Damaged
    return _manifest(b"".join(_chunks(packed, size)))


def _manifest(written: bytes) -> Manifest:
    """Raises BadArchive."""
    try:
        if len(written) > MANIFEST_BYTES or sum(map(written.count, (b"{", b"[", b","))) > MANIFEST_VALUES:
            raise ValueError
        manifest = json.loads(written.decode("ascii"))
        if manifest["pressroom"] != "backup":
            raise ValueError
        if manifest["format"] != FORMAT:
            version = _text(manifest["version"])
            raise BadArchive(f"was made by a newer Pressroom ({version}): install that version first")
        return _checked(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadArchive("isn't a Pressroom backup") from None


def _checked(manifest: dict[str, Any]) -> Manifest:
    """Raises ValueError, KeyError or TypeError, and BadArchive for a name that would leave the folder."""
    members = [Member(each["name"], _count(each["size"]), _hash(each["sha256"])) for each in manifest["members"]]
    names = [each.name for each in members]
    for name in names:
        if not _is_safe(name):
            raise BadArchive(f"lists an unexpected file: {name[:NAME_BYTES]!r}")
    folders = {name[:place] for name in names for place, character in enumerate(name) if character == "/"}
    if names.count(DATABASE) != 1 or len({*names, *folders}) != len(names) + len(folders):
        raise ValueError
    counts = {_text(name): _count(number) for name, number in manifest["counts"].items()}
    settings = {_text(name): _text(value, SETTING_LENGTH) for name, value in manifest["settings"].items()}
    made_at = _count(manifest["made_at"], LAST_MS)
    return Manifest(_text(manifest["version"]), _text(manifest["schema"]), made_at, counts, settings, members)


def _count(number: object, most: int = 10**15) -> int:
    if type(number) is not int or not 0 <= number <= most:
        raise ValueError
    return number


def _text(written: object, length: int = 100) -> str:
    if not isinstance(written, str) or len(written) > length:
        raise ValueError
    return written


def _hash(written: object) -> str:
    if not re.fullmatch("[0-9a-f]{64}", _text(written)):
        raise ValueError
    return str(written)


def _is_safe(name: str) -> bool:
    """The database, the original of a picture, or a file below media/ that any file system takes."""
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name and not set(parts) & {"", ".", ".."}
    longest = max(len(part.encode("utf-8", "replace")) for part in parts)
    short = len(name.encode("utf-8", "replace")) <= NAME_BYTES and len(parts) <= NAME_PARTS and longest <= PART_BYTES
    is_media = parts[0] == MEDIA and len(parts) > 1 and name not in FOLDERS
    return plain and short and (name == DATABASE or is_media or bool(_ORIGINAL.fullmatch(name)))


def _unpack(packed: IO[bytes], manifest: Manifest, folder: Path, report: Report) -> None:
    done = 0
    for listed in manifest.members:
        found = _header(packed)
        if found is None:
            raise _Damaged
        if found != (listed.name, listed.size):
            raise BadArchive(f"doesn't match its manifest: {found[0]!r}")
        digest = hashlib.sha256()
        with _created(folder, listed.name) as file:
            for chunk in _chunks(packed, listed.size):
                digest.update(chunk)
                file.write(chunk)
                done += len(chunk)
                report(done / max(manifest.bytes, 1))
        if digest.hexdigest() != listed.sha256:
            raise BadArchive(f"is damaged: {listed.name!r}")
    if extra := _header(packed):
        raise BadArchive(f"doesn't match its manifest: {extra[0]!r}")


@contextlib.contextmanager
def _created(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """Below media/ everybody may read, as the servers do."""
    path, is_public = folder / name, name.startswith(f"{MEDIA}/")
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(exist_ok=True)
        (folder / parent).chmod(0o755 if is_public else 0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    if is_public:
        path.chmod(0o644)


def _end(packed: IO[bytes]) -> None:
    """What fills up tar's last record. Only behind it gzip's own checksum is compared."""
    rest = packed.read(tarfile.RECORDSIZE + 1)
    if len(rest) > tarfile.RECORDSIZE or rest.strip(b"\0"):
        raise BadArchive("contains more than its manifest lists")


# Tar, of which we write little: files, and before one with a long name, other letters or above 8 GB a header of type x.
# `tarfile` would read more and believe it: in Python 3.11.7 such a header of any size, minutes long.


def _header(packed: IO[bytes]) -> tuple[str, int] | None:
    """The next file's name and size; None at the end. Raises _Damaged for what is no file, or no header of ours."""
    block = b"".join(_chunks(packed, tarfile.BLOCKSIZE))
    if not any(block):
        return None
    kind, name, size = _fields(block)
    longer: dict[str, str] = {}
    if kind == tarfile.XHDTYPE and size <= HEADER_BYTES:
        longer = _records(b"".join(_chunks(packed, size)))
        kind, name, size = _fields(b"".join(_chunks(packed, tarfile.BLOCKSIZE)))
    if kind not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise _Damaged
    return longer.get("path", name), int(longer.get("size", size))


def _fields(block: bytes) -> tuple[bytes, str, int]:
    """A header's kind, name and size. Source: POSIX, pax, ustar interchange format."""
    size, checksum = (_OCTAL.fullmatch(block[begin:end]) for begin, end in ((124, 136), (148, 156)))
    if not size or not checksum or int(checksum[1], 8) != sum(block[:148] + b" " * 8 + block[156:]):
        raise _Damaged
    return block[156:157], block[:100].rstrip(b"\0").decode("utf-8", "replace"), int(size[1], 8)


def _records(written: bytes) -> dict[str, str]:
    """Of a header of type x: lines such as `30 path=media/site/…`, each after its length in bytes."""
    found = {}
    while written:
        head = _RECORD.match(written)
        line, written = (written[: int(head[1])], written[int(head[1]) :]) if head else (b"", b"")
        value = line[head.end() : -1].decode("utf-8", "replace") if head else ""
        if not head or len(line) != int(head[1]) or line[-1:] != b"\n" or not value:
            raise _Damaged
        found[head[2].decode()] = value
    if not re.fullmatch("[0-9]{1,15}", found.get("size", "0"), re.ASCII):
        raise _Damaged
    return found


def _chunks(packed: IO[bytes], size: int) -> Iterator[bytes]:
    """So many bytes, and past what fills their last block. Raises _Damaged when there are fewer."""
    for count in (*repeat(CHUNK_BYTES, size // CHUNK_BYTES), size % CHUNK_BYTES):
        chunk = packed.read(count)
        if len(chunk) != count:
            raise _Damaged
        yield chunk
    fill = -size % tarfile.BLOCKSIZE
    if len(packed.read(fill)) != fill:
        raise _Damaged
