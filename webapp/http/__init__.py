"""What each request and each answer passes: WSGI layers, headers, forms, limits, errors."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from ..system import instance
from . import assets, bodies, error_pages, guard, headers, links, log, metrics, rate_limits
from .observed import observed


def init_app(app: Flask) -> None:
    _configure(app)
    for part in (log, links, assets, headers, error_pages, rate_limits, metrics, bodies, CSRFProtect()):
        part.init_app(app)
    _wrap(app)


def _configure(app: Flask) -> None:
    """Flask's own settings, by ours."""
    base, folder = urlsplit(app.config["BASE_URL"]), app.config["INSTANCE"]
    app.config.update(
        SECRET_KEY=instance.secret_key(folder) if folder.is_dir() else None,
        SERVER_NAME=base.netloc,
        PREFERRED_URL_SCHEME=base.scheme,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,
        # On https it would demand a Referer, which the pages of one-time links (and some browsers) don't send.
        WTF_CSRF_SSL_STRICT=False,
    )


def _wrap(app: Flask) -> None:
    """The WSGI layers, from Flask outwards: believed proxies, the guard, metrics and log."""
    trusted = guard.trusted_hosts(app.config["TRUSTED_HOSTS"], app.config["BASE_URL"])
    app.config["TRUSTED_HOSTS"] = None  # Flask has a setting of that name, for which each request would pay again
    proxies, application = app.config["PROXIES"], app.wsgi_app
    believing = ProxyFix(application, x_for=proxies, x_proto=proxies) if proxies else application
    layers = observed(guard.guarded(believing, trusted), metrics.COUNTERS.of(app), log.request_log(app))
    app.wsgi_app = layers  # type: ignore[method-assign, assignment]
