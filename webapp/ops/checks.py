"""What lets no site start, each as CannotStart with one line that names the cure."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..system.locks import try_lock
from ..system.server import UNIX_PATH_BYTES, is_taken, open_fifo
from . import diagnosis

# Its twin is `listen` in uwsgi.ini, which more than this limit of the kernel would stop.
LISTEN = 1024
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


class CannotStart(Exception):
    """Why the site can't start, in one line that names the cure."""


def check_paths(folder: Path) -> None:
    """uWSGI takes its settings from the environment as they stand, and a colon in a log's path for a port."""
    for name in ("PRESSROOM_INSTANCE", "PRESSROOM_SOCKET"):
        if os.environ.get(name, "").startswith("~"):
            raise CannotStart(f"{name}={os.environ[name]!r} can't be used: uWSGI doesn't expand ~, use the full path.")
    if ":" in str(folder):
        raise CannotStart(f"PRESSROOM_INSTANCE={str(folder)!r} can't be used: uWSGI doesn't accept a colon in a path.")


def is_running(folder: Path) -> bool:
    """Whatever its pid file says."""
    fifo = open_fifo(folder)
    if fifo is not None:
        os.close(fifo)
    return fifo is not None


def sites_of(code: Path) -> list[Path]:
    """The instances of this user's sites that run with `code`, the folder of their uwsgi.ini. Linux only."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's, or gone
            if b"webapp.broadcaster" in (process / "cmdline").read_bytes():
                lines = os.fsdecode((process / "environ").read_bytes()).split("\0")
                variables = {name: value for name, _, value in (line.partition("=") for line in lines)}
                if Path(variables.get("PYTHONPATH", "")) == code and "PRESSROOM_INSTANCE" in variables:
                    found.add(Path(variables["PRESSROOM_INSTANCE"]))
    return sorted(found)


def check_not_running(folder: Path, instead: str = "reload it with make reload") -> None:
    """instead: what to do that leaves the site running."""
    if is_running(folder):
        stop = f"stop it with kill $(cat {folder / 'uwsgi.pid'})"
        raise CannotStart(f"a site is already running on {folder}: {instead}, or {stop}")


@contextmanager
def alone(folder: Path, instead: str) -> Iterator[None]:
    """No site runs here, under whichever server, and nobody else restores or moves it."""
    check_not_running(folder, instead)
    with contextlib.ExitStack() as stack:
        for name, words in (("healer", "a site runs on it: stop it"), ("restore", "another restore is in progress")):
            held = try_lock(folder / "locks" / name)
            if held is None:
                raise CannotStart(f"{folder} is in use, {words} first")
            stack.callback(os.close, held)
        yield


def check_free(settings: dict[str, Any]) -> None:
    """Refuse an address or socket that uWSGI couldn't bind; it would say so only in its log."""
    if settings["SOCKET"]:
        check_socket(settings["SOCKET"])
    else:
        check_address(settings["HTTP"])
    if SOMAXCONN.is_file() and int(SOMAXCONN.read_text("ascii")) < LISTEN:
        raise CannotStart(f"the kernel's listen queue is too short: sudo sysctl -w net.core.somaxconn={LISTEN}")


def check_address(http: str) -> None:
    host, _, port = http.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":  # on Windows it would bind what another program has
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise CannotStart(_why_not(http, error)) from None


def _why_not(http: str, error: OSError) -> str:
    host, _, port = http.rpartition(":")
    other = int(port) + 1 if 1024 <= int(port) < 65535 else 8000
    cure = f"choose another with PRESSROOM_HTTP={host}:{other} make serve"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program: {cure}"
    if error.errno == errno.EACCES:
        return f"port {port} requires root: {cure}"
    return f"PRESSROOM_HTTP={http!r} isn't an address of this machine ({error.strerror}): try 127.0.0.1:{port}"


def check_socket(path: Path) -> None:
    if len(os.fsencode(path)) > UNIX_PATH_BYTES:
        raise CannotStart(
            f"PRESSROOM_SOCKET={str(path)!r} is longer than {UNIX_PATH_BYTES} bytes: choose a shorter path"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise CannotStart(f"PRESSROOM_SOCKET: {path.parent} doesn't exist or isn't writable: create it, or chown it")
    if path.exists() and not path.is_socket():
        raise CannotStart(f"PRESSROOM_SOCKET={str(path)!r} is a file, not a socket: remove it")
    if is_taken(path):
        raise CannotStart(f"PRESSROOM_SOCKET={str(path)!r} is in use by another program: choose another path")


@contextmanager
def one_line(settings: dict[str, Any]) -> Iterator[None]:
    """What a database may refuse becomes one line: CannotStart."""
    from sqlalchemy.exc import SQLAlchemyError

    from ..db.engine import DatabaseBusy
    from ..db.schema import SchemaRefused

    try:
        yield
    except SchemaRefused as error:
        raise CannotStart(error) from None
    except OSError as error:
        raise CannotStart(cannot_use(error, settings["INSTANCE"])) from None
    except (SQLAlchemyError, DatabaseBusy, ModuleNotFoundError) as error:
        raise CannotStart(database_says(error)) from None


def database_says(error: Exception) -> str:
    from ..db import faults

    return f"the database can't be used: {faults.line(error)}"


def cannot_use(error: OSError, folder: Path) -> str:
    """What to do about a file that is in the way of serving."""
    owned = diagnosis.foreign_files(folder) if error.errno in (errno.EACCES, errno.EPERM) else None
    return owned or f"{error.filename} can't be used ({error.strerror}): see .venv/bin/pressroom check"
