"""People: their names, roles and accounts."""

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..content import comments, invalidation, listings, posts, revisions
from ..db.engine import WriteSession
from ..errors import Conflict, NotFound, Refused, Taken
from ..i18n import gettext as _
from ..models import FRONT, ROLES, Comment, LoginSession, OldName, OneTimeLink, Post, Update, User, post_author
from ..system.clock import now_ms
from .names import DEMO, look, username_key
from .sessions import ACTIVE, end_sessions

OLD_NAMES = 5  # of an account, which nobody else can take
WRITER_ROLES = ROLES[ROLES.index("author") :]
_published = (
    User.deleted_at.is_(None),
    exists().where(post_author.c.user_id == User.id, posts.is_published(post_author.c.post_id)),
)

# Names


def _claim(session: Session, user: User, name: str, email: str | None) -> None:
    """Give the user name and e-mail. Raises Taken when somebody else has the name, or one that it looks like, or once
    had it, or logs in by the e-mail.

    A reader doesn't log in by e-mail, for nobody has confirmed the address: anybody may give it, and nobody hears
    whether somebody else did.
    """
    key = username_key(name)
    keys = (key, look(name))
    owners = select(User.id).where(User.username_key.in_(keys))
    former = select(OldName.user_id).where(OldName.username_key.in_(keys))
    if set(session.scalars(owners.union(former))) - {user.id}:
        raise Taken(_("This username is taken. Choose another."), "username")
    email_key = email.casefold() if email else None
    if user.role not in WRITER_ROLES and email_key != user.email_key:
        email_key = None
    if email_key and _logs_in_by(session, email_key) not in (None, user.id):
        raise Taken(_("Another account uses this email address."), "email")
    user.username, user.username_key, user.email, user.email_key = name, key, email, email_key


def _logs_in_by(session: Session, email_key: str) -> int | None:
    """Whose id."""
    return session.scalar(select(User.id).where(User.email_key == email_key))


# Accounts


def create(session: Session, name: str, email: str | None, password_hash: str | None, role: str = "reader") -> User:
    """Raises Taken when the name or address is. `name` comes from `checked_username`."""
    user = User(role=role, password_hash=password_hash)
    with session.no_autoflush:
        _claim(session, user, name, email)
    session.add(user)
    session.flush()
    return user


def by_login(session: Session, name_or_email: str) -> User | None:
    """Who may log in under this name or address; None for nobody, disabled and deleted ones."""
    wanted = name_or_email.strip()
    active = select(User).where(*ACTIVE)
    if "@" in wanted:
        return session.scalar(active.where(User.email_key == wanted.casefold()))
    return session.scalar(active.where(User.username_key == username_key(wanted)))


def by_name(session: Session, name: str) -> User:
    """Raises NotFound."""
    user = session.scalar(select(User).where(User.username_key == username_key(name), User.deleted_at.is_(None)))
    if user is None:
        raise NotFound
    return user


def public(session: Session, name: str) -> User:
    """Whose page this name leads to; an old name leads to its owner. Raises NotFound."""
    key = username_key(name)
    old = select(OldName.user_id).where(OldName.username_key == key).scalar_subquery()
    user = session.scalar(select(User).where((User.username_key == key) | (User.id == old), User.deleted_at.is_(None)))
    if user is None:
        raise NotFound
    return user


def of_demo(session: Session, language: str) -> list[User]:
    """The accounts that a demo made: nobody else can have, or have had, such a name, and they have no password."""
    mark = DEMO[language]
    former = select(OldName.user_id).where(OldName.username_key.startswith(mark))
    named = User.username_key.startswith(mark) | User.id.in_(former)
    return list(session.scalars(select(User).where(named, User.password_hash.is_(None)).order_by(User.id)))


def every(session: Session) -> list[User]:
    """Everybody who still has an account, newest first."""
    return list(session.scalars(select(User).where(User.deleted_at.is_(None)).order_by(User.id.desc())))


def writers(session: Session) -> list[User]:
    """Who may write posts and can log in."""
    return list(session.scalars(select(User).where(User.role.in_(WRITER_ROLES), *ACTIVE).order_by(User.username_key)))


def sitemap_numbers(session: Session) -> list[int]:
    """Of the parts of the sitemap that have somebody whom a published post names as its author."""
    return listings.sitemap_numbers(session, User.id, *_published)


def published_names(session: Session, ids: range) -> list[str]:
    """The names of those whom a published post names as authors, of these ids."""
    named = select(User.username).where(User.id.between(ids[0], ids[-1]), *_published)
    return list(session.scalars(named.order_by(User.username_key)))


def get(session: Session, user_id: int) -> User:
    """Raises NotFound, also for a deleted account."""
    user = session.get(User, user_id)
    if user is None or user.deleted_at is not None:
        raise NotFound
    return user


def rename(session: WriteSession, user_id: int, name: str, email: str | None) -> User:
    """The old name redirects from now on. Every post that shows the name tells its readers to load it anew."""
    user = get(session, user_id)
    old_name, old_key = user.username, user.username_key
    _claim(session, user, name, email)
    if user.username == old_name:
        return user
    session.execute(delete(OldName).where(OldName.username_key == user.username_key))
    if user.username_key != old_key:
        _keep_name(session, user.id, old_key)
    session.flush()
    _renamed(session, user.id, old_name)
    return user


