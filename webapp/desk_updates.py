"""The desk of a live post: its updates, and the comments on it (desk_comments.py changes those)."""

from __future__ import annotations

from typing import Any

from flask import current_app, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from . import comments, ending, text, updates
from .accounts import safe_next
from .db import reading
from .desk import conflict_page, desk
from .errors import Conflict
from .forms import CorrectUpdateForm, EditUpdateForm, UpdateForm, sent_body, version_of
from .i18n import gettext as _
from .rights import post_to_write, update_to_write, writer, writing_as


@desk.get("/desk/post/<int:post_id>/live")
def live(post_id: int) -> str:
    return _live_page(post_id, UpdateForm(next=url_for(".live", post_id=post_id)))


def _live_page(post_id: int, form: UpdateForm) -> str:
    post = post_to_write(post_id)
    return render_template(
        "desk/live.html",
        post=post,
        form=form,
        quiet=ending.asked_about(reading()).get(post_id),
        updates=updates.on_desk(reading(), post_id),
        comments=comments.on_desk(reading(), post_id),
    )


@desk.post("/post/<int:post_id>/updates")
def add_update(post_id: int) -> str | Response | tuple[str, int]:
    post_to_write(post_id)
    form = UpdateForm()
    html = sent_body(form, text.render_update)
    if html is None:
        return _live_page(post_id, form), 400
    author_id = writer().id
    with writing_as("author", post_id) as db:
        made = updates.add(
            db,
            post_id,
            author_id,
            form.body.data or "",
            html,
            title=form.title.data or "",
            key=form.key.data,
            submission=form.submission.data or None,
        )
    there = url_for("reader.post", post_id=post_id, _anchor=made.item)
    return redirect(safe_next(form.next.data) or there)


@desk.get("/desk/post/<int:post_id>/reached/<int:n>")
def reached(post_id: int, n: int) -> Response:
    """How many readers had event `n` after how many milliseconds; both null as long as nobody sent it."""
    post_to_write(post_id)
    sent = [reached for reached in current_app.extensions["channel"].reached(post_id) if reached[0] >= n]
    readers = sum(count for _number, count, _ms in sent)
    return jsonify(readers=readers if sent else None, ms=max(ms for *_rest, ms in sent) if sent else None)


@desk.route("/desk/post/<int:post_id>/update/<int:n>/edit", methods=["GET", "POST"])
def edit_update(post_id: int, n: int) -> str | Response | tuple[str, int]:
    return _change_update(post_id, n, EditUpdateForm)


@desk.route("/desk/post/<int:post_id>/update/<int:n>/correct", methods=["GET", "POST"])
def correct_update(post_id: int, n: int) -> str | Response | tuple[str, int]:
    return _change_update(post_id, n, CorrectUpdateForm)


def _change_update(post_id: int, n: int, kind: type[EditUpdateForm]) -> str | Response | tuple[str, int]:
    update = update_to_write(post_id, n)
    correcting = kind is CorrectUpdateForm
    form = kind(title=update.title, body=update.body, version=update.version)
    html = sent_body(form, text.render_update)
    if html is None:
        page = render_template("desk/update.html", update=update, form=form, correcting=correcting)
        return page, 400 if request.method == "POST" else 200
    texts: dict[str, Any] = {"title": form.title.data or "", "body": form.body.data, "html": html}
    if correcting:
        texts["note"] = form.note.data
    actor_id = writer().id
    verb = updates.correct if correcting else updates.edit
    try:
        with writing_as("author", post_id) as db:
            verb(db, post_id, n, version=version_of(form), actor_id=actor_id, **texts)
    except Conflict:
        return _conflict(post_id, n, form)
    return redirect(url_for(".live", post_id=post_id, _anchor=update.item))


def _conflict(post_id: int, n: int, form: EditUpdateForm) -> tuple[str, int]:
    now = updates.written(reading(), post_id, n)
    theirs = {"title": now.title, "body": now.body}
    return conflict_page(form, now.title or _("Update %(n)d", n=now.n), now.version, theirs)


def _changed(post_id: int, item: str) -> Response:
    return redirect(url_for(".live", post_id=post_id, _anchor=item))


@desk.post("/desk/post/<int:post_id>/update/<int:n>/withdraw")
def withdraw_update(post_id: int, n: int) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(post_id, updates.withdraw(db, post_id, n).item)


@desk.post("/desk/post/<int:post_id>/update/<int:n>/restore")
def restore_update(post_id: int, n: int) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(post_id, updates.restore(db, post_id, n).item)


@desk.post("/desk/post/<int:post_id>/update/<int:n>/pin", defaults={"pinned": True}, endpoint="pin_update")
@desk.post("/desk/post/<int:post_id>/update/<int:n>/unpin", defaults={"pinned": False}, endpoint="unpin_update")
def pin_update(post_id: int, n: int, pinned: bool) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(post_id, updates.pin(db, post_id, n, pinned).item)


@desk.post("/desk/post/<int:post_id>/update/<int:n>/key", defaults={"key": True}, endpoint="mark_key")
@desk.post("/desk/post/<int:post_id>/update/<int:n>/not-key", defaults={"key": False}, endpoint="unmark_key")
def mark_key(post_id: int, n: int, key: bool) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(post_id, updates.mark_key(db, post_id, n, key).item)
