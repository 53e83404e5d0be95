"""The desk, where authors, editors and admins work.

Every view loads its thing by a helper that refuses (people/access.py), does one named change, and redirects.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from ..people.access import who_is_here

desk = Blueprint("desk", __name__)
desk.context_processor(who_is_here)


def init_app(app: Flask) -> None:
    from . import about, comments, composer, media, people, posts, updates  # noqa: F401  they add their views

    app.register_blueprint(desk)
