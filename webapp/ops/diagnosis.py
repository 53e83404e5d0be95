"""What goes wrong around a site, each in one line that names the cure: for the start and for `pressroom check`.

Each function returns the line, or None where all is well.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..config import PREFIX, resources

try:
    import resource
except ImportError:  # Windows, which knows no such limit, nor streams that are held
    resource = None  # type: ignore[assignment]

# 500 requests at once (gevent in uwsgi.ini), each with its connection and a file.
WORKER_DESCRIPTORS = 1024
# With fewer, a post that goes round leaves most of its readers polling.
FEW_READERS = 2_000
UWSGI = Path(sys.prefix) / "bin" / "uwsgi"
PACKAGES = sysconfig.get_path("purelib")
LITTLE_SPACE_BYTES = 200_000_000
FEW_FILES = 2_000  # a page and its packed twin are several
DAY_SECONDS = 86_400
LOG_BYTES = 200_000
MORE_FILES = "raise the open-file limit (LimitNOFILE= in a systemd unit, ulimit -n in a shell)"
# What stands in uWSGI's log, and what it means.
IN_LOG = {
    "listen queue of socket": "the listen queue overflowed: sudo sysctl -w net.core.somaxconn=4096,"
    " and listen = 4096 in uwsgi.ini",
    "Too many open files": f"a process reached its open-file limit: {MORE_FILES}",
    "No space left on device": "the disk was full: free some space",
}


def uwsgi_command() -> list[str]:
    """How to serve. uwsgi.ini is told the program, since with the wheel pyuwsgi uWSGI takes Python for its own."""
    return [str(UWSGI), "--set-placeholder", f"program={UWSGI}", "--ini", str(resources() / "uwsgi.ini")]


def unusable(binary: Path) -> str | None:
    """Why this uWSGI can't serve the site, by asking it."""
    if binary.name.startswith("python"):
        return "the uWSGI of the wheel pyuwsgi can't be started directly: use pressroom serve"
    try:
        plugins, version = _asked(binary, "--plugins-list"), _asked(binary, "--python-version").strip()
    except OSError as error:
        return f"{binary} can't be run ({error.strerror}): make serve installs it"
    if "gevent" not in plugins.split():
        cure = "serve with .venv/bin/uwsgi --ini uwsgi.ini, which make serve installs"
        return f"{binary} was built without gevent: {cure}"
    # pip keeps what it compiled for another Python of this machine, and takes it for this one too.
    if version != platform.python_version():
        cure = f"{sys.executable} -m pip install --force-reinstall --no-cache-dir --no-deps uwsgi"
        return f"{binary} was built for Python {version}, and this is {platform.python_version()}: {cure}"
    return None


def finds_no_packages(binary: Path) -> str | None:
    """uWSGI reads its own path as ASCII, and else takes the machine's Python for its own."""
    if str(binary).isascii() or PACKAGES in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        return None
    return f"uWSGI finds no packages below {binary.parent.parent}, whose name isn't ASCII: use pressroom serve"


def _asked(binary: Path, option: str) -> str:
    """uWSGI's variables would be options to it; systemd isn't meant."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("UWSGI_", "NOTIFY_SOCKET"))}
    done = subprocess.run([binary, option], capture_output=True, text=True, env=environ, check=False)  # noqa: S603
    return done.stdout + done.stderr


def limits(pid: int = 0) -> tuple[int, int]:
    """How many files that process may open, and how many it may allow itself; one's own for 0."""
    if resource is None:
        return WORKER_DESCRIPTORS, WORKER_DESCRIPTORS
    if pid and hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError):  # somebody else's
            return resource.prlimit(pid, resource.RLIMIT_NOFILE)
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def few_for_workers(descriptors: int) -> str | None:
    if descriptors >= WORKER_DESCRIPTORS:
        return None
    return f"a worker can open only {descriptors} files but needs {WORKER_DESCRIPTORS} under load: {MORE_FILES}"


def room(broadcasters: int, descriptors: int) -> int:
    """How many streams so many broadcasters hold that may open so many files each."""
    from ..live import stream

    return broadcasters * max(0, descriptors - stream.RESERVED_DESCRIPTORS)


def few_readers(broadcasters: int, readers: int) -> str | None:
    if readers >= FEW_READERS:
        return None
    return f"only {readers:,} readers can hold a stream. {more_readers(broadcasters)}"


def more_readers(broadcasters: int) -> str:
    return f"To raise the limit: PRESSROOM_BROADCASTERS={broadcasters + 1}, or {MORE_FILES}."


