"""Every setting: its default, what it takes, and the one line that a bad or empty one stops with."""

from __future__ import annotations

import os
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from support.checkout import CHECKOUT
from webapp import config, create_app

NAMES = [setting.name for setting in config.SETTINGS]
GOOD = {
    "INSTANCE": [("/srv/site", Path("/srv/site")), ("~/site", Path.home() / "site"), ("here", Path.cwd() / "here")],
    "DATABASE_URL": [("sqlite:////srv/a.db", "sqlite:////srv/a.db"), ("postgresql+psycopg://u:p@h/d", None)],
    "HTTP": [("127.0.0.1:80", None), ("0.0.0.0:65535", None), ("[::1]:8000", None), (":8000", None), ("box:1", None)],
    "SOCKET": [("/run/site.sock", Path("/run/site.sock"))],
    "WORKERS": [("1", 1), ("512", 512)],
    "BROADCASTERS": [("1", 1), ("64", 64)],
    "STREAMS_PER_ADDRESS": [("0", 0), ("100", 100)],
    "PROXIES": [("0", 0), ("2", 2)],
    "BASE_URL": [
        ("https://news.example.org", None),
        ("https://news.example.org/", "https://news.example.org"),
        ("http://[::1]:8000", None),
        ("https://新闻.example", None),
    ],
    "TRUSTED_HOSTS": [
        ("news.example.org", ("news.example.org",)),
        (" News.Example.ORG. , www.example.org:8443,[0:0::1]", ("news.example.org", "www.example.org", "[::1]")),
        ("新闻.example,192.0.2.1", ("xn--efvy88h.example", "192.0.2.1")),
    ],
    "METRICS_FROM": [
        ("10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1"))),
        ("0.0.0.0/0", (ip_network("0.0.0.0/0"),)),
    ],
    "LOG": [("off", "off"), ("json", "json")],
    "REGISTRATION": [("open", "open"), ("closed", "closed")],
    "LIMITS": [("on", "on"), ("off", "off")],
    "END_AFTER_HOURS": [("0", 0), ("12", 12), ("8760", 8760)],
    "PICTURE_MEGABYTES": [("1", 1), ("64", 64)],
    "PICTURE_MEGAPIXELS": [("1", 1), ("60", 60)],
    "PICTURE_QUOTA_MEGABYTES": [("0", 0), ("10000000", 10_000_000)],
    "DISK_FLOOR_MEGABYTES": [("0", 0), ("10000000", 10_000_000)],
    "SITE_TITLE": [("The Daily", None), ("日报 📰", None), ("x" * 100, None)],
    "ACCENT": [("#7a1fa2", None), ("#7A1FA2", "#7a1fa2"), ("7a1fa2", "#7a1fa2"), ("#fa0", "#ffaa00")],
    "LANGUAGE": [("en", "en"), ("zh", "zh")],
    "CONTENT_LANGUAGE": [("de", "de"), ("PT-br", "pt-BR"), ("zh-hans", "zh-Hans"), ("es-419", "es-419")],
    "TIMEZONE": [("UTC", ZoneInfo("UTC")), ("Asia/Shanghai", ZoneInfo("Asia/Shanghai"))],
}
BAD = {
    "INSTANCE": [],
    "DATABASE_URL": ["pressroom.db", "/srv/pressroom.db", "mysql://h/d", "sqlite://", "sqlite:///", "://"],
    "HTTP": ["8000", "localhost", "localhost:", "localhost:0", "localhost:65536", "h:-1", "h:٨٠", "a b:80", "h:80\n"],
    "SOCKET": [],
    "WORKERS": ["0", "-1", "513", "two", "1.5", "²", "٢", "1e2", "9" * 5000, "1\n"],
    "BROADCASTERS": ["0", "65", "-1", "many"],
    "STREAMS_PER_ADDRESS": ["-1", "1000001", "none"],
    "PROXIES": ["-1", "11", "yes", "0x1"],
    "BASE_URL": [
        "news.example.org",
        "ftp://news.example.org",
        "https://",
        "https:///path",
        "https://news.example.org/blog",
        "https://news.example.org/?a=b",
        "https://news.example.org/#top",
        "https://user:password@news.example.org",
        "https://news.example.org:port",
        "https://news.example.org:70000",
        "https://news .example.org",
        "https://news.example.org\nevil",
        "https://[",
        "javascript://news.example.org",
    ],
    "TRUSTED_HOSTS": [
        "*",
        "*.example.org",
        "news.example.org www.example.org",
        "news.example.org,",
        "https://news.example.org",
        "a.example,user@b.example",
        "::1",
        "[::1",
        "[1:2]",
        ".",
        "a..新闻",
        "a\nb",
        "\udcff",
    ],
    "METRICS_FROM": ["localhost", "10.0.0.1/8", "10.0.0.0/33", "::1,", "any", "1", "[::1]", "10.0.0.0/8 ::1"],
    "LOG": ["on", "JSON", "pressroom.log"],
    "REGISTRATION": ["OPEN", "yes", "1", "open closed"],
    "LIMITS": ["true", "0", "OFF"],
    "END_AFTER_HOURS": ["-1", "8761", "0.5", "never"],
    "PICTURE_MEGABYTES": ["0", "65", "1.5", "25 MB"],
    "PICTURE_MEGAPIXELS": ["0", "61", "12.5"],
    "PICTURE_QUOTA_MEGABYTES": ["-1", "10000001", "none"],
    "DISK_FLOOR_MEGABYTES": ["-1", "10000001", "10%"],
    "SITE_TITLE": ["x" * 101, "two\nlines", "\x07", "\u202ereversed", "\udcff"],
    "ACCENT": ["purple", "#7a1fa", "#7a1fa2ff", "##7a1fa2", "rgb(1,2,3)", "#١٢٣", "#7a1fa2\n", "#zzz"],
    "LANGUAGE": ["de", "EN", "zh-CN", "../en"],
    "CONTENT_LANGUAGE": ["german", "d", "de_DE", "de-", "en, de", '"'],
    "TIMEZONE": ["CET+1", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "\udcff"],
}


