"""What a worker does before it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.checkout import CHECKOUT

HAS_ALL = """
from webapp.wsgi import app
wanted = app.jinja_env.list_templates()
assert len(wanted) > 50
assert {name for _loader, name in app.jinja_env.cache.keys()} == set(wanted)
"""


def test_a_worker_has_every_template_before_it_answers(copied_instance: Callable[[str], Path]) -> None:
    environ = os.environ | {"PRESSROOM_INSTANCE": str(copied_instance("wsgi"))}
    subprocess.run([sys.executable, "-c", HAS_ALL], env=environ, cwd=CHECKOUT, check=True)
