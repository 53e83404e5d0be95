"""Sessions and one-time links: secrets, of which only the SHA-256 is kept."""

import hashlib
import secrets

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from ..errors import SignInNeeded
from ..i18n import gettext as _
from ..models import LoginSession, User
from ..system.clock import now_ms

ACTIVE = (User.disabled_at.is_(None), User.deleted_at.is_(None))
SESSION_DAYS = 30
SESSIONS_PER_ACCOUNT = 20
DAY_MS = 86_400_000
SESSION_MS = SESSION_DAYS * DAY_MS


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def start_session(session: Session, user_id: int, agent: str) -> str:
    """A new session; its id goes into the cookie, and only its hash is kept.

    An account has SESSIONS_PER_ACCOUNT at most: the oldest ends.
    """
    sid = secrets.token_urlsafe(32)
    now = now_ms()
    newest_first = select(LoginSession.sid_hash).where(LoginSession.user_id == user_id)
    # What is of the future was made before the clock was set back, and so before whatever was made since.
    newest_first = newest_first.order_by(
        LoginSession.created_at > now, LoginSession.created_at.desc(), LoginSession.expires_at.desc()
    )
    too_old = list(session.scalars(newest_first.offset(SESSIONS_PER_ACCOUNT - 1)))
    long_over = LoginSession.expires_at < now - SESSION_MS  # else it goes on when the clock was ahead and is set right
    session.execute(delete(LoginSession).where(long_over | LoginSession.sid_hash.in_(too_old)))
    session.add(LoginSession(sid_hash=hashed(sid), user_id=user_id, expires_at=now + SESSION_MS, agent=agent[:200]))
    return sid


def by_session(session: Session, sid: str) -> User | None:
    """Whose session this is; None when it has ended, or the account was disabled or deleted."""
    return session.scalar(
        select(User).join(LoginSession).where(LoginSession.sid_hash == hashed(sid), _going_on(), *ACTIVE)
    )


def _going_on() -> ColumnElement[bool]:
    """A clock may be set back by SESSION_DAYS and end none; one that was ahead lengthens none by more than that."""
    now = now_ms()
    return LoginSession.expires_at.between(now + 1, now + 2 * SESSION_MS)


def confirmed(session: Session, sid: str, password_hash: str | None = None) -> User:
    """Whose session this is, in the transaction that writes: it may have ended since the request began.

    password_hash: that of the password that was verified; it may have been changed or reset since.
    Raises SignInNeeded.
    """
    user = by_session(session, sid)
    if user is None or password_hash not in (None, user.password_hash):
        raise SignInNeeded(_("Your account was just changed. Log in again."))
    return user


def sessions_of(session: Session, user_id: int) -> list[LoginSession]:
    mine = select(LoginSession).where(LoginSession.user_id == user_id, _going_on())
    return list(session.scalars(mine.order_by(LoginSession.created_at.desc())))


def end_session(session: Session, sid: str) -> None:
    session.execute(delete(LoginSession).where(LoginSession.sid_hash == hashed(sid)))


def end_sessions(session: Session, user_id: int, keep_sid: str | None = None) -> None:
    kept = hashed(keep_sid) if keep_sid else ""
    session.execute(delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.sid_hash != kept))
