"""The one module-level `app`, for servers: `module = webapp.wsgi:app`."""

from . import create_app

app = create_app()
