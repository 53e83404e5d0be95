"""Runs one of our environment's programs in a Python that lacks what Python lacks on Windows.

    python -m tests.support.as_on_windows waitress-serve --listen 127.0.0.1:8000 webapp.wsgi:app

Gone: what typeshed has for no Windows, as whole modules (fcntl, resource, pwd …) and in os, socket, select, signal and
time (fork, geteuid, O_NONBLOCK, AF_UNIX, send_fds, epoll, poll, SIGHUP, tzset …), and every function's `dir_fd`.
As there: links take a privilege, a folder can't be opened, nor a file that this process has open be renamed, replaced
or deleted, a rename replaces nothing, only who may write to a file may sync it, locks are msvcrt's, text is of a code
page for whoever names no encoding.

Not imitated: sys.platform and os.name, so that libraries stay with what they have for Linux; backslashes, drives, names
without case, and those that can't be; modes of files; what another process has open; loopback pairs of sockets; how a
process is ended.
"""

from __future__ import annotations

import ast
import errno
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

CODE_PAGE = "cp1252"
CHANGED = (os, socket, select, signal, time)
SETS = ("supports_dir_fd", "supports_fd", "supports_effective_ids", "supports_follow_symlinks")


def stubs() -> Path:
    found = find_spec("mypy")
    assert found and found.origin
    return Path(found.origin).parent / "typeshed" / "stdlib"


def names(stub: Path, platform: str) -> set[str]:
    """What a module has there."""
    known = {"sys": SimpleNamespace(platform=platform, version_info=sys.version_info), "TYPE_CHECKING": True}

    def found(nodes: list[ast.stmt]) -> Iterator[str]:
        for node in nodes:
            match node:
                case ast.If():
                    holds = eval(compile(ast.Expression(node.test), str(stub), "eval"), known)  # noqa: S307
                    yield from found(node.body if holds else node.orelse)
                case ast.FunctionDef() | ast.ClassDef():
                    yield node.name
                case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                    yield name
                case ast.ImportFrom():  # a stub hands on only what it imports by a name
                    yield from (alias.asname for alias in node.names if alias.asname)

    return set(found(ast.parse(stub.read_text("utf-8")).body))


def missing(stub: Path) -> tuple[set[str], bool]:
    """What a module lacks on Windows, and whether it has nothing there."""
    there = names(stub, "win32")
    return names(stub, "linux") - there, not any(name[0] != "_" for name in there)


def hide_modules() -> None:
    """Those that others have imported already, for Linux, stay with them."""
    for stub in stubs().glob("*.pyi"):
        if "win32" in stub.read_text("utf-8"):
            lacking, is_gone = missing(stub)
            if lacking and is_gone:
                sys.modules[stub.stem] = None  # type: ignore[assignment]


def hide_names(module: ModuleType) -> None:
    folder = stubs() / module.__name__
    stub = folder / "__init__.pyi" if folder.is_dir() else folder.with_suffix(".pyi")
    for name in missing(stub)[0]:
        if hasattr(module, name):
            delattr(module, name)


class Files:
    """What of the file system's calls behaves otherwise."""

    def __init__(self) -> None:
        from fcntl import F_GETFL, LOCK_EX, LOCK_NB, LOCK_UN, fcntl, flock

        self.was = {name: getattr(os, name) for name in ("open", "fsync", "rename", "replace", "unlink")}
        self.is_writable = lambda descriptor: fcntl(descriptor, F_GETFL) & (os.O_WRONLY | os.O_RDWR)
        self.msvcrt = ModuleType("msvcrt")
        how = {"LK_UNLCK": LOCK_UN, "LK_NBLCK": LOCK_EX | LOCK_NB}
        vars(self.msvcrt).update({name: number for number, name in enumerate(how)})
        vars(self.msvcrt)["locking"] = lambda descriptor, mode, _bytes: flock(descriptor, [*how.values()][mode])

    def change(self) -> None:
        sys.modules["msvcrt"] = self.msvcrt
        for name in (*self.was, "symlink"):
            setattr(os, name, getattr(self, name))
        os.remove = self.unlink

    def symlink(self, _source: Any, target: Any, *_: Any) -> None:
        raise OSError(errno.EINVAL, "A required privilege is not held by the client", str(target))

    def open(self, path: Any, *more: Any) -> Any:
        if os.path.isdir(path):  # noqa: PTH112 (it may be bytes)
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return self.was["open"](path, *more)

    def fsync(self, file: Any) -> None:
        if not self.is_writable(file if isinstance(file, int) else file.fileno()):
            raise OSError(errno.EBADF, "Bad file descriptor")
        self.was["fsync"](file)

    def rename(self, source: Any, target: Any) -> None:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists", str(source))
        self.replace(source, target)

    def replace(self, source: Any, target: Any) -> None:
        self._refuse_open(source)
        self._refuse_open(target)
        self.was["replace"](source, target)

    def unlink(self, path: Any) -> None:
        self._refuse_open(path)
        self.was["unlink"](path)

    def _refuse_open(self, path: Any) -> None:
        real = os.path.realpath(os.fsdecode(path))
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                held = str(descriptor.readlink())
            except FileNotFoundError:  # the one that listed them, or another thread's
                continue
            if held == real or held.startswith(f"{real}/"):
                reason = "The process cannot access the file because it is being used by another process"
                raise PermissionError(errno.EACCES, reason, str(path))


def import_for_windows() -> None:
    """What asks os.name alone, and can do both."""
    name, os.name = os.name, "nt"
    try:
        import waitress.trigger  # noqa: F401
    finally:
        os.name = name


def import_for_linux() -> Callable[[], None]:
    """What couldn't be loaded later, or keeps what it found; gives what is to be done at the end."""
    import asyncio  # noqa: F401
    import collections
    import getpass  # noqa: F401
    import shutil
    import subprocess  # noqa: F401 (for which msvcrt would be a sign of Windows)
    import tempfile

    import click._termui_impl  # noqa: F401

    statvfs, usage = os.statvfs, collections.namedtuple("usage", "total used free")

    def disk_usage(path: Any) -> Any:
        found = statvfs(path)
        total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
        return usage(total, total - free, free)

    def end() -> None:
        shutil.disk_usage = disk_usage
        tempfile.TemporaryFile = tempfile.NamedTemporaryFile  # type: ignore[assignment]

    return end


def pretend() -> None:
    import warnings

    for name in SETS:
        getattr(os, name).clear()
    hide_names(select)
    files, end = Files(), import_for_linux()
    import_for_windows()
    hide_modules()
    for module in CHANGED:
        hide_names(module)
    files.change()
    end()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=CODE_PAGE)  # type: ignore[union-attr]
    warnings.filterwarnings("ignore", category=EncodingWarning)
    warnings.filterwarnings("error", category=EncodingWarning, module=r"webapp\b")


if __name__ == "__main__":
    if not sys.flags.warn_default_encoding:
        os.execv(sys.executable, [sys.executable, "-X", "warn_default_encoding", *sys.orig_argv[1:]])  # noqa: S606
    import numpy  # noqa: F401  by sys.platform it looks for what only Linux has

    pretend()
    import runpy

    program = Path(sys.executable).parent / sys.argv[1]
    sys.argv = [str(program), *sys.argv[2:]]
    runpy.run_path(str(program), run_name="__main__")
