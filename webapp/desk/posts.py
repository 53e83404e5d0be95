"""The desk's posts: writing, previewing, publishing and unpublishing them."""

from __future__ import annotations

import re
from typing import Any

from flask import current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..content import auto_end, erasure, imports, posts, revisions, updates
from ..db import reading
from ..db.engine import WriteSession
from ..errors import Conflict, NotFound, Refused
from ..http.forms import version_of
from ..http.links import absolute, safe_next
from ..i18n import gettext as _
from ..models import Post, User
from ..people import users
from ..people.access import editor, has_role, post_to_write, require_writer_of, writer, writing_as
from ..system.server import off_hub
from ..text.language import guess_language
from . import desk
from .conflict import conflict_page
from .forms import PostForm

ACTIONS = ("draft", "publish", "preview")
DRAFTS = 200  # published at a time, as many as the list has
TOGETHER = 10  # posts in one transaction


@desk.get("/desk")
def index() -> str:
    user = writer()
    whose = None if has_role(user, "editor") else user
    return render_template(
        "desk/index.html",
        drafts=(drafts := posts.on_desk(reading(), whose, "draft")),
        imported=imports.notes(reading(), drafts),
        published=posts.on_desk(reading(), whose, "published"),
        quiet=auto_end.asked_about(reading()),
    )


@desk.post("/desk/publish")
def publish_drafts() -> Response:
    """Those that were chosen in the list."""
    ids = dict.fromkeys(int(each) for each in request.form.getlist("post") if re.fullmatch("[0-9]{1,9}", each))
    chosen = [post_id for post_id in [*ids][:DRAFTS] if post_to_write(post_id).status == "draft"]
    for first in range(0, len(chosen), TOGETHER):
        with writing_as("author") as db:
            for post_id in chosen[first : first + TOGETHER]:
                require_writer_of(posts.locked(db, post_id))
                posts.publish(db, post_id)
    flash(_("Published: %(num)d", num=len(chosen)) if chosen else _("Select drafts first."))
    return redirect(url_for(".index"))


@desk.route("/desk/new", methods=["GET", "POST"])
def new() -> str | Response | tuple[str, int]:
    user = writer()
    form = PostForm(authors=user.username)
    return _save(form, None) if request.method == "POST" else _edit_page(form, None)


@desk.route("/desk/post/<int:post_id>", methods=["GET", "POST"])
def edit(post_id: int) -> str | Response | tuple[str, int]:
    post = post_to_write(post_id)
    form = PostForm(data=posts.texts_of(post), version=post.version)
    return _save(form, post) if request.method == "POST" else _edit_page(form, post)


def _save(form: PostForm, post: Post | None) -> str | Response | tuple[str, int]:
    action = request.form.get("action", "draft")
    authors = _authors(form, post) if form.validate_on_submit() else []
    if action not in ACTIONS or (post and post.status == "published" and action == "draft"):
        form.refuse(form.title, Refused(_("A published post can’t be saved as a draft. Unpublish it first.")))
    if form.errors:
        return _edit_page(form, post), 400
    if action == "preview":
        return _edit_page(form, post, preview=_preview(form))
    text = _writing(form)  # before the lock is held: it reads the whole text for its language
    try:
        with writing_as("author", post.id if post else None) as db:
            saved = _write(db, form, post, [person.id for person in authors], text)
            if action == "publish" and (post is not None or saved.published_at is None):
                require_writer_of(saved)
                posts.publish(db, saved.id)
    except Conflict as conflict:
        return _conflict(form, post, conflict)
    if action == "publish":
        return redirect(url_for("reader.post", post_id=saved.id))
    flash(_("Saved as a draft."))
    return redirect(url_for(".edit", post_id=saved.id))


def _authors(form: PostForm, post: Post | None) -> list[User]:
    """The people named in the form; what is wrong with them is said at the field.

    Whoever is among the post's authors may stay, also with a lower role now or a deleted account.
    """
    user = writer()
    before = {person.username: person for person in post.authors} if post else {}
    people = []
    for name in form.author_names() or [user.username]:
        if name in before:
            people.append(before[name])
            continue
        try:
            person = users.by_name(reading(), name)
        except NotFound:
            form.refuse(form.authors, Refused(_("No user named “%(name)s”.", name=name[:40])))
            continue
        if not has_role(person, "author"):
            form.refuse(form.authors, Refused(_("“%(name)s” isn’t an author yet.", name=person.username)))
        people.append(person)
    if not has_role(user, "editor"):
        _check_removals(form, user, post, {person.id for person in people})
    return people


def _check_removals(form: PostForm, user: User, post: Post | None, kept: set[int]) -> None:
    """By somebody below editor, who may be a co-author only."""
    if user.id not in kept:
        form.refuse(form.authors, Refused(_("You can’t remove yourself. Ask an editor.")))
    elif post and post.created_by_id != user.id and any(person.id not in kept for person in post.authors):
        form.refuse(form.authors, Refused(_("Only an editor, or whoever started the post, can remove an author.")))


