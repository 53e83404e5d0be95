"""Makes every app of the tests share compiled templates, in uWSGI's workers too: each would take 0.4 s of a core."""

import os

from flask import Flask
from jinja2 import FileSystemBytecodeCache

Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(os.environ["COMPILED_TEMPLATES"])}
