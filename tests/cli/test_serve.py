"""`pressroom serve`: uWSGI, with our lines alone on the screen."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from support.checkout import CHECKOUT
from support.commands import program
from support.programs import Program
from support.uwsgi_server import UWSGI, UwsgiServer
from tools.processes import free_port
from webapp.ops.checks import sites_of


@pytest.mark.slow
def test_only_our_lines_are_on_the_screen(tmp_path: Path) -> None:
    instance, port = tmp_path / "instance", free_port()
    environ = {"PRESSROOM_INSTANCE": str(instance), "PRESSROOM_HTTP": f"127.0.0.1:{port}", "PRESSROOM_WORKERS": "1"}
    with Program([str(UWSGI.with_name("pressroom")), "serve"], tmp_path, environ, port):
        where, address, password, other_password = (tmp_path / "screen").read_text().splitlines()
        assert where == f"Instance: {instance} (uWSGI's log: {instance / 'uwsgi.log'})"
        assert address == f"Pressroom: http://127.0.0.1:{port}"
        assert password.startswith("Log in as admin with the password ")
        assert other_password.endswith("/pressroom user password admin")
        assert "*** Starting uWSGI" in (instance / "uwsgi.log").read_text()
        assert instance in sites_of(CHECKOUT)
        said = program(tmp_path / "another", "-m", "flask", "--app", "webapp", "user", "list", cwd=tmp_path).stderr
        assert f"{tmp_path / 'another'} doesn't exist. A site runs on /" in said


@pytest.mark.slow
def test_an_environment_may_have_a_name_in_any_script(tmp_path: Path) -> None:
    other = tmp_path / "Türme 塔" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    [packages] = other.glob("lib/python*/site-packages")
    packages.rmdir()
    packages.symlink_to(sysconfig.get_path("purelib"))
    uwsgi = Path(shutil.copy(UWSGI, other / "bin"))
    instance, port = tmp_path / "instance", free_port()
    environ = {"PRESSROOM_INSTANCE": str(instance), "PRESSROOM_HTTP": f"127.0.0.1:{port}", "PRESSROOM_WORKERS": "1"}
    said = "\n".join(UwsgiServer(instance, command=uwsgi).refused())
    assert f"uWSGI finds no packages below {other}, whose name isn't ASCII: use pressroom serve" in said
    command = [str(other / "bin" / "python"), "-m", "flask", "--app", "webapp", "serve"]
    with Program(command, tmp_path, environ, port):
        assert f"Pressroom: http://127.0.0.1:{port}" in (tmp_path / "screen").read_text()


def test_a_bad_setting_is_one_line(tmp_path: Path) -> None:
    ran = program(tmp_path / "a:b", "-m", "flask", "--app", "webapp", "serve", cwd=tmp_path)
    assert ran.returncode == 1
    assert "uWSGI doesn't accept a colon in a path" in ran.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
