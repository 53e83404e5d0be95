"""Pressroom: a self-hosted publishing site that stays up when everyone arrives at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

MAX_BODY_BYTES = 1_000_000


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """Build the site's app. `config` overrides settings by their names; a bad setting raises BadSetting."""
    from datetime import timedelta
    from importlib import import_module
    from urllib.parse import urlsplit

    from flask import Flask
    from flask_wtf import CSRFProtect
    from werkzeug.middleware.proxy_fix import ProxyFix

    from . import cli, db, i18n
    from .accounts.views import accounts
    from .community.comments import community
    from .config import read, resources
    from .content import fragments
    from .content.about import linked
    from .desk.posts import desk
    from .http import error_pages, guard, headers, links, log, metrics, rate_limits
    from .live.channel import CHANNEL, Channel
    from .live.views import live
    from .media import branding
    from .ops.health import operator
    from .pages import public
    from .people.sessions import SESSION_DAYS
    from .reader import feeds as feeds_module
    from .reader import views as reader_module
    from .reader.feeds import feeds
    from .reader.views import reader
    from .system import instance
    from .text.summary import summary

    app = Flask(
        __name__,
        template_folder=str(resources() / "templates"),
        static_folder=str(resources() / "static"),
    )
    app.config.update(read() | (config or {}))
    base = urlsplit(app.config["BASE_URL"])
    trusted = guard.trusted_hosts(app.config["TRUSTED_HOSTS"], app.config["BASE_URL"])
    app.config.update(
        TRUSTED_HOSTS=None,  # Flask has a setting of that name, for which each request would pay again
        SECRET_KEY=instance.secret_key(app.config["INSTANCE"]) if app.config["INSTANCE"].is_dir() else None,
        SERVER_NAME=base.netloc,
        PREFERRED_URL_SCHEME=base.scheme,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
        WTF_CSRF_TIME_LIMIT=None,
        # On https it would demand a Referer, which the pages of one-time links (and some browsers) don't send.
        WTF_CSRF_SSL_STRICT=False,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
    )
    proxies = app.config["PROXIES"]
    believing = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies) if proxies else app.wsgi_app
    counts = metrics.COUNTS.put(app, metrics.new())
    answering = log.logged(guard.guarded(believing, trusted), app)
    app.wsgi_app = metrics.counted(answering, counts)  # type: ignore[method-assign, assignment]
    CHANNEL.put(app, Channel(app.config["INSTANCE"], app.config["BROADCASTERS"], app.config["STREAMS_PER_ADDRESS"]))
    for part in (log, db, links, i18n, headers, branding, error_pages, rate_limits, fragments):
        part.init_app(app)
    cli.init_app(app)
    CSRFProtect(app)
    for more in (
        "account_settings",
        "desk_updates",
        "desk_comments",
        "desk_site",
        "desk_about",
    ):  # they add their views to the desk
        import_module(f".{more}", __name__)
    for blueprint in (reader, feeds, branding.blueprint, live, operator, accounts, community, desk):
        app.register_blueprint(blueprint)
    public.init_app(
        app,
        reader_module.PUBLIC | feeds_module.PUBLIC | branding.PUBLIC,
        reader_module.front_paths,
        branding.IDENTITY.of(app).fingerprint,
    )
    app.jinja_env.filters["words"] = summary
    app.jinja_env.globals["linked_pages"] = linked
    return app
