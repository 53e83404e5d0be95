"""The one module-level `app`, for servers: `module = webapp.wsgi:app`."""

import logging

from . import config, create_app, jobs, templating
from .http import assets, metrics
from .live import channel
from .ops import setup
from .system import instance, server

logging.raiseExceptions = False  # what can't be logged, as the disk is full, isn't to fill it with tracebacks
server.refuse_unpatched()
# After `git pull` a worker may end, or be killed, and one of new code takes its place before the site is reloaded.
setup.upgrade_older(config.read())
app = create_app()
templating.load_all(app)
assets.write(app)
instance.keep_temporary_files(app.config["INSTANCE"])
server.keep_fifo_open(app.config["INSTANCE"])
metrics.persist(app)
server.send_answers_whole()
server.say_how_streams_are_served(app.config["INSTANCE"])
jobs.start(app)
channel.CHANNEL.of(app).take_up(config.fingerprint())
