"""Who is asking, and what they may do: the session's user, and helpers that load a thing or refuse.

The cookie is Flask's signed one. It holds the session's id and the CSRF token; an anonymous visitor's has no id.
Nothing here is called for a public page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import g, request, session
from werkzeug.wrappers import Response

from .. import changes
from ..content import comments, posts, updates
from ..db import reading, writing
from ..db.engine import WriteSession
from ..errors import NotAllowed, NotFound, SignInNeeded
from ..http.headers import cookie_name
from ..i18n import gettext as _
from ..models import ROLES, Comment, Post, Update, User
from . import sessions

HINT = "signed_in"


def current_user() -> User | None:
    """Whose session this is; asked once per request."""
    if "user" not in g:
        sid = session.get("sid")
        g.user = sessions.by_session(reading(), sid) if isinstance(sid, str) else None
    user: User | None = g.user
    return user


def who_is_here() -> dict[str, Any]:
    """For the templates of a blueprint. Not `current_user()`: an error page must not ask a database that is away."""
    return {"user": g.get("user")}


def sign_in(user_id: int, password_hash: str) -> None:
    """A new session, with a new id and CSRF token; whatever the browser had before is gone.

    password_hash: of the password that was just verified or set. Raises SignInNeeded when the account has another
    one by now, so that nobody slips in with the old password while it is being changed.
    """
    old = session.get("sid")
    with writing() as db:
        user = db.get_one(User, user_id)
        if user.password_hash != password_hash or user.disabled_at is not None:
            raise SignInNeeded(_("Your account was just changed. Log in again."))
        if isinstance(old, str):
            sessions.end_session(db, old)
        sid = sessions.start_session(db, user_id, request.user_agent.string)
    session.clear()
    session.permanent = True
    session["sid"] = sid
    g.pop("user", None)


def sign_out() -> None:
    sid = session.get("sid")
    if isinstance(sid, str):
        with writing() as db:
            sessions.end_session(db, sid)
    session.clear()
    g.pop("user", None)


def hint(response: Response, signed_in: bool) -> Response:
    """Set or delete the cookie that tells the page's script to ask /me. It is no secret and proves nothing."""
    if signed_in:
        days = sessions.SESSION_DAYS
        response.set_cookie(cookie_name(HINT), "1", days * 86_400, secure=request.is_secure, samesite="Lax")
    else:
        response.delete_cookie(cookie_name(HINT), secure=request.is_secure, samesite="Lax")
    return response


# Load or refuse: each is named for the right that it demands.


def signed_in() -> User:
    user = current_user()
    if user is None:
        raise SignInNeeded(_("Log in first."))
    return user


def writer() -> User:
    return _at_least("author")


def editor() -> User:
    return _at_least("editor")


def admin() -> User:
    return _at_least("admin")


def _at_least(role: str) -> User:
    user = signed_in()
    if not has_role(user, role):
        raise NotAllowed(_("Your account isn’t allowed to do this."))
    return user


def has_role(user: User, role: str) -> bool:
    return ROLES.index(user.role) >= ROLES.index(role)


def post_to_write(post_id: int) -> Post:
    """A post or draft of one's own; any for editors."""
    writer()
    post = posts.written(reading(), post_id)
    require_writer_of(post)
    return post


def require_writer_of(post: Post) -> None:
    if not _is_of(post, writer()):
        _refuse_known(post, _("This post belongs to someone else. Ask one of its authors to add you."))


def _refuse_known(post: Post, why: str) -> NoReturn:
    """Of what isn't public others aren't even told that it is there."""
    raise NotAllowed(why) if post.status == "published" else NotFound


@contextmanager
def writing_as(role: str, post_id: int | None = None, share: bool = False) -> Iterator[WriteSession]:
    """`changes.changing` for whoever is asking, with rights read anew: they may have gone while it waited.

    post_id: a post that must be one's own, for those below editor. Raises NotAllowed, or NotFound where it is no
        post, or somebody else's draft.
    """
    user_id = signed_in().id
    with changes.changing(share) as db:
        user = db.get_one(User, user_id)
        if user.disabled_at or user.deleted_at or not has_role(user, role):
            raise NotAllowed(_("Your account isn’t allowed to do this."))
        if post_id is not None and not _is_of(post := posts.locked(db, post_id), user):
            _refuse_known(post, _("Your account isn’t allowed to do this."))
        yield db


def update_to_write(post_id: int, n: int) -> Update:
    post_to_write(post_id)
    return updates.written(reading(), post_id, n)


def comment_to_moderate(post_id: int, n: int) -> Comment:
    post_to_write(post_id)
    return comments.written(reading(), post_id, n)


def own_comment(post_id: int, n: int) -> Comment:
    user = signed_in()
    comment = comments.written(reading(), post_id, n)
    if comment.author_id != user.id:
        _refuse_known(posts.written(reading(), post_id), _("This comment belongs to someone else."))
    return comment


def _is_of(post: Post, user: User) -> bool:
    return has_role(user, "editor") or any(author.id == user.id for author in post.authors)
