"""What signed-in readers do: they write comments, and delete their own."""

from __future__ import annotations

from flask import current_app, redirect, render_template, url_for
from werkzeug.wrappers import Response

from ..content import comments, posts
from ..db import reading
from ..http import rate_limits
from ..http.forms import sent_body
from ..people.access import own_comment, signed_in, writing_as
from ..text.render import render_comment
from . import community
from .forms import CommentForm

_renders = rate_limits.PerMinute("renders", 20)  # a refused comment's Markdown takes as long as another's


@community.get("/post/<int:post_id>/comments/new")
def new_comment(post_id: int) -> str:
    signed_in()
    return _comment_page(post_id, CommentForm())


def _comment_page(post_id: int, form: CommentForm) -> str:
    post = posts.published(reading(), post_id)
    return render_template("community/comment_new.html", post=post, form=form)


@community.post("/post/<int:post_id>/comments")
def add_comment(post_id: int) -> str | Response | tuple[str, int]:
    user_id = signed_in().id
    posts.published(reading(), post_id)
    _renders.use(str(user_id))
    form = CommentForm()
    html = sent_body(form, render_comment)
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


@community.post("/post/<int:post_id>/comment/<int:n>/delete")
def delete_comment(post_id: int, n: int) -> Response:
    comment = own_comment(post_id, n)
    with writing_as("reader") as db:
        comments.withdraw(db, post_id, n, comment.author_id)
    return redirect(url_for("reader.post", post_id=post_id, _anchor="comments"))
