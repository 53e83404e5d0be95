"""The desk of a live post: its updates, and the comments on it (desk/comments.py changes those)."""

from __future__ import annotations

from typing import Any

from flask import current_app, jsonify, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..content import auto_end, comments, editing, erasure, rendering, updates
from ..db import reading
from ..errors import Conflict
from ..http.error_pages import wants_json
from ..http.forms import sent_body, version_of, wrong
from ..http.links import safe_next
from ..i18n import gettext as _
from ..live.channel import CHANNEL
from ..models import Update
from ..people.access import post_to_write, update_to_write, writer, writing_as
from . import desk
from .composer import open_form
from .conflict import conflict_page
from .forms import CorrectUpdateForm, EditUpdateForm, UpdateForm


@desk.get("/desk/post/<int:post_id>/live")
def live(post_id: int) -> str:
    return _live_page(post_id, UpdateForm(next=url_for(".live", post_id=post_id)))


def _live_page(post_id: int, form: UpdateForm) -> str:
    post = post_to_write(post_id)
    return render_template(
        "desk/live.html",
        post=post,
        form=form,
        quiet=auto_end.asked_about(reading()).get(post_id),
        updates=updates.on_desk(reading(), post_id),
        comments=comments.on_desk(reading(), post_id),
    )


@desk.post("/post/<int:post_id>/updates")
def add_update(post_id: int) -> str | Response | tuple[str | Response, int]:
    post_to_write(post_id)
    form = UpdateForm()
    html = sent_body(form, rendering.update)
    if html is None:
        return (wrong(form) if wants_json() else _live_page(post_id, form)), 400
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
        shown = _shown(db, made)
    if wants_json():
        return jsonify(shown)
    there = url_for("reader.post", post_id=post_id, _anchor=made.item)
    return redirect(safe_next(form.next.data) or there)


def _shown(db: Session, update: Update) -> dict[str, Any]:
    """The update as the page and its events have it: {"id": "update-12", "html": …}; html is None when withdrawn."""
    html = None if update.withdrawn_at else updates.fragment(db, update)
    return {"id": update.item, "html": html}


@desk.get("/desk/post/<int:post_id>/reached/<int:n>")
def reached(post_id: int, n: int) -> Response:
    """How many readers had event `n` after how many milliseconds; both null as long as nobody sent it."""
    post_to_write(post_id)
    sent = [reached for reached in CHANNEL.of(current_app).reached(post_id) if reached[0] >= n]
    readers = sum(count for _number, count, _ms in sent)
    return jsonify(readers=readers if sent else None, ms=max(ms for *_rest, ms in sent) if sent else None)


@desk.route("/desk/post/<int:post_id>/update/<int:n>/edit", methods=["GET", "POST"])
def edit_update(post_id: int, n: int) -> str | Response | tuple[str | Response, int]:
    return _change_update(post_id, n, EditUpdateForm)


@desk.route("/desk/post/<int:post_id>/update/<int:n>/correct", methods=["GET", "POST"])
def correct_update(post_id: int, n: int) -> str | Response | tuple[str | Response, int]:
    return _change_update(post_id, n, CorrectUpdateForm)


def _change_update(post_id: int, n: int, kind: type[EditUpdateForm]) -> str | Response | tuple[str | Response, int]:
    update = update_to_write(post_id, n)
    form = kind(title=update.title, body=update.body, version=update.version)
    html = sent_body(form, rendering.update)
    if html is None:
        return _update_form(update, form)
    actor_id = writer().id
    texts: dict[str, Any] = {"title": form.title.data or "", "body": form.body.data, "html": html}
    if isinstance(form, CorrectUpdateForm):
        texts["note"] = form.note.data
    verb = updates.correct if isinstance(form, CorrectUpdateForm) else updates.edit
    try:
        with writing_as("author", post_id) as db:
            changed = verb(db, post_id, n, version=version_of(form), actor_id=actor_id, **texts)
            editing.end(db, changed.id, actor_id)
            return _changed(db, changed)
    except Conflict:
        return _conflict(post_id, n, form)


def _update_form(update: Update, form: EditUpdateForm) -> str | Response | tuple[str | Response, int]:
    """The form, empty of errors when it was asked for, else with what doesn't fit."""
    if request.method == "POST" and wants_json():
        return wrong(form), 400
    also_open = open_form(update)
    if wants_json():
        return jsonify(title=update.title, body=update.body, version=update.version, editing=also_open)
    correcting = isinstance(form, CorrectUpdateForm)
    page = render_template("desk/update.html", update=update, form=form, correcting=correcting, editing=also_open)
    return page, 400 if request.method == "POST" else 200


def _conflict(post_id: int, n: int, form: EditUpdateForm) -> tuple[str | Response, int]:
    now = updates.written(reading(), post_id, n)
    theirs = {"title": now.title, "body": now.body}
    if wants_json():
        message = _(
            "Someone saved another version while you were editing. It is shown below yours. Saving again replaces it."
        )
        return jsonify(status=409, message=message, version=now.version, theirs=theirs), 409
    return conflict_page(form, now.title or _("Update %(n)d", n=now.n), now.version, theirs)


def _changed(db: Session, update: Update) -> Response:
    """Within the transaction: what a script puts into the page, or where a form leads back to."""
    if wants_json():
        return jsonify(_shown(db, update))
    return redirect(url_for(".live", post_id=update.post_id, _anchor=update.item))


@desk.post("/desk/post/<int:post_id>/update/<int:n>/withdraw")
def withdraw_update(post_id: int, n: int) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        verb = erasure.update if request.form.get("reason") == "legal" else updates.withdraw
        return _changed(db, verb(db, post_id, n))


@desk.post("/desk/post/<int:post_id>/update/<int:n>/restore")
def restore_update(post_id: int, n: int) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(db, updates.restore(db, post_id, n))


@desk.post("/desk/post/<int:post_id>/update/<int:n>/pin", defaults={"pinned": True}, endpoint="pin_update")
@desk.post("/desk/post/<int:post_id>/update/<int:n>/unpin", defaults={"pinned": False}, endpoint="unpin_update")
def pin_update(post_id: int, n: int, pinned: bool) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(db, updates.pin(db, post_id, n, pinned))


@desk.post("/desk/post/<int:post_id>/update/<int:n>/key", defaults={"key": True}, endpoint="mark_key")
@desk.post("/desk/post/<int:post_id>/update/<int:n>/not-key", defaults={"key": False}, endpoint="unmark_key")
def mark_key(post_id: int, n: int, key: bool) -> Response:
    update_to_write(post_id, n)
    with writing_as("author", post_id) as db:
        return _changed(db, updates.mark_key(db, post_id, n, key))
