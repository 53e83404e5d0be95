"""Programs that serve on a free port for as long as a test needs them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from support.checkout import CHECKOUT
from support.uwsgi_server import DEADLINE_SECONDS, free_port, until

# root itself may write everywhere; without its capabilities it is like anybody else.
ORDINARY = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
STOP_SECONDS = 3.0  # Apache waits three times as long for its threads that hold a stream


class Program:
    """Starts in `with`, answers `/hello` when the block begins, and is gone with all its processes after it.

    command: stays in the foreground; `{port}` in it becomes a free one.
    folder: for its files; its home too, so that it finds and leaves nothing elsewhere.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [part.format(port=self.port) for part in command]
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
        self.environ |= {"HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"}
        self.environ |= environ or {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Program:
        with self._screen.open("wb") as screen:
            self._process = subprocess.Popen(
                self.command,
                env=self.environ,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            until(self._answers, f"{self.command[0]} answered")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"{' '.join(self.command)} said:\n{self.said()}")
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self._kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process, "it was not started"
        return self._process

    @property
    def _screen(self) -> Path:
        return self.folder / "screen"

    def said(self) -> str:
        return self._screen.read_text(errors="replace")

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"{' '.join(self.command)} ended by itself:\n{self.said()}"
        try:
            with urllib.request.urlopen(f"{self.url}/hello", timeout=5) as answer:
                return bool(answer.read() == b"Hello, World!")
        except urllib.error.HTTPError as error:
            error.close()
            assert error.code in (502, 503), f"{self.command[0]} answered {error.code}:\n{self.said()}"
            return False
        except OSError:
            return False

    def _kill(self) -> None:
        """End at once what is left in the session that we made."""
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid:
                    process.kill()
            except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
                continue
        self.process.wait(DEADLINE_SECONDS)
