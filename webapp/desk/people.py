"""The desk's pages for the site as a whole: people (admins) and the site's own pages (editors)."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs

from ..db import reading
from ..errors import Refused
from ..http.forms import Form
from ..http.links import absolute, safe_next
from ..i18n import gettext as _
from ..i18n import lazy_gettext as _l
from ..models import ROLES
from ..people import one_time_links, users
from ..people.access import admin, writing_as
from . import desk

ROLE_NAMES = {"reader": _l("Reader"), "author": _l("Author"), "editor": _l("Editor"), "admin": _l("Admin")}


class InviteForm(Form):
    role = SelectField(_l("Role"), choices=[SelectChoice(role, ROLE_NAMES[role]) for role in ROLES], default="author")


@desk.get("/desk/people")
def everybody() -> str:
    admin()
    return _people_page()


def _people_page(link: str | None = None, link_for: str | None = None, link_is_short: bool = False) -> str:
    return render_template(
        "desk/people.html",
        people=users.every(reading()),
        roles=ROLES,
        form=InviteForm(formdata=None),
        link=link,
        link_for=link_for,
        link_is_short=link_is_short,
    )


@desk.post("/desk/people/invite")
def invite() -> str | tuple[str, int]:
    user_id = admin().id
    form = InviteForm()
    if not form.validate_on_submit():
        raise Refused(_("No such role."))
    with writing_as("admin") as db:
        token = one_time_links.make_link(db, "invitation", user_id, role=form.role.data)
    url = absolute("accounts.invited", token=token)
    return _people_page(url, _("Invitation (%(role)s)", role=ROLE_NAMES[form.role.data]))


@desk.post("/desk/people/<int:user_id>/password-link")
def password_link(user_id: int) -> str:
    actor_id = admin().id
    person = users.get(reading(), user_id)
    with writing_as("admin") as db:
        token = one_time_links.make_link(db, "password", actor_id, user_id=person.id)
    url = absolute("accounts.new_password", token=token)
    return _people_page(url, _("New password for %(name)s", name=person.username), link_is_short=True)


@desk.post("/desk/people/<int:user_id>/role")
def set_role(user_id: int) -> Response:
    admin()
    with writing_as("admin") as db:
        person = users.set_role(db, user_id, request.form.get("role", ""))
    return _people_done(_("The role of %(name)s is now: %(role)s.", name=person.username, role=ROLE_NAMES[person.role]))


@desk.post("/desk/people/<int:user_id>/disable")
def disable(user_id: int) -> Response:
    admin()
    with writing_as("admin") as db:
        person = users.disable(db, user_id, True)
    return _people_done(_("%(name)s can no longer log in.", name=person.username))


@desk.post("/desk/people/<int:user_id>/enable")
def enable(user_id: int) -> Response:
    admin()
    with writing_as("admin") as db:
        person = users.disable(db, user_id, False)
    return _people_done(_("%(name)s can log in again.", name=person.username))


def _people_done(message: str) -> Response:
    if there := safe_next(request.form.get("next")):  # it shows what was done
        return redirect(there)
    flash(message)
    return redirect(url_for(".everybody"))
