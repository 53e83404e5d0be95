"""Locks that a process holds until it lets go or ends."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None  # type: ignore[assignment]

LOCK_PATIENCE_SECONDS = 10.0


@contextmanager
def file_lock(path: Path, patience_seconds: float | None = None) -> Iterator[None]:
    """Held by one process; whoever ends lets go of it. Raises TimeoutError after LOCK_PATIENCE_SECONDS, or as
    many as are given.

    It waits in Python: an flock that waits in C, for another greenlet of the same worker, would wait for ever.
    """
    give_up_at = time.monotonic() + (LOCK_PATIENCE_SECONDS if patience_seconds is None else patience_seconds)
    while (held := try_lock(path)) is None:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{path.name} is held by another process")
        time.sleep(random.uniform(0.001, 0.005))  # noqa: S311
    try:
        yield
    finally:
        os.close(held)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock until it is closed; None when somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
