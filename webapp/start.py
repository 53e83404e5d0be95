"""What `uwsgi.ini` runs once, before the log is redirected and before the fork: checks, initialises, says where.

Its argument is uWSGI's own binary. Exit status 1 stops uWSGI.
It is also run anew by a full reload (HUP), when the address is already ours.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import trouble
from .config import PREFIX, SETTINGS, BadSetting, read
from .instance import LOG, InstanceError, prepare
from .server import UNIX_PATH_BYTES, is_taken, open_fifo

# Its twin is `listen` in uwsgi.ini, which more than this limit of the kernel would stop.
LISTEN = 1024
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


class CannotStart(Exception):
    """Why the site can't start, in one line that names the cure."""


def main() -> int:
    # uWSGI ignores SIGTERM while it starts, and that is inherited.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        settings = read()
        if sys.argv[1:]:
            _refuse(trouble.without_gevent(Path(sys.argv[1])))
        return start(settings, reloaded=os.environ.get("UWSGI_RELOADS", "0") != "0")
    except (BadSetting, InstanceError, CannotStart) as error:
        print(f"Pressroom can't start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _refuse(found: str | None) -> None:
    if found:
        raise CannotStart(found)


def start(settings: dict[str, Any], reloaded: bool) -> int:
    folder: Path = settings["INSTANCE"]
    check_paths(folder)
    prepare(folder)
    if not reloaded:
        check_not_running(folder)
        check_free(settings)
    troubles = of_machine(settings)  # before anything is written: that would be dated today
    make_private_files(folder, "uwsgi.log", "uwsgi.pid", *([LOG] if settings["LOG"] == "json" else []))
    password = initialise(settings)
    warn(settings, troubles)
    print(f"Instance: {folder} (uWSGI's log: {folder / 'uwsgi.log'})")
    print(f"Pressroom: {address(settings)}")
    if password:
        from .cli import first_words

        print(first_words(password, " (said only this once)"))
    return 0


def check_paths(folder: Path) -> None:
    """uWSGI takes its settings from the environment as they stand, and a colon in a log's path for a port."""
    for name in ("PRESSROOM_INSTANCE", "PRESSROOM_SOCKET"):
        if os.environ.get(name, "").startswith("~"):
            raise CannotStart(f"{name}={os.environ[name]!r} can't be used: uWSGI doesn't know ~, write the path out.")
    if ":" in str(folder):
        raise CannotStart(f"PRESSROOM_INSTANCE={str(folder)!r} can't be used: uWSGI wants a path without a colon.")


def is_running(folder: Path) -> bool:
    """Whatever its pid file says."""
    fifo = open_fifo(folder)
    if fifo is not None:
        os.close(fifo)
    return fifo is not None


def check_not_running(folder: Path) -> None:
    if is_running(folder):
        raise CannotStart(
            f"a site already runs on {folder}: reload it with make reload, or stop it with"
            f" kill $(cat {folder / 'uwsgi.pid'})"
        )


def check_free(settings: dict[str, Any]) -> None:
    """Refuse an address or socket that uWSGI couldn't bind; it would say so only in its log."""
    if settings["SOCKET"]:
        check_socket(settings["SOCKET"])
    else:
        check_address(settings["HTTP"])
    if SOMAXCONN.is_file() and int(SOMAXCONN.read_text("ascii")) < LISTEN:
        raise CannotStart(f"the kernel queues too few connections: sudo sysctl -w net.core.somaxconn={LISTEN}")


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
        return f"port {port} is taken by another program: {cure}"
    if error.errno == errno.EACCES:
        return f"port {port} is for root only: {cure}"
    return f"PRESSROOM_HTTP={http!r} is no address of this machine ({error.strerror}): try 127.0.0.1:{port}"


def check_socket(path: Path) -> None:
    if len(os.fsencode(path)) > UNIX_PATH_BYTES:
        raise CannotStart(
            f"PRESSROOM_SOCKET={str(path)!r} is longer than {UNIX_PATH_BYTES} bytes: choose a shorter path"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise CannotStart(f"PRESSROOM_SOCKET: {path.parent} isn't there or not writable: mkdir -p it, or chown it")
    if path.exists() and not path.is_socket():
        raise CannotStart(f"PRESSROOM_SOCKET={str(path)!r} is a file, no socket: move it away")
    if is_taken(path):
        raise CannotStart(f"PRESSROOM_SOCKET={str(path)!r} is taken by another program: choose another path")


def make_private_files(folder: Path, *names: str) -> None:
    """uWSGI would make its own readable by everybody."""
    for name in names:
        try:
            os.close(os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        except OSError as error:
            raise CannotStart(
                f"{folder / name} is not writable ({error.strerror}): sudo chown $(id -un) {folder / name}"
            ) from None


def initialise(settings: dict[str, Any]) -> str | None:
    """The new admin's password if the database was empty."""
    from . import cli

    with one_line(settings):
        return cli.initialise(settings)


@contextmanager
def one_line(settings: dict[str, Any]) -> Iterator[None]:
    """What a database may refuse becomes one line: CannotStart."""
    from sqlalchemy.exc import SQLAlchemyError

    from . import db

    try:
        yield
    except db.SchemaRefused as error:
        raise CannotStart(error) from None
    except OSError as error:
        raise CannotStart(cannot_use(error, settings["INSTANCE"])) from None
    except (SQLAlchemyError, db.DatabaseBusy, ModuleNotFoundError) as error:
        raise CannotStart(database_says(error)) from None


def database_says(error: Exception) -> str:
    reason = str(getattr(error, "orig", None) or error or "it is busy").splitlines()[0]
    return f"the database can't be used: {reason}; see PRESSROOM_DATABASE_URL"


def cannot_use(error: OSError, folder: Path) -> str:
    """What to do about a file that is in the way of serving."""
    owned = trouble.foreign_files(folder) if error.errno in (errno.EACCES, errno.EPERM) else None
    return owned or f"{error.filename} can't be used ({error.strerror}): see .venv/bin/pressroom check"


def of_machine(settings: dict[str, Any], pid: int = 0, holds_streams: bool = True) -> list[str]:
    """What lets the site serve, but badly or not for long. `pid`: a process of the site, if it runs."""
    folder, count = settings["INSTANCE"], settings["BROADCASTERS"]
    workers, broadcasters = trouble.limits(pid)
    found = (
        trouble.few_for_workers(workers),
        trouble.few_readers(count, trouble.room(count, broadcasters)) if holds_streams else None,
        trouble.foreign_files(folder),
        trouble.disk_nearly_full(folder),
        trouble.clock_behind(folder),
    )
    return [line for line in found if line]


def warn(settings: dict[str, Any], troubles: list[str]) -> None:
    for line in troubles:
        print(f"WARNING: {line}", file=sys.stderr)
    if settings["LIMITS"] == "off":
        print("WARNING: PRESSROOM_LIMITS=off: anybody may try passwords and post WITHOUT LIMIT.", file=sys.stderr)
    if on_all_addresses(settings["HTTP"]) and not settings["SOCKET"] and "PRESSROOM_BASE_URL" not in os.environ:
        print(
            "WARNING: reachable from every network, but links in feeds will not work there:"
            " set PRESSROOM_BASE_URL, such as https://news.example.org",
            file=sys.stderr,
        )
    for name in sorted(set(os.environ) - {PREFIX + setting.name for setting in SETTINGS}):
        if name.startswith(PREFIX):
            print(f"WARNING: {name} is no setting; it does nothing.", file=sys.stderr)


def on_all_addresses(http: str) -> bool:
    host = http.rpartition(":")[0].strip("[]")
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def address(settings: dict[str, Any]) -> str:
    """Where to open the site, and where it listens if that is another place."""
    http: str = settings["HTTP"]
    port = http.rpartition(":")[2]
    here = f"http://{'127.0.0.1:' + port if on_all_addresses(http) else http}"
    if settings["SOCKET"]:
        return f"{settings['BASE_URL']} (behind {settings['SOCKET']})"
    if "PRESSROOM_BASE_URL" in os.environ and settings["BASE_URL"] != here:
        return f"{settings['BASE_URL']} (here {here})"
    return here


if __name__ == "__main__":
    sys.exit(main())
