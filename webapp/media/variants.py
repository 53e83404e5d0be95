"""Variants of pictures: files in `media/pictures/` that servers serve as they are, named by content, width and type.

They are a cache: each can be deleted at any moment, and is made again of its original when somebody asks. What makes
them is `decoder.py`, in a process of its own and one at a time over all workers, since each may need 600 MB.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..system import programs
from ..system.locks import file_lock
from . import decoder

# Of its own, since uWSGI takes what is beside a folder that it serves for a part of it if its name begins alike.
FOLDER = "media/pictures"
DECODER_SECONDS = 30.0  # of the clock; of CPU it allows itself ten
WAITING_SECONDS = 20.0
READ_BYTES = 64
SIGKILL, SIGXCPU = 9, 24  # which Windows' signal module doesn't know
LEFT_SECONDS = 3_600.0
# Files that begin so. Source: WHATWG MIME Sniffing 6.1; AVIF and HEIC: ISO/IEC 23008-12, 10.
_BRANDS = {b"avif": "avif", b"avis": "avif"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "heic"
)


class BadPicture(Exception):
    """Why a file can't become a picture: `heic`, `svg`, `unknown`, `empty`, `pixels`, `shape`, `frames`, `memory`,
    `time`, `disk` or `broken`."""


class NotWanted(Exception):
    """It was deleted while it was decoded."""


class DecoderBusy(Exception):
    """Others wait for it as well. What was sent is kept."""


@dataclass(frozen=True)
class Decoded:
    """A picture's size in pixels, upright; `ground` is its average colour, such as #a1b2c3. `fallback` is the type of
    the files for browsers without WebP: jpg, png where something shows through, webp for an animation, which has one
    file. `files` are the variants that were made."""

    width: int
    height: int
    frames: int
    fallback: str
    ground: str
    files: list[str] = field(default_factory=list)


def kind_of(head: bytes) -> str:
    """The type by a file's first READ_BYTES: a key of decoder.FORMATS. Raises BadPicture."""
    if not head:
        raise BadPicture("empty")
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    raise BadPicture("svg" if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) else "unknown")


def _of_brands(head: bytes) -> str:
    size = min(int.from_bytes(head[:4]), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    kinds = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    if "avif" in kinds:
        return "avif"
    raise BadPicture("heic" if kinds else "unknown")


def files_of(name: str, width: int, height: int, fallback: str) -> list[str]:
    """The names of all variants of a picture, the smallest first."""
    if fallback == "webp":
        return [f"{name}-{animated_width(width, height)}.webp"]
    return [f"{name}-{to}.{ending}" for to in decoder.widths(width, height) for ending in ("webp", fallback)]


def animated_width(width: int, height: int) -> int:
    sizes = decoder.widths(width, height)
    return max((each for each in sizes if each <= decoder.ANIMATED_WIDTH), default=sizes[0])


@dataclass(frozen=True)
class Original:
    """A file to decode: the picture's name, `kind_of` the file, and the most pixels that it may have."""

    name: str
    kind: str
    max_pixels: int


def make_first(instance: Path, file: BinaryIO, original: Original, is_wanted: Callable[[], bool]) -> Decoded:
    """Decode a picture, and put the variants there that readers meet first.

    file: has a descriptor; is_wanted: whether the picture is, still, when it is decoded.
    Raises BadPicture, NotWanted, DecoderBusy when others take longer than WAITING_SECONDS, OSError on a full disk.
    """
    with _decoder(instance) as folder:
        decoded = _run(folder, file, original, None)
        _put(folder, decoded.files, instance, is_wanted)
        return decoded


def make(
    instance: Path, file: BinaryIO, original: Original, files: Iterable[str], is_wanted: Callable[[], bool]
) -> None:
    """Those of `files`, each one of `files_of`, that aren't there. The rest as `make_first`."""
    with _decoder(instance) as folder:
        missing = [each for each in files if not (instance / FOLDER / each).exists()]
        if missing:
            _put(folder, _run(folder, file, original, missing).files, instance, is_wanted)


@contextmanager
def _decoder(instance: Path) -> Iterator[Path]:
    """The one that has the decoder, with a folder to work in."""
    try:
        with (
            file_lock(instance / "locks" / "decoder", WAITING_SECONDS),
            tempfile.TemporaryDirectory(prefix="decoder-", dir=instance / "tmp") as folder,
        ):
            yield Path(folder)
    except TimeoutError:
        raise DecoderBusy from None


def _put(folder: Path, files: list[str], instance: Path, is_wanted: Callable[[], bool]) -> None:
    if not is_wanted():
        raise NotWanted
    for file in files:
        (folder / file).chmod(0o644)
        (folder / file).replace(instance / FOLDER / file)


def _run(folder: Path, file: BinaryIO, original: Original, files: list[str] | None) -> Decoded:
    job = {
        "folder": str(folder),
        "name": original.name,
        "type": original.kind,
        "files": None if files is None else [_pair(each) for each in files],
        "max_pixels": original.max_pixels,
    }
    file.seek(0)
    command = [_python(), "-I", decoder.__file__, json.dumps(job)]
    environ = {"PATH": os.defpath, "TMPDIR": str(folder)}
    try:
        ended = programs.run(command, file, folder, environ, DECODER_SECONDS)
    except TimeoutError:
        raise BadPicture("time") from None
    answer = _answer(ended.stdout)
    if answer is None:
        raise _why(ended)
    if "error" in answer:
        raise BadPicture(answer["error"])
    return Decoded(**answer)


def _answer(said: bytes) -> dict[str, Any] | None:
    with suppress(ValueError):
        answer = json.loads(said)
        if isinstance(answer, dict):
            return answer
    return None


def _why(ended: programs.Ended) -> Exception:
    """Of a decoder that came to no answer: the kernel ended it, at its limit of CPU or for want of memory."""
    if ended.status == -SIGKILL:
        return DecoderBusy()  # by the kernel for want of memory, or by somebody: it may go well the next time
    if ended.status < 0:
        return BadPicture("time" if ended.status == -SIGXCPU else "memory")
    lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    return RuntimeError(f"the decoder of pictures ended with {ended.status}: {lines[-1] if lines else ''}")


def _pair(file: str) -> tuple[int, str]:
    width, _, ending = file.rpartition("-")[2].partition(".")
    return int(width), ending


def _python() -> str:
    """Under uWSGI sys.executable is uwsgi."""
    beside = Path(sys.prefix) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return str(beside) if beside.exists() else sys.executable


@contextmanager
def nothing_made(instance: Path) -> Iterator[None]:
    """Meanwhile no decoder runs, and what one that was killed has left is gone; unless it takes too long."""
    try:
        with _decoder(instance) as folder:
            for left in (instance / "tmp").glob("decoder-*"):
                if left != folder:
                    shutil.rmtree(left, ignore_errors=True)
            yield
    except DecoderBusy:
        yield


def names(instance: Path) -> set[str]:
    """Of the pictures that have variants."""
    return {file.name.partition("-")[0] for file in (instance / FOLDER).iterdir()}


def sweep(instance: Path) -> None:
    """What a decoder or an import left that was killed."""
    for left in (*(instance / "tmp").glob("decoder-*"), *(instance / "tmp").glob("import-*")):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def delete(instance: Path, name: str) -> list[str]:
    """All variants of a picture; their names."""
    files = sorted((instance / FOLDER).glob(f"{name}-*.*"))
    for file in files:
        file.unlink(missing_ok=True)
    return [file.name for file in files]
