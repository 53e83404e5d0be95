"""The one module-level `app`, for servers: `module = webapp.wsgi:app`."""

from . import create_app, server, upkeep

app = create_app()
server.send_answers_whole()
upkeep.keep(app)
