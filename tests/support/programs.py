"""Programs that serve on a free port for as long as a test needs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.checkout import CHECKOUT
from tools.processes import ServerProcess, free_port, plain_environ

# root itself may write everywhere; without its capabilities it is like anybody else.
ORDINARY = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []


class Program(ServerProcess):
    """A command that stays in the foreground; `{port}` in it becomes a free one.

    folder: for its files; its home too, so that it finds and leaves nothing elsewhere.
    """

    stop_seconds = 3.0  # Apache waits three times as long for its threads that hold a stream

    def __init__(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.folder = folder
        port = port or free_port()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
        variables = plain_environ() | {"HOME": str(folder), "PATH": path} | dict(environ or {})
        super().__init__(
            [part.replace("{port}", str(port)) for part in command], port, variables, folder / "screen", CHECKOUT
        )