def read(**environ: str) -> dict[str, object]:
    return config.read({f"PRESSROOM_{name}": text for name, text in environ.items()})


def test_every_setting_is_tried_here() -> None:
    assert list(GOOD) == list(BAD) == NAMES


def test_the_defaults_need_no_environment() -> None:
    assert read() == {
        "INSTANCE": CHECKOUT / "instance",
        "DATABASE_URL": f"sqlite:///{CHECKOUT / 'instance' / 'pressroom.db'}",
        "HTTP": "127.0.0.1:8000",
        "SOCKET": None,
        "WORKERS": None,
        "BROADCASTERS": 1,
        "STREAMS_PER_ADDRESS": 0,
        "PROXIES": 0,
        "BASE_URL": "http://127.0.0.1:8000",
        "TRUSTED_HOSTS": None,
        "METRICS_FROM": (ip_network("127.0.0.0/8"), ip_network("::1")),
        "LOG": "off",
        "REGISTRATION": "closed",
        "LIMITS": "on",
        "END_AFTER_HOURS": 12,
        "PICTURE_MEGABYTES": 25,
        "PICTURE_MEGAPIXELS": 60,
        "PICTURE_QUOTA_MEGABYTES": 5_000,
        "DISK_FLOOR_MEGABYTES": 500,
        "SITE_TITLE": "Pressroom",
        "ACCENT": None,
        "LANGUAGE": "en",
        "CONTENT_LANGUAGE": None,
        "TIMEZONE": ZoneInfo("UTC"),
    }


def test_some_defaults_follow_others() -> None:
    values = read(INSTANCE="/srv/site", HTTP="0.0.0.0:80")
    assert values["DATABASE_URL"] == "sqlite:////srv/site/pressroom.db"
    assert values["BASE_URL"] == "http://0.0.0.0:80"
    assert read(HTTP="0.0.0.0:80", BASE_URL="https://a.example")["BASE_URL"] == "https://a.example"


@pytest.mark.parametrize(("name", "text", "value"), [(name, *pair) for name, pairs in GOOD.items() for pair in pairs])
def test_it_takes_a_good_value(name: str, text: str, value: object) -> None:
    assert read(**{name: text})[name] == (text if value is None else value)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in NAMES for text in ("", " ", "\t\n", *BAD[name])])
def test_a_bad_or_empty_value_stops_with_one_line_that_quotes_it(name: str, text: str) -> None:
    with pytest.raises(config.BadSetting) as stopped:
        read(**{name: text})
    message = str(stopped.value)
    assert message.startswith(f"PRESSROOM_{name}={text!r} can't be used: ")
    assert message.endswith(".")
    assert message.isprintable(), "one line, and nothing that a terminal obeys"


def test_names_of_other_programs_are_left_alone() -> None:
    assert config.read({"HTTP": "nonsense", "FLASK_PRESSROOM_HTTP": "nonsense", "pressroom_http": ""}) == read()


@pytest.mark.parametrize("command", [["-m", "flask", "--app", "webapp", "routes"], ["-c", "import webapp.wsgi"]])
def test_it_ends_the_process_with_the_line_alone(tmp_path: Path, command: list[str]) -> None:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PRESSROOM_")}
    environ |= {"PRESSROOM_INSTANCE": str(tmp_path / "instance"), "PYTHONPATH": str(CHECKOUT)}
    run = subprocess.run(
        [sys.executable, *command],
        env=environ | {"PRESSROOM_WORKERS": "many"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == "PRESSROOM_WORKERS='many' can't be used: expected a whole number from 1 to 512.\n"
    assert run.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_settings_given_to_create_app_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_SITE_TITLE", "From the environment")
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(tmp_path / "instance"))
    assert create_app().config["SITE_TITLE"] == "From the environment"
    assert create_app({"SITE_TITLE": "Given"}).config["SITE_TITLE"] == "Given"
    assert list(tmp_path.iterdir()) == [], "building the app makes no instance folder"
