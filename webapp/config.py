"""Every setting: its name, unit, default and check. Read once, at the start."""

import hashlib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from . import colour, guard

PACKAGE = Path(__file__).parent
PREFIX = "PRESSROOM_"
LANGUAGES = ("en", "zh")
BASE_URL = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?")


class BadSetting(SystemExit):
    """A setting that can't be used. The message is one line that quotes it.

    Uncaught it ends the process with that line and no traceback, whoever started us.
    """


@dataclass(frozen=True)
class Setting:
    """`check` turns the text from the environment into the value, or raises ValueError with what was expected."""

    name: str
    default: str | None
    check: Callable[[str], Any]
    meaning: str


def resources() -> Path:
    """The folder that holds `templates/` and `static/`: the package in a wheel, its parent in a checkout."""
    return PACKAGE if (PACKAGE / "templates").is_dir() else PACKAGE.parent


@cache
def fingerprint() -> str:
    """Of the code, templates and assets, as they were when it was first asked for."""
    digest = hashlib.sha256()
    for folder in (PACKAGE, resources() / "templates", resources() / "static"):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                digest.update(file.read_bytes())
    return digest.hexdigest()


def default_instance() -> Path:
    """`instance/` beside `uwsgi.ini`, else in the current folder."""
    checkout = PACKAGE.parent
    return (checkout if (checkout / "uwsgi.ini").is_file() else Path.cwd()) / "instance"


def _one_of(*choices: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return check


def _number(low: int, high: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return check


def _text(text: str) -> str:
    if len(text) > 100 or not text.isprintable():
        raise ValueError("expected at most 100 printable characters")
    return text


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536) or " " in host:
        raise ValueError("expected HOST:PORT, such as 127.0.0.1:8000")
    return text


def _base_url(text: str) -> str:
    found = BASE_URL.fullmatch(text)
    if not found or not 0 < int(found["port"] or 80) < 65536:
        raise ValueError("expected http:// or https:// and a host, such as https://news.example.org")
    return text.rstrip("/")


def _hosts(text: str) -> tuple[str, ...]:
    names = [guard.ascii_name(name.strip()) for name in text.split(",")]
    if None in names:
        raise ValueError("expected host names with commas between them, such as news.example.org,www.example.org")
    return tuple(filter(None, names))


def _networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError("expected addresses or networks with commas between them, such as 10.0.0.0/8,::1") from None


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (LookupError, OSError, ValueError):
        raise ValueError("expected a name such as Europe/Berlin") from None


def _database_url(text: str) -> str:
    kind, _, rest = text.partition("://")
    if kind.partition("+")[0] not in ("sqlite", "postgresql") or not rest.strip("/"):
        raise ValueError("expected a URL such as sqlite:////srv/pressroom.db")
    return text


SETTINGS = [
    Setting("INSTANCE", None, _path, "the folder for everything that is kept"),
    Setting("DATABASE_URL", None, _database_url, "SQLite in the instance folder unless set"),
    Setting("HTTP", "127.0.0.1:8000", _address, "where uWSGI answers HTTP by itself"),
    Setting("SOCKET", None, _path, "a unix socket for nginx or Apache; then no HTTP of its own"),
    Setting("WORKERS", None, _number(1, 512), "processes that answer; the number of processors unless set"),
    Setting("BROADCASTERS", "1", _number(1, 64), "processes that hold the streams"),
    Setting("STREAMS_PER_ADDRESS", "0", _number(0, 1_000_000), "streams of one address at most; 0 for any number"),
    Setting("PROXIES", "0", _number(0, 10), "how many proxies in front are believed about address and scheme"),
    Setting("BASE_URL", None, _base_url, "the site's own address; http:// and HTTP unless set"),
    Setting("TRUSTED_HOSTS", None, _hosts, "names by which the site may be asked for; any unless set"),
    Setting("METRICS_FROM", "127.0.0.0/8,::1", _networks, "from where /metrics may be read"),
    Setting("LOG", "off", _one_of("off", "json"), "a line of JSON for each request and message, in pressroom.log"),
    Setting("REGISTRATION", "closed", _one_of("open", "closed"), "who may make an account"),
    Setting("LIMITS", "on", _one_of("on", "off"), "limits per account and address; off for load tests only"),
    Setting("END_AFTER_HOURS", "12", _number(0, 8_760), "hours until a quiet live post asks, and again until it ends"),
    Setting("SITE_TITLE", "Pressroom", _text, "the site's name"),
    Setting("ACCENT", None, colour.parse, "the colour of links and marks; the usual red and blue unless set"),
    Setting("LANGUAGE", "en", _one_of(*LANGUAGES), "the interface's language"),
    Setting("TIMEZONE", "UTC", _timezone, "the zone in which times are written"),
]


def read(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Every setting by its name, checked: {"HTTP": "127.0.0.1:8000", "PROXIES": 0, …}.

    An unset one has its default; None stands for "not set" where the table above has no default.
    Raises BadSetting for a value that is empty or doesn't pass its check.
    """
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = environ.get(PREFIX + setting.name, setting.default)
        values[setting.name] = None if text is None else _checked(setting, text)
    values["INSTANCE"] = values["INSTANCE"] or default_instance()
    values["DATABASE_URL"] = values["DATABASE_URL"] or f"sqlite:///{values['INSTANCE'] / 'pressroom.db'}"
    values["BASE_URL"] = values["BASE_URL"] or f"http://{values['HTTP']}"
    return values


def _checked(setting: Setting, text: str) -> Any:
    try:
        if not text.strip():
            raise ValueError("expected a value; unset it for the default")
        return setting.check(text)
    except ValueError as error:
        raise BadSetting(f"{PREFIX}{setting.name}={text!r} can't be used: {error}.") from None
