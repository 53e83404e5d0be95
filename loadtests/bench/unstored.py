"""The site without its page store: Python makes every page anew. Served in place of `webapp.wsgi:app`."""

from webapp.pages.public import Pages

Pages.stored = property(lambda _pages: False)  # type: ignore[method-assign, assignment]

from webapp.wsgi import app  # noqa: E402

__all__ = ["app"]
