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


NEVER_COMPILE = "import jinja2; jinja2.Environment.compile = None"


def start(instance: Path, code: str) -> None:
    environ = os.environ | {"PRESSROOM_INSTANCE": str(instance)}
    subprocess.run([sys.executable, "-c", code], env=environ, cwd=CHECKOUT, check=True)


def test_a_worker_has_every_template_before_it_answers(copied_instance: Callable[[str], Path]) -> None:
    start(copied_instance("wsgi"), HAS_ALL)


def test_templates_are_compiled_once_for_all_workers_and_anew_after_a_power_cut(
    copied_instance: Callable[[str], Path],
) -> None:
    instance = copied_instance("wsgi")
    start(instance, HAS_ALL)
    start(instance, f"{NEVER_COMPILE}\n{HAS_ALL}")
    for size, file in enumerate((instance / "tmp").glob("template-*")):  # to 0, 1, 2 … bytes, with what is left zeros
        whole = file.stat().st_size
        os.truncate(file, size)
        os.truncate(file, whole if size % 2 else size)
    start(instance, HAS_ALL)


def test_a_worker_has_every_template_also_on_a_full_disk(copied_instance: Callable[[str], Path]) -> None:
    instance = copied_instance("wsgi")
    is_full = "import tempfile\ndef full(*_, **__): raise OSError(28, 'full')\ntempfile.NamedTemporaryFile = full"
    start(instance, f"{is_full}\n{HAS_ALL}")
    assert not list((instance / "tmp").glob("template-*"))


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
