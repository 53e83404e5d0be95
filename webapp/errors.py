"""Our exceptions, and the page that each becomes.

Refused                 the request can't be done; `status` and a sentence for the person who asked
├── NotFound            404: there is no such thing, or it isn't public
│   └── Gone            410: it was public and is deleted for good
├── SignInNeeded        401: only for people who are signed in
├── NotAllowed          403: signed in, but not for this
├── Conflict            409: somebody else was faster
│   └── Taken           a name or address that another account has
├── Later               `retry_after_seconds`
│   ├── TooMany             429: a limit per account or address
│   └── Busy            503: what one at a time may use is taken
└── Unusable            a file that can't be taken, with a status of its own
db.engine.DatabaseBusy  503; so is SQLAlchemy's DatabaseError, but for db.faults.BUGS
Moved                   301: what was asked for stands at another address
"""

from __future__ import annotations


class Refused(Exception):
    status = 400

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NotFound(Refused):
    status = 404


class Gone(NotFound):
    status = 410


class SignInNeeded(Refused):
    status = 401


class NotAllowed(Refused):
    status = 403


class Conflict(Refused):
    status = 409


class Taken(Conflict):
    """`field` is the one, username or email, that belongs to somebody else."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class Later(Refused):
    """It may be tried again in `retry_after_seconds`."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TooMany(Later):
    status = 429


class Busy(Later):
    status = 503


class Unusable(Refused):
    """`status`: 413 too large, 415 of another type, 422 broken, 451 withdrawn for legal reasons, 507 no room."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Moved(Exception):
    """`url` is the one address of what was asked for."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url
