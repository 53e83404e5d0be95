"""The real `uwsgi --ini uwsgi.ini` on a free port, for tests that must not be spared it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from support.checkout import CHECKOUT

UWSGI = Path(sys.executable).parent / "uwsgi"
DEADLINE_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], object], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Poll until `condition` holds; fail with `what` was waited for when it takes longer than `seconds`."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.02)


def copied_checkout(folder: Path) -> Path:
    """What serves, to be changed at will."""
    for name in ("webapp", "templates", "static", "deploy"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "uwsgi.ini", folder)
    return folder


class UwsgiServer:
    """Starts in `with`, answers `/hello` when the block begins, and stops by SIGTERM at its end, leaving nothing.

    instance: its folder; need not exist.
    module: what to serve in place of `webapp.wsgi:app`, such as `support.waiting_site:app`.
    options: more of the command line, which wins over the file.
    environ: settings and other variables on top of ours, without our own PRESSROOM_… ones.
    command, ini, cwd: how uWSGI is called, and from where.
    """

    def __init__(
        self,
        instance: Path,
        *,
        workers: int = 2,
        module: str | None = None,
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        command: str | Path = UWSGI,
        ini: str | Path = CHECKOUT / "uwsgi.ini",
        cwd: Path | None = None,
    ) -> None:
        self.instance = instance
        self.workers = workers
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
        self.environ |= {
            "PRESSROOM_INSTANCE": str(instance),
            "PRESSROOM_HTTP": f"127.0.0.1:{self.port}",
            "PRESSROOM_WORKERS": str(workers),
        }
        self.environ |= environ or {}
        self.command = [str(command), "--ini", str(ini)]
        if module:
            self.command += ["--pythonpath", str(CHECKOUT / "tests"), "--module", module]
        self.command += options
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> UwsgiServer:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:
            self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process, "the server was not started"
        return self._process

    @property
    def pid(self) -> int:
        """The master's."""
        return self.process.pid

    @property
    def screen_file(self) -> Path:
        return self.instance.with_name(f"{self.instance.name}.screen")

    def launch(self) -> None:
        """Start it in a session of its own, as a terminal would, without waiting for an answer."""
        with self.screen_file.open("wb") as screen:
            self._process = subprocess.Popen(
                self.command,
                env=self.environ,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        self.launch()
        try:
            until(self._answers, "the site answered")
        except BaseException:
            self.kill()
            raise

    def refused(self) -> list[str]:
        """Start it expecting that it refuses: the lines of its screen. Fails if it comes up after all."""
        self.launch()
        try:
            status = self.process.wait(DEADLINE_SECONDS)
        finally:
            self.kill()
        assert status == 1, f"exit status {status}:\n{self.screen()}"
        return self.screen().splitlines()

    def screen(self) -> str:
        return self.screen_file.read_text()

    def log(self) -> str:
        return (self.instance / "uwsgi.log").read_text()

    def worker_pids(self) -> set[int]:
        """Those that answer; a daemon that uWSGI keeps is not among them."""
        pids = set()
        for child in psutil.Process(self.pid).children():
            try:
                if child.name() == "uwsgi" and child.status() != psutil.STATUS_ZOMBIE:
                    pids.add(child.pid)
            except psutil.NoSuchProcess:
                continue
        return pids

    def all_ready(self) -> bool:
        """Every worker has imported the app. One that hasn't is passed over by a chain reload."""
        pids, log = self.worker_pids(), self.log()
        return len(pids) == self.workers and all(f"pid: {pid} (default app)" in log for pid in pids)

    def family(self) -> list[psutil.Process]:
        """All its processes, the master first; none if it has ended."""
        if self.process.poll() is not None:
            return []
        master = psutil.Process(self.pid)
        return [master, *master.children(recursive=True)]

    def broadcasters(self) -> list[psutil.Process]:
        """The processes that hold the streams."""
        found = []
        for process in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # a zombie has no command line
                if "webapp.broadcaster" in process.cmdline():
                    found.append(process)
        return found

    def command_fifo(self, letter: str) -> None:
        """Say one letter to the master: `c` chain reload."""
        until(lambda: self._said(letter), "the master listened")

    def _said(self, letter: str) -> bool:
        try:
            fifo = os.open(self.instance / "uwsgi.fifo", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # it opens its FIFO anew after each word
                raise
            return False
        try:
            return os.write(fifo, letter.encode()) == 1
        finally:
            os.close(fifo)

    def stop(self) -> None:
        """End it gracefully, if it still runs, and make sure that no process of it is left."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.ended()

    def ended(self) -> None:
        """Wait for its end. Fails when it takes too long or leaves a process behind."""
        try:
            self.process.wait(DEADLINE_SECONDS)
            until(lambda: not self._left(), "its processes were gone", 5)
        finally:
            self.kill()

    def kill(self) -> None:
        """End at once what is left of it."""
        for process in self._left():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(DEADLINE_SECONDS)

    def _left(self) -> list[psutil.Process]:
        """What lives in the session that we made."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                continue
        return found

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"uWSGI ended by itself:\n{self.screen()}"
        try:
            with urllib.request.urlopen(f"{self.url}/hello", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            raise
        except OSError:
            return False
