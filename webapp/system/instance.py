"""The instance folder: everything that a site keeps, and nothing else. Imports nothing that Windows lacks."""

import contextlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

# The folder itself can be entered but not listed, so that nginx reaches the two that it serves files from.
FOLDER_MODE = 0o711
SUBFOLDERS = {
    "pages": 0o755,
    "media": 0o755,
    "media/site": 0o755,
    "media/pictures": 0o755,
    "assets": 0o755,
    "originals": 0o700,
    "tmp": 0o700,
    "locks": 0o700,
}
SECRET_KEY_BYTES = 32
READ_ONLY = "find out why in the kernel's log, repair the disk and mount it writable"
BENCH = "bench.json"
LOG = "pressroom.log"
BACKUPS = "backups"  # copies of the database, taken before an upgrade


class InstanceError(SystemExit):
    """An instance folder that can't be used. The message is one line and names the cure.

    Uncaught it ends the process with that line and no traceback, whoever started us.
    """


def prepare(folder: Path) -> None:
    """Make the instance folder and what it holds, or put their modes right. Several processes may do it at once.

    Raises InstanceError when a file is in the way, or the folder can't be made or written to.
    """
    _make(folder, FOLDER_MODE)
    for name in SUBFOLDERS:
        make_subfolder(folder, name)
    check_writable(folder)


def make_subfolder(folder: Path, name: str) -> Path:
    """One of SUBFOLDERS, with its mode. Raises InstanceError."""
    _make(folder / name, SUBFOLDERS[name])
    return folder / name


def keep_temporary_files(folder: Path) -> None:
    """From here on this process puts them there, as uwsgi.ini has it: request bodies, above all, and SQLite's own."""
    if (folder / "tmp").is_dir():
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")


def check_writable(folder: Path) -> None:
    """Raises InstanceError when it can't be written to, or one of its subfolders that are there."""
    for path in (folder, *(folder / name for name in SUBFOLDERS)):
        if path.exists() and not os.access(path, os.W_OK | os.X_OK):
            if hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY:
                raise InstanceError(f"{path} is on a read-only disk: {READ_ONLY}")
            raise InstanceError(f"{path} is not writable: sudo chown -R $(id -un) {folder}")


def secret_key(folder: Path) -> bytes:
    """The site's key, 32 random bytes in `secret_key` (0600), made the first time it is asked for.

    Processes that start at once agree on one key: each writes its own whole file, and the first to link it
    to the name wins. Raises InstanceError when it can't be made or read, or is too short to be one of ours.
    """
    path = folder / "secret_key"
    try:
        if not path.exists():
            _write_once(path, secrets.token_bytes(SECRET_KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise InstanceError(
            f"{path} can't be used ({error.strerror}): sudo chown $(id -un) {path} && chmod 600 {path}"
        ) from None
    if len(key) < SECRET_KEY_BYTES:
        raise InstanceError(f"{path} is empty or truncated: restore it, or rm {path} (everyone is logged out)")
    return key


def write_bench(folder: Path, facts: dict[str, Any]) -> None:
    """Mark the folder as a bench: load tests may run there, and `facts` (0600) is what they need to know."""
    _write_once(folder / BENCH, json.dumps(facts, indent=1).encode())


def is_bench(folder: Path) -> bool:
    return (folder / BENCH).is_file()


def _make(path: Path, mode: int) -> None:
    try:
        path.mkdir(mode=0o700, parents=path.name not in SUBFOLDERS, exist_ok=True)
        if path.stat().st_mode & 0o777 != mode:
            path.chmod(mode)  # not by mkdir, whose mode the umask cuts
    except (FileExistsError, NotADirectoryError):
        raise InstanceError(f"{path} is not a folder: move what is there away, or set PRESSROOM_INSTANCE") from None
    except OSError as error:
        raise InstanceError(
            f"{path} can't be created or used ({error.strerror}): sudo chown -R $(id -un) {path.parent},"
            " or set PRESSROOM_INSTANCE"
        ) from None


def sync(path: Path) -> None:
    """A file's or folder's content survives a power cut from here on."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows syncs no folder, and no file that is open for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_once(path: Path, content: bytes) -> None:
    """Give `path` this content, whole or not at all, unless somebody else was first."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, refuses to replace the key that another process has just made.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
