"""What `uwsgi.ini` runs once, before the log is redirected and before the fork: checks, initialises, says where.

Its argument is uWSGI's own binary. Exit status 1 stops uWSGI.
It is also run anew by a full reload (HUP), when the address is already ours.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ..config import PREFIX, SETTINGS, BadSetting, read
from ..system import screen
from ..system.instance import LOG, InstanceError, prepare
from ..system.screen import printable
from . import diagnosis
from .checks import CannotStart, check_free, check_not_running, check_paths, one_line


def main() -> int:
    # uWSGI ignores SIGTERM while it starts, and that is inherited.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    screen.guard()
    try:
        settings = read()
        if sys.argv[1:]:
            binary = Path(sys.argv[1])
            _refuse(diagnosis.unusable(binary) or diagnosis.finds_no_packages(binary))
        return start(settings, reloaded=os.environ.get("UWSGI_RELOADS", "0") != "0")
    except (BadSetting, InstanceError, CannotStart) as error:
        print(f"Pressroom can't start: {printable(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _refuse(found: str | None) -> None:
    if found:
        raise CannotStart(found)


def start(settings: dict[str, Any], reloaded: bool) -> int:
    folder: Path = settings["INSTANCE"]
    check_paths(folder)
    prepare(folder)
    if not reloaded:
        check_not_running(folder)
        check_free(settings)
    troubles = diagnosis.of_machine(settings)  # before anything is written: that would be dated today
    make_private_files(folder, "uwsgi.log", "uwsgi.pid", *([LOG] if settings["LOG"] == "json" else []))
    with one_line(settings):
        from .setup import first_words, initialise, of_database, refuse_lost

        refuse_lost(settings)
        password = initialise(settings)
        troubles += of_database(settings)
    warn(settings, troubles)
    print(f"Instance: {printable(folder)} (uWSGI's log: {printable(folder / 'uwsgi.log')})")
    print(f"Pressroom: {printable(address(settings))}")
    if password:
        print(first_words(password, " (shown only once)"))
    return 0


def make_private_files(folder: Path, *names: str) -> None:
    """uWSGI would make its own readable by everybody."""
    for name in names:
        try:
            os.close(os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        except OSError as error:
            raise CannotStart(
                f"{folder / name} is not writable ({error.strerror}): sudo chown $(id -un) {folder / name}"
            ) from None


def warn(settings: dict[str, Any], troubles: list[str]) -> None:
    for line in [*troubles, *diagnosis.of_settings(settings)]:
        print(f"WARNING: {printable(line)}", file=sys.stderr)
    if settings["SOCKET"] and settings["PROXIES"]:
        print(
            f"WARNING: PRESSROOM_PROXIES={settings['PROXIES']} with PRESSROOM_SOCKET: readers can forge their address,"
            " unless another proxy, such as a CDN, stands in front of nginx. Otherwise set it to 0.",
            file=sys.stderr,
        )
    if settings["LIMITS"] == "off":
        print("WARNING: PRESSROOM_LIMITS=off: there is NO LIMIT on log-in attempts and posts.", file=sys.stderr)
    if not (on_loopback(settings["HTTP"]) or settings["SOCKET"] or settings["PROXIES"]):
        print(
            f"WARNING: {settings['HTTP']} is reachable from other machines without a proxy, and 500 stalled connections"
            " per worker stop uWSGI: put nginx or Apache in front (deploy/README.md), or use 127.0.0.1.",
            file=sys.stderr,
        )
    if on_all_addresses(settings["HTTP"]) and not settings["SOCKET"] and "PRESSROOM_BASE_URL" not in os.environ:
        print(
            "WARNING: reachable from every network, but links in feeds will not work there:"
            " set PRESSROOM_BASE_URL, such as https://news.example.org",
            file=sys.stderr,
        )
    known = [PREFIX + setting.name for setting in SETTINGS]
    for name in sorted(set(os.environ) - set(known)):
        if name.startswith(PREFIX):
            close = difflib.get_close_matches(name, known, 1)
            meant = f" Did you mean {close[0]}?" if close else ""
            print(f"WARNING: {printable(name)} isn't a setting and is ignored.{meant}", file=sys.stderr)


def on_all_addresses(http: str) -> bool:
    host = http.rpartition(":")[0].strip("[]")
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def on_loopback(http: str) -> bool:
    host = http.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(settings: dict[str, Any]) -> str:
    """Where to open the site, and where it listens if that is another place."""
    if settings["SOCKET"]:
        return f"{settings['BASE_URL']} (behind {settings['SOCKET']})"
    here = on_this_machine(settings["HTTP"])
    if "PRESSROOM_BASE_URL" in os.environ and settings["BASE_URL"] != here:
        return f"{settings['BASE_URL']} (here {here})"
    return here


def on_this_machine(http: str) -> str:
    """The URL of what listens there."""
    port = http.rpartition(":")[2]
    return f"http://{'127.0.0.1:' + port if on_all_addresses(http) else http}"
