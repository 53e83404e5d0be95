"""Accounts: register, log in and out, settings, and the one-time links that admins hand out."""

from __future__ import annotations

from flask import current_app, jsonify, redirect, render_template, request, url_for
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response

from ..db import reading, release, writing
from ..errors import NotAllowed, NotFound, Taken
from ..http import metrics, rate_limits
from ..http.links import safe_next
from ..i18n import gettext as _
from ..people import names, one_time_links, passwords, users
from ..people.access import current_user, has_role, hint, sign_in, sign_out
from ..system import instance
from . import accounts
from .forms import LoginForm, NewPasswordForm, RegisterForm

LOGINS_PER_PAIR = 10
LOGINS_PER_ADDRESS = 100
SUCCESSES_PER_ACCOUNT = 30
LOGIN_SECONDS = 300
REGISTRATIONS_PER_ADDRESS = 5
REGISTRATION_TRIES_PER_ADDRESS = 30
REGISTRATION_SECONDS = 3600


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
    verified = verify_password(form.username.data or "", form.password.data or "")
    if verified is None:
        metrics.count("failed_logins_total")
        form.form_errors.append(_("Wrong username or password."))
        return _page("login", form)
    count_attempt({f"logged in {verified[0]}": SUCCESSES_PER_ACCOUNT}, LOGIN_SECONDS)
    sign_in(*verified)
    return hint(redirect(safe_next(form.next.data) or _home()), signed_in=True)


def _home() -> str:
    """Where to go after logging in: authors write, readers read."""
    user = current_user()
    return url_for("desk.index" if user and has_role(user, "author") else "reader.front")


def verify_password(name: str, password: str) -> tuple[int, str] | None:
    """Whose password this is, and its hash. Unknown names take as long and answer the same. Raises TooMany."""
    key = f"login {names.username_key(name.strip())} {_network()}"
    counted = count_attempt({key: LOGINS_PER_PAIR, f"login {_network()}": LOGINS_PER_ADDRESS}, LOGIN_SECONDS)
    user = users.by_login(reading(), name)
    release()
    if not passwords.verify(user.password_hash if user else None, password) or user is None:
        return None
    fresh = passwords.make_hash(password) if passwords.is_outdated(user.password_hash or "") else None
    with writing() as db:
        rate_limits.forgive(db, counted)
        overtaken = fresh and not users.rehash(db, user.id, user.password_hash or "", fresh)
    if overtaken:
        return verify_password(name, password)
    return user.id, fresh or user.password_hash or ""


def count_attempt(keys: dict[str, int], seconds: int) -> list[int]:
    if current_app.config["LIMITS"] == "off":
        return []
    with writing() as db:
        return rate_limits.attempt(db, keys, seconds)


def _network() -> str:
    return rate_limits.network_of(request.remote_addr)


@accounts.post("/logout")
def logout() -> Response:
    sign_out()
    return hint(redirect(url_for("reader.front")), signed_in=False)


@accounts.route("/register", methods=["GET", "POST"])
def register() -> str | Response | tuple[str, int]:
    form = RegisterForm(next=request.args.get("next", ""))
    if current_app.config["REGISTRATION"] == "closed":
        if request.method == "POST":
            raise NotAllowed(_("Accounts on this site are by invitation only."))
        return _page("register", form)
    if not form.validate_on_submit():
        return _page("register", form)
    made, tried = f"register {_network()}", f"registering {_network()}"
    counted = count_attempt(
        {made: REGISTRATIONS_PER_ADDRESS, tried: REGISTRATION_TRIES_PER_ADDRESS}, REGISTRATION_SECONDS
    )
    answer = _join(form, "reader")
    if answer is None:
        with writing() as db:
            rate_limits.forgive(db, counted[:1])
    return answer or _page("register", form)


def _join(form: RegisterForm, role: str, token: str | None = None) -> Response | None:
    """Make the account and sign it in; None, with the reason at the field, when the name is taken."""
    password_hash = passwords.make_hash(form.password.data)
    try:
        with writing() as db:
            if token:
                db.delete(one_time_links.link(db, "invitation", token))
            name = names.checked_username(form.username.data or "")
            user = users.create(db, name, names.checked_email(form.email.data or ""), password_hash, role)
    except Taken as taken:
        form.refuse(form[taken.field], taken)
        return None
    sign_in(user.id, password_hash)
    return hint(redirect(safe_next(form.next.data) or _home()), signed_in=True)


@accounts.route("/invite/<token>", methods=["GET", "POST"])
def invited(token: str) -> str | Response | tuple[str, int]:
    role = one_time_links.link(reading(), "invitation", token).role
    form = RegisterForm()
    if not form.validate_on_submit():
        return _page("invited", form)
    return _join(form, role or "reader", token=token) or _page("invited", form)


@accounts.route("/password/<token>", methods=["GET", "POST"])
def new_password(token: str) -> str | Response | tuple[str, int]:
    user = users.get(reading(), one_time_links.link(reading(), "password", token).user_id or 0)
    if user.disabled_at:
        raise NotFound
    form = NewPasswordForm()
    form.own_names = (user.username, user.email)
    if not form.validate_on_submit():
        return _page("new_password", form, owner=user)
    password_hash = passwords.make_hash(form.password.data)
    with writing() as db:
        one_time_links.link(db, "password", token)
        users.set_password(db, user.id, password_hash)
    sign_in(user.id, password_hash)
    return hint(redirect(_home()), signed_in=True)


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
