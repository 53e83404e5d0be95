"""Log in, register, settings."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Flask

from ..people.sessions import SESSION_DAYS

accounts = Blueprint("accounts", __name__)


def init_app(app: Flask) -> None:
    from . import settings, views  # noqa: F401  they add their views

    app.permanent_session_lifetime = timedelta(days=SESSION_DAYS)
    app.register_blueprint(accounts)
