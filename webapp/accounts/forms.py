"""The forms of accounts and people."""

from __future__ import annotations

from typing import Any

from flask import current_app
from wtforms import BooleanField, HiddenField, PasswordField, StringField, ValidationError

from ..errors import Refused
from ..http.forms import Form, at_most, required, stripped
from ..i18n import lazy_gettext as _l
from ..people import names, passwords


def _username(_form: Any, field: Any) -> None:
    _checked(names.checked_username, field)


def _email(_form: Any, field: Any) -> None:
    _checked(names.checked_email, field)


def _checked(check: Any, field: Any) -> None:
    try:
        check(field.data or "")
    except Refused as error:
        raise ValidationError(str(error)) from None


def _new_password(form: Any, field: Any) -> None:
    names = form.own_names or [form[name].data for name in ("username", "email") if name in form]
    _checked(lambda password: passwords.check(password, current_app.config["SITE_TITLE"], *names), field)


class LoginForm(Form):
    username = StringField(
        _l("Username or email"),
        description=_l("Email works for authors only."),
        validators=[required(), at_most(254)],
        render_kw={"autocomplete": "username", "autocapitalize": "none"},
    )
    password = PasswordField(
        _l("Password"),
        validators=[required(), at_most(passwords.MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


def _name_field() -> Any:
    return StringField(
        _l("Username"),
        description=_l("2 to 40 letters, digits, “_” or “-”, no spaces. Everyone can see it."),
        filters=[stripped],
        validators=[required(), _username],
        render_kw={"autocomplete": "username", "autocapitalize": "none"},
    )


def _email_field() -> Any:
    return StringField(
        _l("Email"),
        description=_l("Optional. Only admins see it. Authors can log in with it."),
        filters=[stripped],
        validators=[_email, at_most(254)],
        render_kw={"autocomplete": "email", "inputmode": "email", "autocapitalize": "none"},
    )


def _new_password_field(label: Any) -> Any:
    return PasswordField(
        label,
        description=_l("At least 10 characters."),
        validators=[required(), _new_password],
        render_kw={"autocomplete": "new-password"},
    )


def _password_field() -> Any:
    return PasswordField(
        _l("Your password"),
        description=_l("To confirm it’s you."),
        validators=[required(), at_most(passwords.MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )


class NewPasswordMixin:
    """`own_names`: of whoever gets the password, where the form doesn't ask for them."""

    own_names: tuple[str | None, ...] = ()


class RegisterForm(NewPasswordMixin, Form):
    username = _name_field()
    email = _email_field()
    password = _new_password_field(_l("Password"))
    next = HiddenField()


class NewPasswordForm(NewPasswordMixin, Form):
    password = _new_password_field(_l("New password"))


class ProfileForm(Form):
    username = _name_field()
    email = _email_field()
    password = _password_field()


class PasswordForm(NewPasswordMixin, Form):
    password = _password_field()
    new_password = _new_password_field(_l("New password"))


class DeleteAccountForm(Form):
    password = _password_field()
    with_comments = BooleanField(_l("Delete my comments too"))
