"""Comments: writing them, and the desk's screen for a busy night, where they are withdrawn and held up with one tap.

Every change there is a form that leads back by `next`. The script (static/js/desk/moderation.js) lets `next` be the
one part of the page that changed; without it, it is the page at the same place.
"""

from __future__ import annotations

from flask import current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from . import comments, limits, moderation, posts, text
from .accounts import safe_next
from .db import reading
from .desk import desk
from .forms import CommentForm, sent_body
from .models import Post
from .rights import comment_to_moderate, has_role, own_comment, post_to_write, signed_in, writer, writing_as

_renders = limits.PerMinute(20)  # a refused comment's Markdown takes as long as another's


@desk.get("/post/<int:post_id>/comments/new")
def new_comment(post_id: int) -> str:
    signed_in()
    return _comment_page(post_id, CommentForm())


def _comment_page(post_id: int, form: CommentForm) -> str:
    post = posts.published(reading(), post_id)
    return render_template("community/comment_new.html", post=post, form=form)


@desk.post("/post/<int:post_id>/comments")
def add_comment(post_id: int) -> str | Response | tuple[str, int]:
    user_id = signed_in().id
    posts.published(reading(), post_id)
    if current_app.config["LIMITS"] == "on":
        _renders.use(str(user_id))
    form = CommentForm()
    html = sent_body(form, text.render_comment)
    if html is None:
        return _comment_page(post_id, form), 400
    with writing_as("reader", share=True) as db:
        made = comments.add(
            db,
            post_id,
            user_id,
            form.body.data or "",
            html,
            submission=form.submission.data or None,
            per_minute=comments.PER_MINUTE if current_app.config["LIMITS"] == "on" else None,
        )
    return redirect(url_for("reader.post", post_id=post_id, _anchor=made.item))


@desk.post("/post/<int:post_id>/comment/<int:n>/delete")
def delete_comment(post_id: int, n: int) -> Response:
    comment = own_comment(post_id, n)
    with writing_as("reader") as db:
        comments.withdraw(db, post_id, n, comment.author_id)
    return redirect(url_for("reader.post", post_id=post_id, _anchor="comments"))


# Moderating


@desk.post("/desk/post/<int:post_id>/comment/<int:n>/withdraw")
def withdraw_comment(post_id: int, n: int) -> Response:
    comment_to_moderate(post_id, n)
    actor_id = writer().id
    with writing_as("author", post_id) as db:
        return _changed(post_id, comments.withdraw(db, post_id, n, actor_id).item)


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


@desk.get("/desk/comments")
def night() -> str:
    """`limit`: as many comments, at most as many as there are without it."""
    user = writer()
    author_id = None if has_role(user, "editor") else user.id
    limit = request.args.get("limit", moderation.NEWEST, type=int)
    found = moderation.newest(reading(), author_id, max(1, limit))
    return _screen(found, moderation.switches(reading(), author_id, found))


@desk.get("/desk/post/<int:post_id>/comment/<int:n>")
def moderated_comment(post_id: int, n: int) -> str:
    post_to_write(post_id)
    return _screen([moderation.one(reading(), post_id, n)], [])


@desk.get("/desk/post/<int:post_id>/comments")
def comments_switch(post_id: int) -> str:
    return _screen([], [post_to_write(post_id)])


def _screen(found: list[moderation.Moderated], switches: list[Post]) -> str:
    return render_template("desk/comments.html", found=found, switches=switches)
