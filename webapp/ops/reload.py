"""What `make reload` runs: new code for a site that goes on meanwhile, without a lost request or stream.

The new code is rehearsed first: a site on an empty folder, started as uwsgi.ini says, must answer and hold streams.
(`uwsgi --no-server` would see less, neither a template nor the broadcaster, and crashes when it leaves a greenlet.)
Only then the database's schema is upgraded, and one worker after the other replaced.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..config import BadSetting, read, resources
from ..system import screen
from ..system.locks import try_lock
from ..system.server import open_fifo
from . import checks, diagnosis, setup

INI = resources() / "uwsgi.ini"
# The first is made and stored for everybody, the other made each time.
PATHS = ("/", "/login")
REHEARSAL_SECONDS = 30.0
STOP_SECONDS = 30.0
# A worker has 20 seconds for its last requests (worker-reload-mercy), and some more to import the app.
WORKER_SECONDS = 60.0
ATTEMPTS = 3
UNLOGGED_SECONDS = 5.0
COMPLETE = "chain reloading complete"
COMPLAINTS = (
    re.compile(r"^Traceback .*\n(?:(?:[ \t].*)?\n)*.+", re.MULTILINE),
    re.compile(r"^Pressroom can't start: .*", re.MULTILINE),
)

BROADCASTER = "broadcaster.py"

# It is on this machine, whatever http_proxy says.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CannotReload(Exception):
    """What keeps the site as it was."""


def main() -> int:
    screen.guard()
    try:
        settings = read()
        with checks.one_line(settings):
            reload(settings)
    except (CannotReload, BadSetting, checks.CannotStart) as error:
        print(f"Not reloaded: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def reload(settings: dict[str, Any]) -> None:
    folder: Path = settings["INSTANCE"]
    if not checks.is_running(folder):
        raise CannotReload(f"no site runs on {folder}: make serve")
    lock = try_lock(folder / "locks" / "reload")
    if lock is None:
        raise CannotReload("another reload is in progress.")
    try:
        print("Testing the new code …", flush=True)
        rehearse()
        setup.upgrade_schema(settings)
        print("Replacing the workers …", flush=True)
        replace_workers(folder)
    finally:
        os.close(lock)
    print("All workers run the new code.")
    if INI.stat().st_mtime > (folder / "uwsgi.pid").stat().st_mtime:
        print("uwsgi.ini has changed since the site started. Restart the site to apply it.", file=sys.stderr)


# The rehearsal


def rehearse() -> None:
    """Raises CannotReload when the code that is there now can't serve."""
    with tempfile.TemporaryDirectory(prefix="pressroom-") as folder, _started(Path(folder)) as (site, url):
        if wanting := _wanting(site, Path(folder), url):
            raise CannotReload(f"the new code {wanting}.\n{_complaint(Path(folder))}".rstrip())


@contextmanager
def _started(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    # NOTIFY_SOCKET is systemd's, of the site that runs.
    others = ("PRESSROOM_SOCKET", "PRESSROOM_DATABASE_URL", "PRESSROOM_TRUSTED_HOSTS", "NOTIFY_SOCKET")
    environ = {name: value for name, value in os.environ.items() if name not in others}
    environ |= {"PRESSROOM_INSTANCE": str(folder / "instance"), "PRESSROOM_HTTP": address, "PRESSROOM_WORKERS": "1"}
    with (folder / "screen").open("wb") as screen:
        site = subprocess.Popen(  # noqa: S603
            diagnosis.uwsgi_command(), env=environ, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen
        )
    try:
        yield site, f"http://{address}"
    finally:
        site.terminate()
        try:
            site.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            site.kill()
            site.wait()


def _wanting(site: subprocess.Popen[bytes], folder: Path, url: str) -> str | None:
    """What it doesn't do."""
    if not _soon(lambda: site.poll() is not None or _status(url + PATHS[0])) or site.poll() is not None:
        return "doesn't start"
    for path in PATHS:
        if (status := _status(url + path)) != HTTPStatus.OK:
            return f"answers {path} with {status}"
    socket_path = folder / "instance" / "broadcaster.sock"
    _soon(lambda: socket_path.exists() or BROADCASTER in _complaint(folder))
    return None if socket_path.exists() else "serves no streams"


def _status(url: str) -> int | None:
    try:
        with DIRECTLY.open(url, timeout=REHEARSAL_SECONDS) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


def _soon(condition: Callable[[], object]) -> bool:
    give_up_at = time.monotonic() + REHEARSAL_SECONDS
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.1)
    return True


def _complaint(folder: Path) -> str:
    """What it said last: a traceback, or why it refused to start."""
    screen, log = folder / "screen", folder / "instance" / "uwsgi.log"
    output = "".join(file.read_text(errors="replace") for file in (log, screen) if file.exists())
    return next((matches[-1] for pattern in COMPLAINTS if (matches := pattern.findall(output))), output.strip()[-1000:])


# The workers


def replace_workers(folder: Path) -> None:
    """One after the other, each when the one before answers."""
    master = int((folder / "uwsgi.pid").read_text())
    before = _workers(master)
    for _attempt in range(ATTEMPTS):
        _chain_reload(folder, master, before)
        # One that was still importing the old code is passed over.
        if not before & (after := _workers(master)):
            return
    raise CannotReload(f"of {len(before)} workers, {len(before & after)} still run the old code. Try again.")


def _chain_reload(folder: Path, master: int, before: set[int]) -> None:
    """uWSGI's log says when it is over. Where it has none, or one that is full or was cut, the old ones are gone."""
    give_up_at, gone_since = time.monotonic() + WORKER_SECONDS * (len(before) + 1), None
    with (folder / "uwsgi.log").open(errors="replace") as log:
        log.seek(0, os.SEEK_END)
        _say(folder, b"c")
        output = ""
        while COMPLETE not in (output := output + log.read()):
            now = time.monotonic()
            if not _is_alive(master):
                raise CannotReload(f"the site has ended; see {folder / 'uwsgi.log'}")
            if now > give_up_at:
                raise CannotReload(f"a worker takes too long; see {folder / 'uwsgi.log'}")
            gone_since = (gone_since or now) if before and not before & _workers(master) else None
            if gone_since and now > gone_since + UNLOGGED_SECONDS:
                return
            time.sleep(0.1)


def _say(folder: Path, word: bytes) -> None:
    """The master opens its FIFO anew after a word, and for a moment nobody reads it."""
    for _attempt in range(50):
        if (fifo := open_fifo(folder)) is not None:
            os.write(fifo, word)
            os.close(fifo)
            return
        time.sleep(0.02)
    raise CannotReload(f"the site on {folder} doesn't listen.")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _workers(master: int) -> set[int]:
    """Source: proc(5), /proc/pid/stat."""
    pids = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if name == "uwsgi" and int(rest.split()[1]) == master:
                pids.add(int(stat.parent.name))
    return pids
