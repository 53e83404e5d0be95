"""The desk's screen for the comments, where moderators withdraw and restore them with one tap.

Every change there is a form that leads back by `next`. The script (static/js/desk/moderation.js) lets `next` be the
one part of the page that changed; without it, it is the page at the same place.
"""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..content import comments, erasure, moderation, posts
from ..db import reading
from ..http.links import safe_next
from ..models import Post
from ..people.access import comment_to_moderate, has_role, post_to_write, writer, writing_as
from . import desk


@desk.post("/desk/post/<int:post_id>/comment/<int:n>/withdraw")
def withdraw_comment(post_id: int, n: int) -> Response:
    comment_to_moderate(post_id, n)
    actor_id = writer().id
    with writing_as("author", post_id) as db:
        verb = erasure.comment if request.form.get("reason") == "legal" else comments.withdraw
        return _changed(post_id, verb(db, post_id, n, actor_id).item)


@desk.post("/desk/post/<int:post_id>/comment/<int:n>/restore")
def restore_comment(post_id: int, n: int) -> Response:
    comment_to_moderate(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(post_id, comments.restore(db, post_id, n).item)


@desk.post("/desk/post/<int:post_id>/comments")
def switch_comments(post_id: int) -> Response:
    post_to_write(post_id)
    with writing_as("author", post_id) as db:
        posts.set_comments(db, post_id, request.form.get("comments", ""))
    return redirect(safe_next(request.form.get("next")) or url_for(".night", _anchor=f"switch-{post_id}"))


def _changed(post_id: int, item: str) -> Response:
    return redirect(safe_next(request.form.get("next")) or url_for(".live", post_id=post_id, _anchor=item))


# The screen, and its parts: the same page, with one comment or one switch


# By its old name in templates: the last release's workers read ours until they are replaced.
@desk.get("/desk/comments", endpoint="night")
def moderate() -> str:
    """`limit`: as many comments, at most as many as there are without it."""
    user = writer()
    author_id = None if has_role(user, "editor") else user.id
    limit = request.args.get("limit", moderation.NEWEST, type=int)
    comments = moderation.newest(reading(), author_id, max(1, limit))
    return _screen(comments, moderation.switches(reading(), author_id, comments))


@desk.get("/desk/post/<int:post_id>/comment/<int:n>")
def moderated_comment(post_id: int, n: int) -> str:
    post_to_write(post_id)
    return _screen([moderation.one(reading(), post_id, n)], [])


@desk.get("/desk/post/<int:post_id>/comments")
def comments_switch(post_id: int) -> str:
    return _screen([], [post_to_write(post_id)])


def _screen(found: list[moderation.Moderated], switches: list[Post]) -> str:
    return render_template("desk/comments.html", found=found, switches=switches)
