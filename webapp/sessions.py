"""Sessions and one-time links: secrets, of which only the SHA-256 is kept."""

import hashlib
import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .errors import NotFound
from .i18n import gettext as _
from .models import LoginSession, OneTimeLink, User, now_ms

SESSION_DAYS = 30
LINK_DAYS = 7
DAY_MS = 86_400_000


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def start_session(session: Session, user_id: int, agent: str) -> str:
    """A new session; its id goes into the cookie, and only its hash is kept."""
    sid = secrets.token_urlsafe(32)
    session.execute(delete(LoginSession).where(LoginSession.expires_at < now_ms()))
    session.add(
        LoginSession(
            sid_hash=hashed(sid), user_id=user_id, expires_at=now_ms() + SESSION_DAYS * DAY_MS, agent=agent[:200]
        )
    )
    return sid


def by_session(session: Session, sid: str) -> User | None:
    """Whose session this is; None when it has ended, or the account was disabled or deleted."""
    going_on = (LoginSession.sid_hash == hashed(sid), LoginSession.expires_at > now_ms())
    active = (User.disabled_at.is_(None), User.deleted_at.is_(None))
    return session.scalar(select(User).join(LoginSession).where(*going_on, *active))


def sessions_of(session: Session, user_id: int) -> list[LoginSession]:
    mine = select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.expires_at > now_ms())
    return list(session.scalars(mine.order_by(LoginSession.created_at.desc())))


def end_session(session: Session, sid: str) -> None:
    session.execute(delete(LoginSession).where(LoginSession.sid_hash == hashed(sid)))


def end_sessions(session: Session, user_id: int, keep_sid: str | None = None) -> None:
    kept = hashed(keep_sid) if keep_sid else ""
    session.execute(delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.sid_hash != kept))


def make_link(
    session: Session, kind: str, created_by_id: int, *, role: str | None = None, user_id: int | None = None
) -> str:
    """The secret part of a link of `kind` invitation (with `role`) or password (for `user_id`); good for LINK_DAYS."""
    token = secrets.token_hex(20)  # no “-” or “_” at its end, which a double click or a chat would cut off
    session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at < now_ms()))
    session.add(
        OneTimeLink(
            token_hash=hashed(token),
            kind=kind,
            role=role,
            user_id=user_id,
            created_by_id=created_by_id,
            expires_at=now_ms() + LINK_DAYS * DAY_MS,
        )
    )
    return token


def link(session: Session, kind: str, token: str) -> OneTimeLink:
    """Raises NotFound when it was used, is too old, or was made by somebody who isn't an admin any more."""
    found = session.get(OneTimeLink, hashed(token))
    admins = select(User.id).where(User.role == "admin", User.disabled_at.is_(None))
    good = found and found.kind == kind and found.expires_at >= now_ms()
    if found is None or not good or session.scalar(admins.where(User.id == found.created_by_id)) is None:
        raise NotFound(_("This link was used before, or is too old. Please ask for a new one."))
    return found
