"""Passwords: argon2id with the OWASP profile of 19 MiB and 2 passes, about 31 ms each, in the thread pool.

Source: OWASP Password Storage Cheat Sheet.
"""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ..errors import Refused
from ..i18n import gettext as _
from ..system.server import off_hub

MIN_LENGTH = 10
MAX_LENGTH = 200
COMMONEST = 3_000  # passwords, by zxcvbn's list

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified in place of a missing account's hash, so that an unknown name takes as long as a wrong password. Hashed once
# for all, of "nobody has this password": it would hold up the start of every command.
_nobodys = "$argon2id$v=19$m=19456,t=2,p=1$ylA8W+v/3Ib1mdzSDopblw$rGWaySmVcTC96L2zz5DlMwUs2DGWYp+HrJBpuQP/Q2Y"


def check(password: str, *names: str | None) -> None:
    """Raises Refused for one that is guessed first: too short, among the commonest, or one of these names.

    names: the site's and the user's own. Digits and punctuation around a word don't make another of it.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Refused(_("Use %(min)d to %(max)d characters.", min=MIN_LENGTH, max=MAX_LENGTH))
    if {password.casefold(), _letters(password)} & _commonest():
        raise Refused(_("This password is too common. Choose another."))
    if _letters(password) and _letters(password) in {_letters(part) for name in names if name for part in _parts(name)}:
        raise Refused(_("Don’t use your own name or the site’s name as a password."))


@cache
def _commonest() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 30,000 words, which most workers never need

    return frozenset(FREQUENCY_LISTS["passwords"][:COMMONEST])


def _parts(name: str) -> tuple[str, str]:
    """The name itself, and what stands before the @ of an address."""
    return name, name.partition("@")[0]


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalpha())


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
