"""nginx, as Debian sets it up: in front of a site by deploy/nginx.conf, or with other servers."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from loadtests.limits import browser, lab
from tools.processes import free_port

NGINX = """
{user}
worker_processes {workers};
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 19000; }}
http {{
    types {{ text/html html; text/css css; text/javascript js; image/svg+xml svg; }}
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; uwsgi_temp_path {folder}/uwsgi;
    fastcgi_temp_path {folder}/fastcgi; scgi_temp_path {folder}/scgi;
    {servers}
}}
"""


TLS_LATER = re.compile(r"^.*# until TLS\n", re.MULTILINE)


class Behind(NamedTuple):
    """Process ids of uWSGI's master and nginx's, and the socket between them."""

    uwsgi: int
    nginx: int
    socket: Path


@contextmanager
def behind_nginx(site: lab.Site, tls: bool = False) -> Iterator[Behind]:
    """Serve the site at its port as deploy/nginx.conf says, with or without TLS."""
    socket = site.folder.with_name("site.sock")
    more = {
        "PRESSROOM_SOCKET": str(socket),
        "PRESSROOM_BASE_URL": browser.url_of(site.port, tls),
    }
    make = shipped_with_tls if tls else shipped
    servers = make("nginx.conf", site.folder.parent, socket, site.port)
    served = site._replace(environ=site.environ | more)
    kind = lab.OverTls if tls else lab.ServerProcess
    with nginx(site.folder.parent, site.port, servers) as front, lab.serving(served, kind=kind) as pid:
        yield Behind(pid, front, socket)


@contextmanager
def nginx(folder: Path, port: int, servers: str, workers: int = lab.WORKERS) -> Iterator[int]:
    """Its process id."""
    lab.need("nginx")
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
    config = folder / f"nginx-{port}.conf"
    config.write_text(NGINX.format(user=user, workers=workers, folder=folder, servers=servers))
    with lab.running(["nginx", "-e", "stderr", "-c", str(config)], port, kind=lab.Proxy) as pid:
        yield pid


def shipped_with_tls(name: str, folder: Path, socket: Path, port: int) -> str:
    """The same as its README turns TLS on, for localhost, as an address has no name in TLS; `port` is that of https."""
    lab.need("openssl")
    certificate = folder / "live" / "localhost"
    certificate.mkdir(parents=True, exist_ok=True)
    files = ["-keyout", str(certificate / "privkey.pem"), "-out", str(certificate / "fullchain.pem")]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*make, "-subj", "/CN=localhost", "-days", "2", *files], check=True, capture_output=True)  # noqa: S603
    text = TLS_LATER.sub("", shipped(name, folder, socket, free_port(), "localhost").replace("#tls ", ""))
    for written, here in (
        ("/etc/letsencrypt/live", str(folder / "live")),
        ("[::]:443", f"127.0.0.2:{port}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
    ):
        text = text.replace(written, here)
    return text


def shipped(name: str, folder: Path, socket: Path, port: int, host: str = "127.0.0.1") -> str:
    """A file of deploy/ for the site whose instance is in `folder`, on loopback; 127.0.0.2 is for IPv6."""
    text = (lab.CHECKOUT / "deploy" / name).read_text()
    # The checkout may be for its owner alone.
    shutil.copytree(lab.CHECKOUT / "static", folder / "static", dirs_exist_ok=True)
    for written, here in (
        ("/run/pressroom/pressroom.sock", str(socket)),
        ("/srv/pressroom", str(folder)),
        ("news.example.org", host),
        ("/var/log/nginx/error.log", "stderr"),
        ("[::]:80", f"127.0.0.2:{port}"),
        ("listen 80", f"listen 127.0.0.1:{port}"),
        ("*:80", f"127.0.0.1:{port}"),
    ):
        text = text.replace(written, here)
    return text
