"""Two names change places, so that whoever looks for one of them always finds something."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def exchange(new: Path, old: Path) -> None:
    """Both must exist. Where the system can't do it at once, `old` is missing for a moment."""
    problem = _exchange(os.fsencode(new), os.fsencode(old))
    if problem in _CANNOT:
        aside = new.with_name(f"{new.name}.aside")
        old.rename(aside)
        new.rename(old)
        aside.rename(new)
    elif problem:
        raise OSError(problem, os.strerror(problem), str(old))


def _exchange(new: bytes, old: bytes) -> int:
    """0, or the system's errno."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # no Linux, or an old one; Windows takes no None
        return errno.ENOSYS
    return 0 if renameat2(_AT_FDCWD, new, _AT_FDCWD, old, _RENAME_EXCHANGE) == 0 else ctypes.get_errno()
