"""What signed-in readers do."""

from __future__ import annotations

from flask import Blueprint, Flask

from ..people.access import who_is_here

community = Blueprint("community", __name__)
community.context_processor(who_is_here)


def init_app(app: Flask) -> None:
    from . import comments  # noqa: F401  it adds its views

    app.register_blueprint(community)
