"""Which history of the database the numbers of events belong to.

A database that is restored, or put back from a copy, uses numbers again. So a position in a stream is
`<epoch>-<number>`, and the epoch changes with the database. The file `epoch` in the instance folder, outside of the
database and of `pages/`, tells at the start that another database is there.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .instance import InstanceError, sync

FIRST = 1
LATEST = 10**15
FILE = "epoch"


@dataclass(frozen=True)
class History:
    """version: the highest of a page in this epoch. seen: stored pages up to this version are known to be current."""

    epoch: int = FIRST
    version: int = 0
    seen: int = 0


def read(folder: Path) -> History:
    """The first epoch where there is no file. Raises InstanceError when it can't be read."""
    try:
        epoch, version, seen = map(int, (folder / FILE).read_text("ascii").split())
        if not 0 < epoch < LATEST or version < 0 or seen < 0:
            raise ValueError
    except (FileNotFoundError, NotADirectoryError):
        return History()
    except ValueError:  # damaged: whatever database is there, it may be another one
        return History(version=sys.maxsize)
    except OSError as error:
        file = folder / FILE
        raise InstanceError(f"{file} can't be read ({error.strerror}): sudo chown $(id -un) {file}") from None
    return History(epoch, version, seen)


def write(folder: Path, history: History) -> None:
    """Whole or not at all, and on the disk. For one process at a time."""
    draft = folder / f".{FILE}"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{history.epoch} {history.version} {history.seen}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE)
    sync(folder)


def change(folder: Path) -> History:
    """Begin another epoch: later than any before, also of an instance that was lost."""
    history = History(max(int(time.time()), read(folder).epoch + 1))
    write(folder, history)
    return history
