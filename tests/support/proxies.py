"""Every way in to the site under uWSGI: by itself, and behind Debian's nginx and Apache.

The proxies serve what deploy/ has for them, of which only port, paths and names are changed. They need no rights that
the tests don't have.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loadtests.limits import nginx_setup
from support.checkout import CHECKOUT
from support.programs import Program
from support.uwsgi_server import UwsgiServer
from tools.processes import free_port, listens

IS_ROOT = os.geteuid() == 0
# Apache refuses to serve as root; nginx doesn't, but is to be tested as it runs elsewhere.
PROXY_USER = "www-data"

# Where Debian's nginx.conf differs from nginx's defaults, it is as there.
NGINX = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 2048; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    gzip on;
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
NGINX_SERVER = """
    server {{
        listen 127.0.0.1:{port};
        location / {{
            {way}
        }}
    }}
"""
NGINX_UWSGI = "include /etc/nginx/uwsgi_params; uwsgi_pass unix:{socket};"
NGINX_HTTP = """
            proxy_pass http://127.0.0.1:{http_port};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
"""

# What Debian has in apache2.conf and ports.conf, and `a2enmod` in mods-enabled.
APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
{modules}
AddOutputFilterByType DEFLATE text/html text/plain text/css text/javascript text/xml application/xml application/json
LogFormat "%h" common
{user}
<Directory />
    Require all denied
</Directory>
{site}
"""
APACHE_NEEDS = (
    *("mpm_event", "authz_core", "headers", "macro", "rewrite", "reqtimeout", "alias", "proxy", "proxy_uwsgi"),
    *("setenvif", "filter", "deflate"),
)
APACHE_MODULES = "/usr/lib/apache2/modules"


class SocketServer(UwsgiServer):
    """The site on a unix socket, for a proxy."""

    def answers(self) -> bool:
        return listens(self.environ["PRESSROOM_SOCKET"])


class OtherServer(Program):
    """The site without uWSGI, called as UwsgiServer is."""

    def log(self) -> str:
        return self.screen()


@dataclass
class Way:
    """A running site, and the address at which readers reach it."""

    name: str
    url: str
    server: Any

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def by_itself(instance: Path, environ: Mapping[str, str]) -> Iterator[Way]:
    with UwsgiServer(instance, workers=2, environ=environ) as server:
        yield Way("uWSGI", server.url, server)


@contextmanager
def behind_nginx(instance: Path, environ: Mapping[str, str], place: Path | None = None) -> Iterator[Way]:
    """nginx serves the pages, and speaks uwsgi to a unix socket for the rest: deploy/nginx.conf.

    place: a folder for the copy of the instance that is served.
    """
    port = free_port()
    with ExitStack() as stack:
        site = stack.enter_context(_on_a_socket(_readable(instance, place or folder_in(stack)), environ, port))
        config = shipped("nginx.conf", site, port)
        nginx = _nginx(folder_in(stack), port, config)
        yield Way("nginx", stack.enter_context(nginx).url, site)


@contextmanager
def behind_nginx_over_http(instance: Path, environ: Mapping[str, str]) -> Iterator[Way]:
    port = free_port()
    more = {"PRESSROOM_BASE_URL": f"http://127.0.0.1:{port}", "PRESSROOM_PROXIES": "1"}
    with UwsgiServer(instance, workers=2, environ=more | dict(environ)) as server, ExitStack() as stack:
        text = NGINX_HTTP.format(http_port=server.port)
        yield Way("nginx over HTTP", stack.enter_context(running_nginx(folder_in(stack), port, text)).url, server)


@contextmanager
def behind_apache(instance: Path, environ: Mapping[str, str], **changed: str) -> Iterator[Way]:
    """mod_proxy_uwsgi speaks uwsgi to a unix socket: deploy/apache.conf."""
    port = free_port()
    with _on_a_socket(instance, environ, port) as server, ExitStack() as stack:
        yield Way("Apache", stack.enter_context(running_apache(folder_in(stack), server, port, **changed)).url, server)


@contextmanager
def _over_http(name: str, file: str, line: str, instance: Path, environ: Mapping[str, str]) -> Iterator[Way]:
    """Behind another proxy: deploy/`file`, started by `line`."""
    port = free_port()
    more = {"PRESSROOM_BASE_URL": f"http://127.0.0.1:{port}", "PRESSROOM_PROXIES": "1"}
    with UwsgiServer(instance, workers=2, environ=more | dict(environ)) as server, ExitStack() as stack:
        folder = folder_in(stack)
        text = (CHECKOUT / "deploy" / file).read_text().replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        text = text.replace('"8000"', f'"{server.port}"').replace("bind :80\n", f"bind 127.0.0.1:{port}\n")
        text = text.replace("\nnews.example.org {", f"\n{{\n\tadmin off\n}}\n\nhttp://127.0.0.1:{port} {{")
        (folder / file).write_text(text.replace("host_only news.example.org", "host_only 127.0.0.1"))
        command = line.format(folder=folder, port=port).split()
        program = Program([_path_of(command[0], name.lower()), *command[1:]], folder, port=port)
        yield Way(name, stack.enter_context(program).url, server)


