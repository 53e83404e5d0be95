"""Every setting: its name, unit, default and check. Read once, at the start."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import values

PACKAGE = Path(__file__).parent
PREFIX = "PRESSROOM_"
LANGUAGES = ("en", "zh")


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
    """The folder with `templates/`, `static/` and `uwsgi.ini`: in a wheel the package's `site/`, else the checkout."""
    return PACKAGE / "site" if (PACKAGE / "site").is_dir() else PACKAGE.parent


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


SETTINGS = [
    Setting("INSTANCE", None, values.path, "folder for all data"),
    Setting("DATABASE_URL", None, values.database_url, "default: SQLite in the instance folder"),
    Setting("HTTP", "127.0.0.1:8000", values.address, "address on which uWSGI serves HTTP"),
    Setting("SOCKET", None, values.path, "Unix socket for nginx or Apache, instead of HTTP"),
    Setting("WORKERS", None, values.number(1, 512), "worker processes; default: the number of processors"),
    Setting("BROADCASTERS", "1", values.number(1, 64), "processes that hold the live streams"),
    Setting(
        "STREAMS_PER_ADDRESS", "0", values.number(0, 1_000_000), "maximum number of streams per address; 0 for no limit"
    ),
    Setting("PROXIES", "0", values.number(0, 10), "number of trusted proxies in front of the site"),
    Setting("BASE_URL", None, values.base_url, "public URL of the site; default: http:// and HTTP"),
    Setting("TRUSTED_HOSTS", None, values.hosts, "accepted host names; default: any"),
    Setting("METRICS_FROM", "127.0.0.0/8,::1", values.networks, "networks that may read /metrics"),
    Setting("LOG", "off", values.one_of("off", "json"), "json logs each request and message to pressroom.log"),
    Setting("REGISTRATION", "closed", values.one_of("open", "closed"), "who may create an account"),
    Setting("LIMITS", "on", values.one_of("on", "off"), "rate limits; off for load tests only"),
    Setting(
        "END_AFTER_HOURS",
        "12",
        values.number(0, 8_760),
        "hours without an update until a live post asks whether to end, and again until it ends",
    ),
    Setting("PICTURE_MEGABYTES", "25", values.number(1, 64), "largest picture file that can be uploaded"),
    Setting("PICTURE_MEGAPIXELS", "60", values.number(1, 60), "largest picture that can be uploaded, in pixels"),
    Setting("PICTURE_QUOTA_MEGABYTES", "5000", values.number(0, 10_000_000), "pictures per account; 0 for no limit"),
    Setting(
        "DISK_FLOOR_MEGABYTES", "500", values.number(0, 10_000_000), "free disk space below which uploads are refused"
    ),
    Setting("SITE_TITLE", "Pressroom", values.text, "name of the site"),
    Setting("ACCENT", None, values.colour, "colour of links and accents; default: red and blue"),
    Setting("LANGUAGE", "en", values.one_of(*LANGUAGES), "language of the interface"),
    Setting("CONTENT_LANGUAGE", None, values.language_tag, "language of the posts, such as de; default: LANGUAGE"),
    Setting("TIMEZONE", "UTC", values.timezone, "time zone of the times on pages"),
]


def read(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Every setting by its name, checked: {"HTTP": "127.0.0.1:8000", "PROXIES": 0, …}.

    An unset one has its default; None stands for "not set" where the table above has no default.
    Raises BadSetting for a value that is empty or doesn't pass its check.
    """
    settings: dict[str, Any] = {}
    for setting in SETTINGS:
        text = environ.get(PREFIX + setting.name, setting.default)
        settings[setting.name] = None if text is None else _checked(setting, text)
    settings["INSTANCE"] = settings["INSTANCE"] or default_instance()
    settings["DATABASE_URL"] = settings["DATABASE_URL"] or f"sqlite:///{settings['INSTANCE'] / 'pressroom.db'}"
    check_driver(settings["DATABASE_URL"])
    settings["BASE_URL"] = settings["BASE_URL"] or f"http://{settings['HTTP']}"
    return settings


def check_driver(database_url: str) -> None:
    if database_url.startswith("postgresql") and find_spec("psycopg") is None:
        raise BadSetting(f"{PREFIX}DATABASE_URL needs a driver for PostgreSQL: pip install 'psycopg[binary]'")


def _checked(setting: Setting, text: str) -> Any:
    try:
        if not text.strip():
            raise ValueError("expected a value; unset it for the default")
        return setting.check(text)
    except ValueError as error:
        raise BadSetting(f"{PREFIX}{setting.name}={text!r} can't be used: {error}.") from None
