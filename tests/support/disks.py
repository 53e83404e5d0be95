"""Disks of a test's own, which fill up or can't be written any more.

Where nothing may be mounted, the processes of the site are forbidden to write instead: the kernel refuses it in the
same places, with another reason.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.uwsgi_server import UwsgiServer
from tools.processes import until


class Disk:
    """A folder that a site is on. `reason`: what it says when it is full, `reason_unwritable` when it can't be written.

    server: whose processes write there; to be set before anything happens.
    """

    server: UwsgiServer

    reason = reason_unwritable = os.strerror(errno.EFBIG)

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Let nothing be written."""
        self._allow(0)

    def free(self) -> None:
        self._allow(resource.RLIM_INFINITY)

    fail = freeze = fill
    repair = thaw = free

    def _allow(self, size: int) -> None:
        for process in self.server.family():
            _soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


class Tmpfs(Disk):
    """A small file system in memory, filled by a file."""

    reason = os.strerror(errno.ENOSPC)

    def fill(self) -> None:
        """To the last block, whoever else writes meanwhile."""
        descriptor = os.open(self.path / "ballast", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            size = 0
            for step in (1 << 20, 1 << 12):
                while _grown(descriptor, size, step):
                    size += step
        finally:
            os.close(descriptor)

    def free(self) -> None:
        (self.path / "ballast").unlink()


def _grown(descriptor: int, size: int, step: int) -> bool:
    try:
        os.posix_fallocate(descriptor, size, step)
    except OSError as error:
        assert error.errno == errno.ENOSPC
        return False
    return True


class Ext4(Disk):
    """A file system in a file, with what happens to one while files on it are open for writing."""

    reason_unwritable = f"{os.strerror(errno.EROFS)}. Look into the kernel's log"

    def fail(self) -> None:
        """As the kernel does upon an error: nobody can write any more, whatever files they have open."""
        _run("sync", "--file-system", self.path)
        _run("mount", "-o", "remount,abort", self.path)

    def repair(self) -> None:
        """Nobody may have a file open there. A mount namespace that another test made meanwhile keeps it as it is."""
        image = f"{self.path}.image"
        _run("umount", self.path)
        in_use = ["losetup", "--associated", image]
        until(lambda: not subprocess.run(in_use, capture_output=True, check=True).stdout, "the image was let go")
        subprocess.run(["fsck.ext4", "-p", image], capture_output=True, check=False)
        _run("mount", "-o", "loop", image, self.path)

    def freeze(self) -> None:
        """Nothing can be written, not even to open files. What can't be frozen, such as a FIFO, is left as it is."""
        _run("sync", "--file-system", self.path)
        subprocess.run(["chattr", "-R", "-f", "+i", self.path], check=False)

    def thaw(self) -> None:
        subprocess.run(["chattr", "-R", "-f", "-i", self.path], check=False)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], capture_output=True, check=True)


@contextmanager
def tmpfs(folder: Path, megabytes: int) -> Iterator[Disk]:
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs") as is_mounted:
        yield (Tmpfs if is_mounted else Disk)(folder)


@contextmanager
def ext4(folder: Path, megabytes: int) -> Iterator[Disk]:
    image = Path(f"{folder}.image")
    with image.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    if shutil.which("mkfs.ext4"):
        _run("mkfs.ext4", "-q", image)
    with _mounted(folder, "-o", "loop", image) as is_mounted:
        yield (Ext4 if is_mounted else Disk)(folder)


@contextmanager
def _mounted(folder: Path, *options: object) -> Iterator[bool]:
    folder.mkdir()
    is_mounted = subprocess.run(["mount", *map(str, options), str(folder)], check=False).returncode == 0
    folder.chmod(0o711)
    try:
        yield is_mounted
    finally:
        if is_mounted:
            _run("umount", folder)
