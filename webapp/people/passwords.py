"""Passwords: argon2id with the OWASP profile of 19 MiB and 2 passes, about 31 ms each, in the thread pool.

Source: OWASP Password Storage Cheat Sheet.
"""

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ..system.server import off_hub

MIN_LENGTH = 10
MAX_LENGTH = 200

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified in place of a missing account's hash, so that an unknown name takes as long as a wrong password. Hashed once
# for all, of "nobody has this password": it would hold up the start of every command.
_nobodys = "$argon2id$v=19$m=19456,t=2,p=1$ylA8W+v/3Ib1mdzSDopblw$rGWaySmVcTC96L2zz5DlMwUs2DGWYp+HrJBpuQP/Q2Y"


def make_hash(password: str) -> str:
    return off_hub(_hasher.hash, password)


def verify(password_hash: str | None, password: str) -> bool:
    """Takes as long for None, which nothing matches, as for a real hash."""
    return off_hub(_matches, password_hash or _nobodys, password) and password_hash is not None


def _matches(password_hash: str, password: str) -> bool:
    # Within the thread: gevent prints the traceback of what leaves one.
    try:
        return _hasher.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    return _hasher.check_needs_rehash(password_hash)
