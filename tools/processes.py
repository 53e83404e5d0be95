"""Servers that tests and load tests start: each a process of its own, on a free port, gone when its block ends."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil

WAIT_SECONDS = 60.0
LAST_LINES = 40


class WaitFailed(AssertionError):
    """A condition didn't come true in time, or no longer can."""


def until(
    condition: Callable[[], object], what: str, seconds: float = WAIT_SECONDS, pause_seconds: float = 0.02
) -> None:
    """Poll until `condition` holds. Raises WaitFailed, naming `what` was waited for, after so many seconds."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            raise WaitFailed(f"waited {seconds:g} s in vain until {what}")
        time.sleep(pause_seconds)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody else is given until this process ends. To bind it takes SO_REUSEADDR.

    Source: Linux, ip(7) and socket(7): a bound socket that doesn't listen leaves its port to others with SO_REUSEADDR,
    but it isn't chosen again for those who ask for any.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    holder.detach()  # never closed
    return port


def listens(address: tuple[str, int] | str) -> bool:
    """address: host and port, or the path of a unix socket."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as probe:
        return probe.connect_ex(address) == 0


def plain_environ() -> dict[str, str]:
    """Ours, without settings of a site."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}


def family(pid: int) -> list[psutil.Process]:
    """A process and everything below it; empty if there is no such process."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def command_line(process: psutil.Process) -> str:
    """Empty once it has ended."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and everything below it, with the children that have ended."""
    seconds = 0.0
    for process in family(pid):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:4])
    return seconds


class ServerProcess:
    """Starts in `with`, answers `/hello` when the block begins, and is gone with all that it started after it.

    screen_file: takes what it prints.
    """

    stop_seconds = 30.0
    running: ClassVar[set[Self]] = set()  # for whoever must explain why a test failed
    process: subprocess.Popen[bytes]

    def __init__(
        self, command: Sequence[str], port: int, environ: Mapping[str, str], screen_file: Path, cwd: Path | None = None
    ) -> None:
        self.command = list(command)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environ = dict(environ)
        self.screen_file = screen_file
        self.cwd = cwd

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
        else:
            error.add_note(self.last_words())
            self.kill()

    @property
    def pid(self) -> int:
        return self.process.pid

    def screen(self) -> str:
        return self.screen_file.read_text(errors="replace")

    def log_files(self) -> list[Path]:
        """Where it writes what a person reads first when something is wrong."""
        return [self.screen_file]

    def last_words(self) -> str:
        """The ends of those files."""
        parts = [f"{shlex.join(self.command)} ({self.url})"]
        for file in filter(Path.exists, self.log_files()):
            lines = file.read_text(errors="replace").splitlines()
            parts += [f"-- {file}, last lines:", *lines[-LAST_LINES:]]
        return "\n".join(parts)

    def launch(self) -> None:
        """Start it in a session of its own, as a terminal would, without waiting for an answer."""
        with self.screen_file.open("wb") as screen:
            self.process = subprocess.Popen(
                self.command,
                env=self.environ,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.add(self)

    def start(self) -> None:
        """Raises WaitFailed, with what it printed, if it ends by itself or doesn't answer."""
        self.launch()
        try:
            until(self._started, "it answered")
        except WaitFailed as error:
            self.kill()
            raise WaitFailed(f"{error}:\n{self.last_words()}") from None
        except BaseException:
            self.kill()
            raise

    def _started(self) -> bool:
        if self.process.poll() is not None:
            raise WaitFailed("it ended by itself")
        return self.answers()

    def answers(self) -> bool:
        """Not while a proxy has nothing behind it (502, 503). Raises WaitFailed if it answers with another error."""
        connection = self.connection()
        try:
            connection.request("GET", "/hello")
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        if answer.status not in (200, 502, 503):
            raise WaitFailed(f"it answered {answer.status}")
        return body == b"Hello, World!"

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=5)

    def stop(self) -> None:
        """End it by SIGTERM, and what is left after `stop_seconds` by SIGKILL."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(self.stop_seconds)
        self.kill()

    def kill(self) -> None:
        """End at once what is left of it."""
        for process in self.left():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(WAIT_SECONDS)
        self.running.discard(self)

    def left(self) -> list[psutil.Process]:
        """What lives in its session."""
        processes = []
        for process in psutil.process_iter():
            with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                if os.getsid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE:
                    processes.append(process)
        return processes
