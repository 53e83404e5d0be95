"""Links that work once: an invitation, a new password. Only the SHA-256 of their secret is kept."""

import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..errors import NotFound
from ..i18n import gettext as _
from ..models import OneTimeLink, User
from ..system.clock import now_ms
from .sessions import DAY_MS, hashed

GOOD_FOR_MS = {"invitation": 7 * DAY_MS, "password": 3_600_000}
CLOCK_MS = DAY_MS  # a clock that was wrong by so much, and is set right, ends no link and lengthens none by more


def make_link(
    session: Session, kind: str, created_by_id: int, *, role: str | None = None, user_id: int | None = None
) -> str:
    """The secret part of a link of `kind` invitation (with `role`) or password (for `user_id`): see GOOD_FOR_MS."""
    token = secrets.token_hex(20)  # no “-” or “_” at its end, which a double click or a chat would cut off
    session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at < now_ms() - CLOCK_MS))
    session.add(
        OneTimeLink(
            token_hash=hashed(token),
            kind=kind,
            role=role,
            user_id=user_id,
            created_by_id=created_by_id,
            expires_at=now_ms() + GOOD_FOR_MS[kind],
        )
    )
    return token


def link(session: Session, kind: str, token: str) -> OneTimeLink:
    """Raises NotFound when it was used, is too old, or was made by somebody who isn't an admin any more."""
    row = session.get(OneTimeLink, hashed(token))
    admins = select(User.id).where(User.role == "admin", User.disabled_at.is_(None))
    good = row and row.kind == kind and 0 <= row.expires_at - now_ms() <= GOOD_FOR_MS[kind] + CLOCK_MS
    if row is None or not good or session.scalar(admins.where(User.id == row.created_by_id)) is None:
        raise NotFound(_("This link was used or has expired. Ask for a new one."))
    return row
