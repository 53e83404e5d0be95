"""Numbers that every process of a site counts for itself, and any of them adds up.

Each process has a file, locked for as long as it lives. Whoever starts takes the first that nobody holds and counts on
from there, so a reload or a killed worker loses nothing, and there are never more files than there were processes at
once. A file is written whole, at each count, by one small write. Not through a mapping: where the disk has no room for
a mapped page the kernel ends the process (SIGBUS), while a write just fails and the next one says it all.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from ..system.locks import try_lock

KIND = "Q"
NUMBER_BYTES = 8
FILES = 1024


class Counters:
    """Whole numbers, one for each of `names`. In memory alone until `persist`."""

    def __init__(self, names: list[str]) -> None:
        # What the file's numbers mean is in front of them: other code may have counted other things.
        self._layout = crc32("\n".join(names).encode())
        self._numbers = array(KIND, [self._layout, *([0] * len(names))])
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._name = ""
        self._file: int | None = None

    def persist(self, folder: Path) -> None:
        """Go on from what another process left in `folder`, and add up what all of them count. Raises OSError."""
        if not hasattr(os, "pwrite"):  # Windows, where one process serves
            return
        for index in range(FILES):
            held = try_lock(folder / f"counts-{index}")
            if held is not None:
                break
        else:
            return
        with self._lock:
            self._folder, self._name, self._file = folder, f"counts-{index}", held
            self._gather(self._numbers, os.pread(held, len(self._numbers) * NUMBER_BYTES, 0))
            os.ftruncate(held, len(self._numbers) * NUMBER_BYTES)  # other code may have counted more
            self._write()

    def close(self) -> None:
        """Let another process have the file."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def add(self, index: int) -> None:
        """One more of that name."""
        with self._lock:
            self._numbers[index + 1] += 1
            self._write()

    def add_measured(self, first: int, second: int, measured: int, amount: int) -> None:
        """One more of the first two and `amount` more of the third, in one write."""
        with self._lock:
            numbers = self._numbers
            numbers[first + 1] += 1
            numbers[second + 1] += 1
            numbers[measured + 1] += amount
            self._write()

    def _write(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk is not what a request should fail for
                os.pwrite(self._file, self._numbers, 0)

    def total(self) -> list[int]:
        """Of each name, over all processes, those that have ended included."""
        total = array(KIND, self._numbers)
        for content in self._others():
            self._gather(total, content)
        return total[1:].tolist()

    def _others(self) -> Iterator[bytes]:
        for path in self._folder.glob("counts-*") if self._folder else ():
            if path.name != self._name:
                with suppress(OSError):
                    yield path.read_bytes()

    def _gather(self, into: array[int], content: bytes) -> None:
        """Nothing of a file that other code wrote, or that is cut short."""
        if len(content) != len(into) * NUMBER_BYTES:
            return
        numbers = array(KIND, content)
        if numbers[0] == self._layout:
            for index in range(1, len(into)):
                into[index] += numbers[index]
