"""What readers get: public pages and feeds, the same bytes for everybody."""

from __future__ import annotations

from flask import Flask

from ..content.about import linked
from ..content.pictures import as_cover
from ..text.pictures import with_first
from ..text.summary import summary
from . import crawlers, feeds, history, old_addresses, pictures, views  # noqa: F401  these two add theirs to the others

PUBLIC = views.PUBLIC | feeds.PUBLIC | crawlers.PUBLIC
front_paths = views.front_paths


def init_app(app: Flask) -> None:
    app.register_blueprint(views.reader)
    app.register_blueprint(feeds.feeds)
    app.register_blueprint(crawlers.crawlers)
    app.jinja_env.filters["words"] = summary
    app.jinja_env.globals.update(linked_pages=linked, with_first_picture=with_first, cover_of=as_cover)
