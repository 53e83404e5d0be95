"""What a worker does before it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.checkout import CHECKOUT
from support.uwsgi_server import copied_checkout

HAS_ALL = """
from webapp.wsgi import app
wanted = app.jinja_env.list_templates()
assert len(wanted) > 50
assert {name for _loader, name in app.jinja_env.cache.keys()} == {name for name in wanted if "/." not in f"/{name}"}
"""


def test_a_worker_has_every_template_before_it_answers(copied_instance: Callable[[str], Path]) -> None:
    environ = os.environ | {"PRESSROOM_INSTANCE": str(copied_instance("wsgi"))}
    subprocess.run([sys.executable, "-c", HAS_ALL], env=environ, cwd=CHECKOUT, check=True)


def test_what_is_no_template_keeps_no_worker_from_starting(
    copied_instance: Callable[[str], Path], tmp_path: Path
) -> None:
    """An editor's files, as they lie there while somebody writes."""
    code = copied_checkout(tmp_path)
    (code / "templates" / ".base.html.swp").write_bytes(b"b0VIM\xff\xfe")
    (code / "templates" / ".#base.html").symlink_to("nobody@host.1:1")
    (code / "templates" / "hello.html").write_text("{% blok %}")
    environ = os.environ | {"PRESSROOM_INSTANCE": str(copied_instance("wsgi")), "PYTHONPATH": str(code)}
    code_that_asks = "from webapp.wsgi import app; assert app.test_client().get('/hello').text == 'Hello, World!'"
    subprocess.run([sys.executable, "-c", code_that_asks], env=environ, cwd=code, check=True)