def foreign_files(folder: Path) -> str | None:
    """What somebody else owns and we can't write: left by a command that was run as root, as a rule."""
    if not hasattr(os, "geteuid"):
        return None
    for path in (folder, *_below(folder)):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            found, me = path.lstat().st_uid, os.geteuid()
            if found != me and not path.is_symlink() and not os.access(path, os.W_OK):
                owner = name_of(me)
                return f"{path} belongs to {name_of(found)}, and the site to {owner}: sudo chown -R {owner} {folder}"
    return None


def _below(folder: Path) -> Iterator[Path]:
    """Stored pages are many: of those, the folders that hold them."""
    descended = {str(folder / "pages"): [".under"], str(folder / "pages" / ".under"): []}
    for top, folders, files in os.walk(folder):
        for name in folders + files:
            yield Path(top, name)
        folders[:] = descended.get(top, folders)


def name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def disk_nearly_full(folder: Path) -> str | None:
    free, files = shutil.disk_usage(folder).free, _files_left(folder)
    if free < LITTLE_SPACE_BYTES:
        left, cure = f"{free // 1_000_000} MB are left", "free some space"
    elif files is not None and files < FEW_FILES:
        left, cure = f"it has room for {files} more files (df -i)", "delete files"
    else:
        return None
    return (
        f"the disk is nearly full, {left} for {folder}:"
        f" {cure}, or move the folder to another disk and set PRESSROOM_INSTANCE"
    )


def _files_left(folder: Path) -> int | None:
    """Inodes; None where they aren't counted, as on Btrfs."""
    if not hasattr(os, "statvfs"):
        return None
    disk = os.statvfs(folder)
    return disk.f_favail if disk.f_files else None


def clock_behind(folder: Path) -> str | None:
    """A clock that is behind what was written already. For one that is ahead, or was, see setup.dated_ahead."""
    written = {path: path.stat().st_mtime for path in _dated(folder) if path.exists()}
    newest = max(written, key=lambda path: written[path])
    now = time.time()
    if written[newest] - now < DAY_SECONDS:
        return None
    return (
        f"the clock is wrong: it says {_date(now)}, but {newest} was written on {_date(written[newest])}:"
        " set it with sudo timedatectl set-ntp true"
    )


def _dated(folder: Path) -> list[Path]:
    return [folder / "pressroom.db", folder / "pressroom.db-wal", folder / "uwsgi.log", Path(__file__)]


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def beside_pages(folder: Path) -> str | None:
    """uWSGI takes what is beside a folder that it serves, and whose name begins alike, for a part of it (core/static.c,
    2.0.31)."""
    for name in ("pages", "assets"):
        for path in sorted(folder.glob(f"{name}?*")):
            return f"{path} can be read by everybody, as its name begins like that of {name}/: rename or remove it"
    return None


def in_log(folder: Path) -> list[str]:
    """What only uWSGI and its workers could say, since they were last started."""
    log = folder / "uwsgi.log"
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES))
        tail = file.read().decode(errors="replace").rpartition("*** Starting uWSGI")[2]
    refused = [line for line in tail.splitlines() if line.startswith("Pressroom can't start: ")]
    known = [f"{cure} ({words!r} in {log})" for words, cure in IN_LOG.items() if words in tail]
    return [*dict.fromkeys(refused), *known]


def of_settings(settings: dict[str, Any]) -> list[str]:
    """Settings that contradict each other: the site serves, but with wrong links, cookies or addresses of readers."""
    url: str = settings["BASE_URL"]
    if settings["SOCKET"] and PREFIX + "BASE_URL" not in os.environ:
        cure = "set PRESSROOM_BASE_URL to the public address, such as https://news.example.org"
        return [f"PRESSROOM_SOCKET is set without PRESSROOM_BASE_URL, so links in feeds lead to {url}: {cure}"]
    if url.startswith("https:") and not settings["SOCKET"] and not settings["PROXIES"]:
        cure = "set PRESSROOM_PROXIES=1, and let the proxy send X-Forwarded-For and X-Forwarded-Proto"
        return [f"PRESSROOM_PROXIES is 0 behind a proxy with https, so all readers have the proxy's address: {cure}"]
    return []


def of_machine(settings: dict[str, Any], pid: int = 0, holds_streams: bool = True) -> list[str]:
    """What lets the site serve, but badly or not for long. `pid`: a process of the site, if it runs."""
    folder, count = settings["INSTANCE"], settings["BROADCASTERS"]
    workers, broadcasters = limits(pid)
    warnings = (
        few_for_workers(workers),
        few_readers(count, room(count, broadcasters)) if holds_streams else None,
        foreign_files(folder),
        disk_nearly_full(folder),
        clock_behind(folder),
        beside_pages(folder),
    )
    return [line for line in warnings if line]