def _write(db: WriteSession, form: PostForm, post: Post | None, author_ids: list[int], text: posts.Writing) -> Post:
    user = writer()
    authors = [db.get_one(User, author_id) for author_id in author_ids]
    if post is None:
        return posts.create(db, authors, text, submission=form.submission.data or None, actor_id=user.id)
    return posts.edit(db, post.id, authors, text, version=version_of(form), actor_id=user.id)


def _writing(form: PostForm) -> posts.Writing:
    return posts.Writing(
        title=form.title.data or "",
        body=form.body.data or "",
        rendered=form.rendered,
        summary=form.summary.data or "",
        tags=form.tag_names(),
        language=form.language.data or _guessed_language(form),
        live=form.live.data,
        comments=form.comments.data,
        cover=form.cover.data or "",
    )


def _guessed_language(form: PostForm) -> str:
    """Off the hub, as the first guess loads the languages."""
    text = f"{form.title.data}\n{form.body.data}"
    return off_hub(guess_language, text, current_app.config["CONTENT_LANGUAGE"] or current_app.config["LANGUAGE"])


def _preview(form: PostForm) -> dict[str, Any]:
    writing = _writing(form)
    return {
        "title": writing.title,
        "summary": writing.summary,
        "html": writing.rendered.html,
        "language": writing.language,
    }


def _edit_page(form: PostForm, post: Post | None, preview: dict[str, Any] | None = None) -> str:
    draft_url = absolute("desk.draft", token=post.draft_token) if post and post.draft_token else None
    return render_template("desk/edit.html", form=form, post=post, preview=preview, draft_url=draft_url)


def _conflict(form: PostForm, post: Post | None, conflict: Conflict) -> tuple[str, int]:
    if post is None:
        raise conflict
    now = posts.written(reading(), post.id)
    texts = posts.texts_of(now)
    theirs = {name: texts[name] for name in ("title", "summary", "body", "cover", "tags", "language", "authors")}
    action = "publish" if now.status == "published" else "draft"
    return conflict_page(form, now.title, now.version, theirs, action)


@desk.post("/desk/post/<int:post_id>/unpublish")
def unpublish(post_id: int) -> Response:
    post_to_write(post_id)
    with writing_as("author", post_id) as db:
        posts.unpublish(db, post_id)
    flash(_("Unpublished. The post is a draft again."))
    return redirect(url_for(".edit", post_id=post_id))


@desk.get("/desk/post/<int:post_id>/delete")
def confirm_delete(post_id: int) -> str:
    """What goes along."""
    post = post_to_write(post_id)
    if post.published_at is not None:
        editor()
    return render_template("desk/delete.html", post=post, versions=revisions.count(reading(), post_id))


@desk.post("/desk/post/<int:post_id>/delete")
def delete(post_id: int) -> Response:
    """A draft that was never public by its authors; what readers know by editors alone, with all that belongs to it."""
    was_public = post_to_write(post_id).published_at is not None
    with writing_as("editor" if was_public else "author", post_id) as db:
        verb = erasure.post if was_public else posts.discard
        verb(db, post_id)
    flash(_("Post deleted.") if was_public else _("Draft deleted."))
    return redirect(url_for(".index"))


@desk.post("/desk/post/<int:post_id>/end")
def end(post_id: int) -> Response:
    post_to_write(post_id)
    with writing_as("author", post_id) as db:
        posts.end(db, post_id)
    return redirect(url_for("reader.post", post_id=post_id))


@desk.post("/desk/post/<int:post_id>/keep-live")
def keep_live(post_id: int) -> Response:
    post_to_write(post_id)
    with writing_as("author", post_id) as db:
        auto_end.keep_live(db, post_id)
    return redirect(safe_next(request.form.get("next")) or url_for(".live", post_id=post_id))


@desk.post("/desk/post/<int:post_id>/draft-link")
def new_draft_link(post_id: int) -> Response:
    post_to_write(post_id)
    with writing_as("author", post_id) as db:
        posts.replace_draft_token(db, post_id)
    flash(_("A new secret link was created. The old one no longer works."))
    return redirect(url_for(".edit", post_id=post_id))


@desk.get("/desk/post/<int:post_id>/revisions")
def older_texts(post_id: int) -> str:
    post = post_to_write(post_id)
    texts = [(post.title, revisions.of(reading(), "post", post.id))]
    for update in updates.on_desk(reading(), post_id):
        if update.version > 1:
            name = _("Update %(n)d", n=update.n)
            texts.append((update.title or name, revisions.of(reading(), "update", update.id)))
    shown = [pair for pair in texts if pair[1]]
    return render_template("desk/revisions.html", post=post, revisions=shown, may_erase=True)


@desk.post("/desk/post/<int:post_id>/revisions/<int:revision_id>/erase")
def erase_older_text(post_id: int, revision_id: int) -> Response:
    post_to_write(post_id)
    with writing_as("author", post_id) as db:
        erasure.earlier(db, post_id, revision_id)
    flash(_("Deleted. Readers of earlier versions see that it was withdrawn for legal reasons."))
    return redirect(url_for(".older_texts", post_id=post_id))


@desk.get("/draft/<uuid:token>")
def draft(token: Any) -> str:
    """A draft for whoever has the secret link."""
    return render_template("desk/draft.html", post=posts.by_draft_token(reading(), str(token)))
