"""The one module-level `app`, for servers: `module = webapp.wsgi:app`."""

from . import create_app, upkeep

app = create_app()
upkeep.keep(app)