def _by_command(name: str, command: str) -> Callable[[Path, Mapping[str, str]], AbstractContextManager[Way]]:
    @contextmanager
    def start(instance: Path, environ: Mapping[str, str]) -> Iterator[Way]:
        port = free_port()
        own = {"PRESSROOM_INSTANCE": str(instance), "PRESSROOM_HTTP": f"127.0.0.1:{port}", "PRESSROOM_WORKERS": "2"}
        with ExitStack() as stack:
            server = OtherServer(command.split(), folder_in(stack), own | dict(environ), port)
            yield Way(name, stack.enter_context(server).url, server)

    return start


# name: (instance, environ) -> Way
WAYS: dict[str, Callable[[Path, Mapping[str, str]], AbstractContextManager[Way]]] = {
    "uWSGI by itself": by_itself,
    "nginx": behind_nginx,
    "nginx over HTTP": behind_nginx_over_http,
    "Apache": behind_apache,
}
WAITRESS = "waitress-serve --listen 127.0.0.1:{port} --no-clear-untrusted-proxy-headers webapp.wsgi:app"
VARNISH = "varnishd -F -n {folder}/work -a 127.0.0.1:{port} -f {folder}/varnish.vcl -s malloc,64M"
# Other proxies, each on top of uWSGI's own HTTP.
IN_FRONT: dict[str, Callable[[Path, Mapping[str, str]], AbstractContextManager[Way]]] = {
    "HAProxy": partial(_over_http, "HAProxy", "haproxy.cfg", "haproxy -db -f {folder}/haproxy.cfg"),
    "Caddy": partial(_over_http, "Caddy", "Caddyfile", "caddy run --adapter caddyfile --config {folder}/Caddyfile"),
    "Varnish": partial(_over_http, "Varnish", "varnish.vcl", VARNISH),
}
# Those that deploy/ has something for, or nothing to do.
IN_USE: dict[str, Callable[[Path, Mapping[str, str]], AbstractContextManager[Way]]] = {
    "uWSGI": by_itself,
    "nginx": behind_nginx,
    "Apache": behind_apache,
    "gunicorn": _by_command("gunicorn", "gunicorn -c deploy/gunicorn.conf.py webapp.wsgi:app"),
    "waitress": _by_command("waitress", WAITRESS),
}
# The same as one of those, with less: no column of its own in deploy/README.md.
AS_ON_WINDOWS: dict[str, Callable[[Path, Mapping[str, str]], AbstractContextManager[Way]]] = {
    "waitress as on Windows": _by_command("waitress", f"python -m tests.support.as_on_windows {WAITRESS}"),
}


@contextmanager
def _on_a_socket(instance: Path, environ: Mapping[str, str], port: int) -> Iterator[UwsgiServer]:
    with ExitStack() as stack:
        folder = folder_in(stack)
        more = {"PRESSROOM_SOCKET": str(folder / "pressroom.sock"), "PRESSROOM_BASE_URL": f"http://127.0.0.1:{port}"}
        options = ["--chown-socket", f"root:{PROXY_USER}"] if IS_ROOT else []
        yield stack.enter_context(SocketServer(instance, workers=2, environ=more | dict(environ), options=options))


def shipped(name: str, site: UwsgiServer, port: int) -> str:
    return nginx_setup.shipped(name, site.instance.parent, Path(site.environ["PRESSROOM_SOCKET"]), port)


def _readable(instance: Path, place: Path) -> Path:
    """A copy that the proxy's user can reach: pytest's own folders are for the user alone."""
    folder = place / "instance"
    shutil.copytree(instance, folder, symlinks=True)
    return folder


def running_nginx(folder: Path, port: int, way: str) -> Program:
    """With one location of a few lines."""
    return _nginx(folder, port, NGINX_SERVER.format(port=port, way=way))


def _nginx(folder: Path, port: int, site: str) -> Program:
    user = f"user {PROXY_USER};" if IS_ROOT else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, site=site, user=user))
    return Program([_path_of("nginx", "nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)], folder, port=port)


def running_apache(folder: Path, site: UwsgiServer, port: int, **changed: str) -> Program:
    """changed: directives that get another value."""
    text = shipped("apache.conf", site, port)
    for name, value in changed.items():
        text, count = re.subn(rf"^{name} .*", f"{name} {value}", text, flags=re.MULTILINE)
        assert count == 1
    (folder / "apache.conf").write_text(apache_config(folder, text, port))
    command = [_path_of("apache2", "apache2-bin"), "-D", "FOREGROUND", "-f", str(folder / "apache.conf")]
    return Program(command, folder, port=port)


def apache_config(folder: Path, site: str, port: int, more_modules: Sequence[str] = ()) -> str:
    """folder: for its files."""
    modules = Path(APACHE_MODULES)
    assert (modules / "mod_proxy_uwsgi.so").is_file(), "these tests need Apache: apt install apache2-bin"
    names = [*APACHE_NEEDS, *more_modules]
    return APACHE.format(
        folder=folder,
        port=port,
        modules="\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in names),
        site=site,
        user=f"User {PROXY_USER}\nGroup {PROXY_USER}" if IS_ROOT else "",
    )


def _path_of(program: str, package: str) -> str:
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    assert path, f"these tests need {program}: apt install {package}"
    return path


def folder_in(stack: ExitStack) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pressroom-")))
    folder.chmod(0o711)
    return folder
