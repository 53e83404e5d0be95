"""The real `uwsgi --ini uwsgi.ini` on a free port, for tests that must not be spared it."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from support import postgresql
from support.apps import url_of
from support.checkout import CHECKOUT
from tools.processes import WAIT_SECONDS, ServerProcess, command_line, family, free_port, plain_environ, until
from webapp.live.channel import Channel

UWSGI = Path(sys.executable).parent / "uwsgi"


def copied_checkout(folder: Path) -> Path:
    """What serves, to be changed at will."""
    for name in ("webapp", "templates", "static", "deploy"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "uwsgi.ini", folder)
    return folder


class UwsgiServer(ServerProcess):
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
        workers: int = 1,
        module: str | None = None,
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        command: str | Path = UWSGI,
        ini: str | Path = CHECKOUT / "uwsgi.ini",
        cwd: Path | None = None,
    ) -> None:
        self.instance = instance
        self.workers = workers
        port = free_port()
        variables = plain_environ() | {
            "PRESSROOM_INSTANCE": str(instance),
            "PRESSROOM_HTTP": f"127.0.0.1:{port}",
            "PRESSROOM_WORKERS": str(workers),
        }
        if postgresql.IS_USED:
            variables["PRESSROOM_DATABASE_URL"] = url_of(instance)
        line = [str(command), "--ini", str(ini), "--pythonpath", str(CHECKOUT / "tests")]
        if module:
            line += ["--module", module]
        if "COMPILED_TEMPLATES" in os.environ:
            line += ["--import", "support.compiled_templates"]
        if "COVERAGE_PROCESS_CONFIG" in os.environ:  # make coverage
            line += ["--import", "support.save_coverage"]
        screen_file = instance.with_name(f"{instance.name}.screen")
        super().__init__([*line, *options], port, variables | dict(environ or {}), screen_file, cwd)

    def refused(self) -> list[str]:
        """Start it expecting that it refuses: the lines of its screen. Fails if it comes up after all."""
        self.launch()
        try:
            status = self.process.wait(WAIT_SECONDS)
        finally:
            self.kill()
        assert status == 1, f"exit status {status}:\n{self.screen()}"
        return self.screen().splitlines()

    def log(self) -> str:
        return (self.instance / "uwsgi.log").read_text()

    def log_files(self) -> list[Path]:
        return [self.screen_file, self.instance / "uwsgi.log", self.instance / "pressroom.log"]

    def worker_pids(self) -> set[int]:
        """Those that answer; a daemon that uWSGI keeps is not among them."""
        children = psutil.Process(self.pid).children()
        return {child.pid for child in children if command_line(child).split(" ")[0].endswith("uwsgi")}

    def all_ready(self) -> bool:
        """Every worker has imported the app. One that hasn't is passed over by a chain reload."""
        pids, log = self.worker_pids(), self.log()
        return len(pids) == self.workers and all(f"pid: {pid} (default app)" in log for pid in pids)

    def family(self) -> list[psutil.Process]:
        """All its processes, the master first; none if it has ended."""
        return family(self.pid) if self.process.poll() is None else []

    def broadcasters(self) -> list[psutil.Process]:
        """The processes that hold the streams."""
        return [process for process in family(self.pid) if "webapp.broadcaster" in command_line(process)]

    def holds_streams(self) -> bool:
        """Every process that holds streams answers; it obeys signals, too, by then."""
        count = int(self.environ.get("PRESSROOM_BROADCASTERS", "1"))
        return None not in Channel(self.instance, count, 0).status()

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
        self.process.terminate()
        self.ended()

    def ended(self) -> None:
        """Wait for its end. Fails when it takes too long or leaves a process behind."""
        try:
            self.process.wait(WAIT_SECONDS)
            until(lambda: not self.left(), "its processes were gone", 5)
        finally:
            self.kill()
