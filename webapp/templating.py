"""How templates are compiled and kept."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import flask
import flask.templating
from jinja2 import FileSystemBytecodeCache


class Environment(flask.templating.Environment):
    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Those of a template, which are everybody's. As a ChainMap, which is Jinja's, they made a page of comments a
        seventh slower: each import looks through them.
        """
        return super().make_globals(d) if d else self.globals


def load_all(app: flask.Flask) -> None:
    """Every template, so that a worker goes on answering while `git pull` changes the files.

    Compiled they are kept in the instance folder: to compile them is half of a worker's start.
    """
    jinja = app.jinja_env
    compiled = FileSystemBytecodeCache(str(app.config["INSTANCE"] / "tmp"), f"template-{version('jinja2')}-%s")
    for cache in (jinja.bytecode_cache or compiled, None):  # with none as well: on a full disk nothing can be kept
        jinja.bytecode_cache = cache
        for name in jinja.list_templates():
            with suppress(Exception):  # what is no template, or none that can be used, is no reason not to serve
                jinja.get_template(name)
