"""Pressroom: a self-hosted publishing site that stays up when everyone arrives at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """Build the site's app. `config` overrides settings by their names; a bad setting raises BadSetting."""
    from flask import Flask

    from . import accounts, changes, cli, community, db, desk, http, i18n, reader
    from .config import read, resources
    from .content import fragments
    from .live import views as live
    from .media import branding, storage
    from .ops import health
    from .pages import public
    from .templating import Environment

    app = Flask(
        __name__,
        template_folder=str(resources() / "templates"),
        static_folder=str(resources() / "static"),
    )
    app.jinja_environment = Environment
    app.config.update(read() | (config or {}))
    for room in (
        i18n,
        db,
        http,
        branding,
        storage,
        live,
        changes,
        fragments,
        reader,
        community,
        accounts,
        desk,
        health,
        cli,
    ):
        room.init_app(app)
    public.init_app(app, reader.PUBLIC | branding.PUBLIC, reader.front_paths, branding.of(app).fingerprint)
    return app
