"""The one module-level `app`, for servers: `module = webapp.wsgi:app`."""

import logging
from contextlib import suppress
from importlib.metadata import version

from jinja2 import FileSystemBytecodeCache

from . import config, create_app, jobs
from .http import assets, metrics
from .live import channel
from .ops import setup
from .system import instance, server

logging.raiseExceptions = False  # what can't be logged, as the disk is full, isn't to fill it with tracebacks
server.refuse_unpatched()
# After `git pull` a worker may end, or be killed, and one of new code takes its place before the site is reloaded.
setup.upgrade_older(config.read())
app = create_app()
jinja = app.jinja_env
compiled = FileSystemBytecodeCache(str(app.config["INSTANCE"] / "tmp"), f"template-{version('jinja2')}-%s")
# To compile them is half of a worker's start. With none as well: where the disk is full, nothing can be kept.
for cache in (jinja.bytecode_cache or compiled, None):
    jinja.bytecode_cache = cache
    for name in jinja.list_templates():  # so that a worker goes on answering while `git pull` changes the files
        with suppress(Exception):  # what is no template, or none that can be used, is no reason not to serve
            jinja.get_template(name)
assets.write(app)
instance.keep_temporary_files(app.config["INSTANCE"])
server.keep_fifo_open(app.config["INSTANCE"])
metrics.persist(app)
server.send_answers_whole()
server.say_how_streams_are_served(app.config["INSTANCE"])
jobs.start(app)
channel.CHANNEL.of(app).take_up(config.fingerprint())
