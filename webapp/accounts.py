"""Accounts: register, log in and out, settings, and the one-time links that admins hand out."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, session, url_for
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response

from . import changes, comments, instance, limits, metrics, names, one_time_links, passwords, people, sessions
from .account_forms import DeleteAccountForm, LoginForm, NewPasswordForm, PasswordForm, ProfileForm, RegisterForm
from .db import reading, release, writing
from .errors import NotAllowed, NotFound, Refused, Taken
from .i18n import gettext as _
from .links import safe_next
from .models import User
from .rights import current_user, has_role, hint, sign_in, sign_out, signed_in

accounts = Blueprint("accounts", __name__)

LOGINS_PER_PAIR = 10
LOGINS_PER_ADDRESS = 100
LOGIN_SECONDS = 300
REGISTRATIONS_PER_ADDRESS = 5
REGISTRATION_TRIES_PER_ADDRESS = 30
REGISTRATION_SECONDS = 3600
PROFILES_PER_HOUR = 10


@accounts.get("/me")
def me() -> Response:
    """Who is signed in, for the script of a page that is the same for everybody."""
    user = current_user()
    answer = jsonify(
        signed_in=user is not None,
        username=user.username if user else None,
        role=user.role if user else None,
        csrf_token=generate_csrf() if user else None,
        may_write=user is not None and has_role(user, "author"),
        bench=instance.is_bench(current_app.config["INSTANCE"]),
    )
    return answer if user else hint(answer, signed_in=False)


@accounts.route("/login", methods=["GET", "POST"])
def login() -> str | Response | tuple[str, int]:
    form = LoginForm(next=request.args.get("next", ""))
    if not form.validate_on_submit():
        return _page("login", form)
    verified = _verified(form.username.data or "", form.password.data or "")
    if verified is None:
        metrics.count("failed_logins_total")
        form.refuse(form.password, Refused(_("Name and password don’t match.")))
        return _page("login", form)
    sign_in(*verified)
    return hint(redirect(safe_next(form.next.data) or url_for("reader.front")), signed_in=True)


def _verified(name: str, password: str) -> tuple[int, str] | None:
    """Whose password this is, and its hash. Unknown names take as long and answer the same. Raises TooMany."""
    key = f"login {names.username_key(name.strip())} {_network()}"
    counted = _count({key: LOGINS_PER_PAIR, f"login {_network()}": LOGINS_PER_ADDRESS}, LOGIN_SECONDS)
    user = people.by_login(reading(), name)
    release()
    if not passwords.verify(user.password_hash if user else None, password) or user is None:
        return None
    fresh = passwords.make_hash(password) if passwords.is_outdated(user.password_hash or "") else None
    with writing() as db:
        limits.forgive(db, counted)
        overtaken = fresh and not people.rehash(db, user.id, user.password_hash or "", fresh)
    if overtaken:
        return _verified(name, password)
    return user.id, fresh or user.password_hash or ""


def _count(keys: dict[str, int], seconds: int) -> list[int]:
    if current_app.config["LIMITS"] == "off":
        return []
    with writing() as db:
        return limits.attempt(db, keys, seconds)


def _network() -> str:
    return limits.network_of(request.remote_addr)


@accounts.post("/logout")
def logout() -> Response:
    sign_out()
    return hint(redirect(url_for("reader.front")), signed_in=False)


@accounts.route("/register", methods=["GET", "POST"])
def register() -> str | Response | tuple[str, int]:
    form = RegisterForm()
    if current_app.config["REGISTRATION"] == "closed":
        if request.method == "POST":
            raise NotAllowed(_("This site makes accounts by invitation only."))
        return _page("register", form)
    if not form.validate_on_submit():
        return _page("register", form)
    made, tried = f"register {_network()}", f"registering {_network()}"
    counted = _count({made: REGISTRATIONS_PER_ADDRESS, tried: REGISTRATION_TRIES_PER_ADDRESS}, REGISTRATION_SECONDS)
    answer = _join(form, "reader")
    if answer is None:
        with writing() as db:
            limits.forgive(db, counted[:1])
    return answer or _page("register", form)


def _join(form: RegisterForm, role: str, token: str | None = None) -> Response | None:
    """Make the account and sign it in; None, with the reason at the field, when the name is taken."""
    password_hash = passwords.make_hash(form.password.data)
    try:
        with writing() as db:
            if token:
                db.delete(one_time_links.link(db, "invitation", token))
            name = names.checked_username(form.username.data or "")
            user = people.create(db, name, names.checked_email(form.email.data or ""), password_hash, role)
    except Taken as taken:
        form.refuse(form[taken.field], taken)
        return None
    sign_in(user.id, password_hash)
    return hint(redirect(url_for("reader.front")), signed_in=True)


@accounts.route("/invite/<token>", methods=["GET", "POST"])
def invited(token: str) -> str | Response | tuple[str, int]:
    role = one_time_links.link(reading(), "invitation", token).role
    form = RegisterForm()
    if not form.validate_on_submit():
        return _page("invited", form)
    return _join(form, role or "reader", token=token) or _page("invited", form)


@accounts.route("/password/<token>", methods=["GET", "POST"])
def new_password(token: str) -> str | Response | tuple[str, int]:
    user = people.get(reading(), one_time_links.link(reading(), "password", token).user_id or 0)
    if user.disabled_at:
        raise NotFound
    form = NewPasswordForm()
    if not form.validate_on_submit():
        return _page("new_password", form, owner=user)
    password_hash = passwords.make_hash(form.password.data)
    with writing() as db:
        one_time_links.link(db, "password", token)
        people.set_password(db, user.id, password_hash)
    sign_in(user.id, password_hash)
    return hint(redirect(url_for("reader.front")), signed_in=True)


def _page(name: str, form: object, **values: object) -> tuple[str, int]:
    """The form's page; 400 when it was sent and didn't fit."""
    page = render_template(
        f"accounts/{name}.html",
        form=form,
        user=current_user(),
        registration_open=current_app.config["REGISTRATION"] == "open",
        **values,
    )
    return page, 400 if request.method == "POST" else 200


# Settings


@accounts.route("/settings", methods=["GET", "POST"])
def settings() -> str | Response | tuple[str, int]:
    user = signed_in()
    form = ProfileForm(username=user.username, email=user.email)
    if not form.validate_on_submit() or not _is_really(user, form):
        return _settings(profile_form=form)
    _count({f"profile {user.id}": PROFILES_PER_HOUR}, 3600)
    try:
        with changes.changing() as db:
            name = names.checked_username(form.username.data or "")
            people.rename(db, user.id, name, names.checked_email(form.email.data or ""))
    except Taken as taken:
        form.refuse(form[taken.field], taken)
        return _settings(profile_form=form)
    return _done(_("Saved."))


@accounts.post("/settings/password")
def change_password() -> Response | tuple[str, int]:
    user = signed_in()
    form = PasswordForm()
    if not form.validate_on_submit() or not _is_really(user, form):
        return _settings(password_form=form)
    password_hash = passwords.make_hash(form.new_password.data)
    with writing() as db:
        people.set_password(db, user.id, password_hash, keep_sid=session["sid"])
    return _done(_("Your password is changed, and every other session has ended."))


@accounts.post("/settings/sessions/end")
def end_other_sessions() -> Response:
    user = signed_in()
    with writing() as db:
        sessions.end_sessions(db, user.id, keep_sid=session["sid"])
    return _done(_("Every other session has ended."))


@accounts.post("/settings/delete")
def delete_account() -> Response | tuple[str, int]:
    user = signed_in()
    form = DeleteAccountForm()
    if not form.validate_on_submit() or not _is_really(user, form):
        return _settings(delete_form=form)
    people.keep_an_admin(reading(), user)
    while form.with_comments.data:
        with changes.changing() as db:
            if not people.withdraw_comments(db, user.id):
                break
    with changes.changing() as db:
        people.remove(db, user.id)
    sign_out()
    flash(_("Your account is deleted."))
    return hint(redirect(url_for(".login")), signed_in=False)


@accounts.get("/settings/comments")
def own_comments() -> str:
    user = signed_in()
    return render_template("accounts/comments.html", user=user, comments=comments.by_user(reading(), user.id))


def _is_really(user: User, form: ProfileForm | PasswordForm | DeleteAccountForm) -> bool:
    if _verified(user.username, form.password.data or ""):
        return True
    form.refuse(form.password, Refused(_("This isn’t your password.")))
    return False


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
