"""Who has the form of an update open: a second editor is told before they write over each other."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..models import Editing, User
from ..system.clock import now_ms

OPEN_MS = 60_000  # after the form's last word; its script says one every 20 s


def others(session: Session, update_id: int, user_id: int) -> list[str]:
    """Names of those, `user_id` apart, who have the update open, in the order of their names."""
    now = now_ms()
    recent = Editing.at.between(now - OPEN_MS + 1, now + OPEN_MS)  # none of before the clock was set back
    open_now = (Editing.update_id == update_id, Editing.user_id != user_id, recent)
    statement = select(User.username).join(Editing, Editing.user_id == User.id).where(*open_now)
    return list(session.scalars(statement.order_by(User.username)))


def begin(session: Session, update_id: int, user_id: int) -> None:
    """`user_id` has it open, from now or still. What was left open long ago is forgotten."""
    session.execute(delete(Editing).where(Editing.at <= now_ms() - OPEN_MS))
    session.merge(Editing(update_id=update_id, user_id=user_id, at=now_ms()))


def end(session: Session, update_id: int, user_id: int) -> None:
    session.execute(delete(Editing).where(Editing.update_id == update_id, Editing.user_id == user_id))
