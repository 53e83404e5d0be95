"""The HTML of what stands on a page, which is also what its event carries."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, render_template
from markupsafe import Markup

from ..app_key import AppKey
from ..i18n import content_language
from ..models import Post, ShownComment, ShownUpdate

ITEMS_KEPT = 2_000  # rendered, a few kB each
ITEMS = AppKey[Callable[..., Markup]]("items")


def init_app(app: Flask) -> None:
    ITEMS.put(app, lru_cache(ITEMS_KEPT)(_item))
    app.jinja_env.globals["fragment"] = fragment


def fragment(kind: str, post: Post, shown: ShownUpdate | ShownComment) -> Markup:
    """The HTML of one update or comment, on the page and in its event.

    Rendered once for all pages: a live post's page is made anew with every update, and 99 of its items are the same.
    """
    return ITEMS.of(current_app)(kind, post.id, post.language, shown)


def correction(post: Post, shown: ShownUpdate) -> Markup:
    """The part of an update that says how it was corrected; empty for any other."""
    if not shown.corrected_at:
        return Markup()
    return _rendered("correction", post_id=post.id, lang=content_language(post.language), update=shown)


def _item(kind: str, post_id: int, language: str, shown: ShownUpdate | ShownComment) -> Markup:
    return _rendered(kind, post_id=post_id, lang=content_language(language), **{kind: shown})


def _rendered(partial: str, **values: Any) -> Markup:
    return Markup(render_template(f"reader/_{partial}.html", **values).strip())  # noqa: S704


def card(post: Post) -> str:
    return _rendered("card", post=post)


def head(post: Post) -> str:
    return _rendered("head", post=post)


def comment_state(post: Post) -> str:
    """Of a page that has comments; the script shows the note of one that has none."""
    return _rendered("comment_state", post=post, has_comments=True)
