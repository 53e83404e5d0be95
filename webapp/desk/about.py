"""The desk's pages of the site itself, such as Imprint and Privacy (editors)."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..content import about, rendering
from ..db import reading
from ..errors import Conflict
from ..http.forms import sent_body, version_of
from ..i18n import gettext as _
from ..people.access import editor, writing_as
from . import desk
from .conflict import conflict_page
from .forms import AboutForm


@desk.get("/desk/about")
def about_pages() -> str:
    editor()
    return render_template("desk/about_index.html", pages=about.every(reading()))


@desk.route("/desk/about/new", methods=["GET", "POST"])
def new_about() -> str | Response | tuple[str, int]:
    editor()
    form = AboutForm()
    rendered = sent_body(form, rendering.post)
    if rendered is None:
        return _about_page(form, None)
    try:
        with writing_as("editor") as db:
            page = about.create(
                db, form.name.data or "", title=form.title.data or "", body=form.body.data or "", html=rendered.html
            )
    except Conflict as taken:
        form.refuse(form.name, taken)
        return _about_page(form, None)
    return redirect(url_for("reader.about", name=page.name))


@desk.route("/desk/about/edit/<path:name>", methods=["GET", "POST"])
def edit_about(name: str) -> str | Response | tuple[str, int]:
    user_id = editor().id
    page = about.shown(reading(), name)
    form = AboutForm(name=page.name, title=page.title, body=page.body, version=page.version)
    rendered = sent_body(form, rendering.post)
    if rendered is None:
        return _about_page(form, page)
    try:
        with writing_as("editor") as db:
            about.edit(
                db,
                name,
                title=form.title.data or "",
                body=form.body.data or "",
                html=rendered.html,
                version=version_of(form),
                actor_id=user_id,
            )
    except Conflict:
        return _conflict(form, name)
    return redirect(url_for("reader.about", name=name))


@desk.post("/desk/about/delete/<path:name>")
def delete_about(name: str) -> Response:
    user_id = editor().id
    with writing_as("editor") as db:
        about.delete(db, name, user_id)
    flash(_("Page deleted."))
    return redirect(url_for(".about_pages"))


def _about_page(form: AboutForm, page: object) -> tuple[str, int]:
    status = 400 if request.method == "POST" else 200
    return render_template("desk/about_edit.html", form=form, about=page), status


def _conflict(form: AboutForm, name: str) -> tuple[str, int]:
    now = about.shown(reading(), name)
    return conflict_page(form, now.title, now.version, {"title": now.title, "body": now.body})