def _keep_name(session: Session, user_id: int, key: str) -> None:
    """Raises Taken for whoever would reserve one name after the other."""
    count = session.scalar(select(func.count()).select_from(OldName).where(OldName.user_id == user_id)) or 0
    if count >= OLD_NAMES:
        raise Taken(_("You have had too many usernames. Go back to one of those."), "username")
    session.add(OldName(username_key=key, user_id=user_id))


def _renamed(session: WriteSession, user_id: int, old_name: str) -> None:
    """Every page that says the old name is to say the new one."""
    written = select(post_author.c.post_id).where(post_author.c.user_id == user_id)
    updated = select(Update.post_id).where(Update.author_id == user_id)
    commented = select(Comment.post_id).where(Comment.author_id == user_id)
    touched = select(Post.id).where(Post.id.in_(written) | Post.id.in_(updated) | Post.id.in_(commented))
    post_ids = list(session.scalars(touched.order_by(Post.id)))
    for post_id in post_ids:
        posts.record_reload(session, post_id)
    is_author = session.scalar(written.limit(1)) is not None
    if is_author:
        posts.record_reload(session, FRONT)
    invalidation.name(session, old_name, post_ids[::-1], is_author)


def set_role(session: Session, user_id: int, role: str) -> User:
    """Raises Conflict when nobody would be left to administer the site. Writers log in by e-mail, where it is free."""
    user = get(session, user_id)
    if role not in ROLES:
        raise Refused(_("No such role."))
    if role != "admin":
        keep_an_admin(session, user)
    user.role = role
    if role not in WRITER_ROLES:
        user.email_key = None
    elif user.email and _logs_in_by(session, user.email.casefold()) is None:
        user.email_key = user.email.casefold()
    return user


def disable(session: Session, user_id: int, disabled: bool) -> User:
    """A disabled account can't log in, and its sessions end. What it wrote stays."""
    user = get(session, user_id)
    if disabled:
        keep_an_admin(session, user)
        _end_access(session, user.id)
    user.disabled_at = now_ms() if disabled else None
    return user


def set_password(session: Session, user_id: int, password_hash: str, keep_sid: str | None = None) -> User:
    """Ends every session of the account but the one with `keep_sid`."""
    user = get(session, user_id)
    user.password_hash = password_hash
    _end_access(session, user.id, keep_sid)
    return user


def _end_access(session: Session, user_id: int, keep_sid: str | None = None) -> None:
    """Whatever lets somebody in without the password."""
    end_sessions(session, user_id, keep_sid)
    session.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user_id))


def withdraw_comments(session: WriteSession, user_id: int, limit: int = 50) -> int:
    """Delete up to `limit` of somebody's comments; how many there were. Each transaction holds the lock but shortly."""
    left = (Comment.withdrawn_by_id != user_id) | Comment.withdrawn_by_id.is_(None)
    own = select(Comment).where(Comment.author_id == user_id, left).limit(limit)
    comments_left = list(session.scalars(own))
    for comment in comments_left:
        comments.withdraw(session, comment.post_id, comment.n, user_id)
    return len(comments_left)


def remove(session: WriteSession, user_id: int) -> None:
    """Delete the account: name, address and password are forgotten; texts stay."""
    user = get(session, user_id)
    keep_an_admin(session, user)
    _end_access(session, user.id)
    session.add(OldName(username_key=user.username_key, user_id=user.id))
    old_name = user.username
    user.username = user.username_key = f"deleted-{user.id}"
    user.email = user.email_key = user.password_hash = None
    user.role, user.deleted_at = "reader", now_ms()
    session.flush()
    _renamed(session, user.id, old_name)
    theirs = {*session.scalars(select(OldName.username_key).where(OldName.user_id == user.id))}
    revisions.rename_author(session, lambda name: username_key(name) in theirs, user.username)


def erase(session: WriteSession, user_id: int) -> bool:
    """Delete an account with its names, as if it had never been. False when something here still names it."""
    user = session.get_one(User, user_id)
    keep_an_admin(session, user)
    name = user.username
    try:
        with session.begin_nested():
            for belonging in (LoginSession, OneTimeLink, OldName):
                session.execute(delete(belonging).where(belonging.user_id == user_id))
            session.execute(delete(User).where(User.id == user_id))
    except IntegrityError:
        return False
    invalidation.name(session, name, [], in_lists=False)
    return True


def keep_an_admin(session: Session, user: User) -> None:
    """Raises Conflict when nobody else could administer the site."""
    others = select(User.id).where(User.role == "admin", User.id != user.id, *ACTIVE)
    if user.role == "admin" and session.scalar(others.limit(1)) is None:
        raise Conflict(_("This is the only admin. Make someone else an admin first."))


def rehash(session: Session, user_id: int, old_hash: str, new_hash: str) -> bool:
    """Replace a hash of outdated parameters; False when another was set meanwhile."""
    unchanged = update(User).where(User.id == user_id, User.password_hash == old_hash)
    return session.scalar(unchanged.values(password_hash=new_hash).returning(User.id)) is not None
