"""What somebody changes about their own account."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from .. import changes
from ..content import comments
from ..db import reading, writing
from ..errors import Refused, Taken
from ..i18n import gettext as _
from ..models import User
from ..people import names, passwords, sessions, users
from ..people.access import hint, sign_out, signed_in
from . import accounts
from .forms import DeleteAccountForm, PasswordForm, ProfileForm
from .views import count_attempt, verify_password

PROFILES_PER_HOUR = 10


@accounts.route("/settings", methods=["GET", "POST"])
def settings() -> str | Response | tuple[str, int]:
    user = signed_in()
    form = ProfileForm(username=user.username, email=user.email)
    if not form.validate_on_submit() or not (verified := _verified(user, form)):
        return _settings(profile_form=form)
    count_attempt({f"profile {user.id}": PROFILES_PER_HOUR}, 3600)
    try:
        with changes.changing() as db:
            sessions.confirmed(db, session["sid"], verified)
            name = names.checked_username(form.username.data or "")
            users.rename(db, user.id, name, names.checked_email(form.email.data or ""))
    except Taken as taken:
        form.refuse(form[taken.field], taken)
        return _settings(profile_form=form)
    return _done(_("Saved."))


@accounts.post("/settings/password")
def change_password() -> Response | tuple[str, int]:
    user = signed_in()
    form = PasswordForm()
    form.own_names = (user.username, user.email)
    if not form.validate_on_submit() or not (verified := _verified(user, form)):
        return _settings(password_form=form)
    password_hash = passwords.make_hash(form.new_password.data)
    with writing() as db:
        sessions.confirmed(db, session["sid"], verified)
        users.set_password(db, user.id, password_hash, keep_sid=session["sid"])
    return _done(_("Password changed. All other sessions were logged out."))


@accounts.post("/settings/sessions/end")
def end_other_sessions() -> Response:
    user = signed_in()
    with writing() as db:
        sessions.confirmed(db, session["sid"])
        sessions.end_sessions(db, user.id, keep_sid=session["sid"])
    return _done(_("All other sessions were logged out."))


@accounts.post("/settings/delete")
def delete_account() -> Response | tuple[str, int]:
    user = signed_in()
    form = DeleteAccountForm()
    if not form.validate_on_submit() or not (verified := _verified(user, form)):
        return _settings(delete_form=form)
    users.keep_an_admin(reading(), user)
    while form.with_comments.data:
        with changes.changing() as db:
            sessions.confirmed(db, session["sid"], verified)
            if not users.withdraw_comments(db, user.id):
                break
    with changes.changing() as db:
        sessions.confirmed(db, session["sid"], verified)
        users.remove(db, user.id)
    sign_out()
    flash(_("Account deleted."))
    return hint(redirect(url_for(".login")), signed_in=False)


@accounts.get("/settings/comments")
def own_comments() -> str:
    user = signed_in()
    return render_template("accounts/comments.html", user=user, comments=comments.by_user(reading(), user.id))


def _verified(user: User, form: ProfileForm | PasswordForm | DeleteAccountForm) -> str | None:
    """The hash that the password has; None, with the reason at the field, when it is wrong."""
    verified = verify_password(user.username, form.password.data or "")
    if verified and verified[0] == user.id:
        return verified[1]
    form.refuse(form.password, Refused(_("Wrong password.")))
    return None


def _settings(**forms: object) -> tuple[str, int]:
    user = signed_in()
    made = {
        "profile_form": ProfileForm(formdata=None, username=user.username, email=user.email),
        "password_form": PasswordForm(formdata=None),
        "delete_form": DeleteAccountForm(formdata=None),
    }
    page = render_template(
        "accounts/settings.html",
        user=user,
        sessions=sessions.sessions_of(reading(), user.id),
        current_sid_hash=sessions.hashed(session["sid"]),
        **(made | forms),
    )
    return page, 400 if request.method == "POST" else 200


def _done(message: str) -> Response:
    flash(message)
    return redirect(url_for(".settings"))
