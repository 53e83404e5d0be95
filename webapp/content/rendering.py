"""Texts of posts and updates as HTML, with the site's pictures in place."""

from functools import partial

from sqlalchemy.orm import Session

from ..text.pictures import Lookup
from ..text.render import Rendered, render_post, render_update
from . import pictures


def post(markdown: str, session: Session | None = None) -> Rendered:
    """As text.render.render_post, with the pictures as this request reads them, or `session`."""
    return render_post(markdown, _lookup(session))


def update(markdown: str, session: Session | None = None) -> str:
    """As text.render.render_update; the rest as `post`."""
    return render_update(markdown, _lookup(session))


def _lookup(session: Session | None) -> Lookup:
    return pictures.lookup if session is None else partial(pictures.shown, session)
