"""Restores an archive again and again, each time into a fresh copy of an instance, killed one step later.

    python -m support.restores_killed ARCHIVE INSTANCE FOLDER

A step is whatever the file system or SQLite is asked to do in the instance. Leaves FOLDER/1, FOLDER/2 …; the last one
was left to finish. One process that forks, as importing takes longer than restoring.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

from support.apps import settings_for
from webapp.ops.restore import restore

STEPS = {"open", "os.mkdir", "os.rename", "os.rmdir", "os.remove", "os.chmod", "sqlite3.connect"}


def main(archive: Path, instance: Path, folder: Path) -> None:
    for number in count(1):
        copy = folder / str(number)
        shutil.copytree(instance, copy)
        child = os.fork()
        if child == 0:
            kill_at(number, copy)
            restore(archive, settings_for(copy), lambda fraction: None)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            return
        assert status == -signal.SIGKILL, status


def kill_at(number: int, folder: Path) -> None:
    steps = count(1)

    def watch(event: str, args: tuple[object, ...]) -> None:
        if event in STEPS and str(folder) in str(args[0]) and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
