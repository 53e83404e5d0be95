"""A person's text becomes a value, or a ValueError that says what was expected."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

BASE_URL = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?")
COLOUR = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE | re.ASCII)
HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,255}|\[(?P<v6>[0-9A-Fa-f:.]{2,45})\])(:[0-9]{0,5})?")

_NO_ENTITY = re.compile("&#(?:0*[1-9][0-9]{7,}|[xX]0*[1-9a-fA-F][0-9a-fA-F]{6,});?")
# Marks on one letter, as in Unicode's Stream-Safe Text Format (UAX 15): more are left out before they are sorted, which
# takes Python time in the square of their number.
MARKS_ON_A_LETTER = 30
_MANY_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{MARKS_ON_A_LETTER + 1},}}")


def normalized(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    return unicodedata.normalize(form, _MANY_MARKS.sub(_without_many_marks, text))


def _without_many_marks(run: re.Match[str]) -> str:
    kept, marks = "", 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        kept += char if marks <= MARKS_ON_A_LETTER else ""
    return kept


def unescaped(html: str) -> str:
    """Without entities; one that is the number of no character is U+FFFD, however long it is."""
    return unescape(_NO_ENTITY.sub("\ufffd", html))


def digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


# XML forbids these (a feed is XML), and half a surrogate pair is no character.
NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Letters by Unicode's table that nobody can see: the fillers of Hangul.
INVISIBLE = "\u115f\u1160\u3164\uffa0"
NOTHING = INVISIBLE + "\u2800"  # and Braille without a dot


def is_blank(text: str) -> bool:
    """Whether it shows nothing: no more than spaces, controls, marks that stand on no letter, fillers."""
    return all(char in NOTHING or unicodedata.category(char) in ("Cc", "Cf", "Mn", "Zl", "Zp", "Zs") for char in text)


@lru_cache(64)
def host_name(host: str) -> str | None:
    """The name in a Host, without port and last dot, in lower case; an IPv6 address in brackets and its short form.

    None for what is no host: "", "a b", "a,b", "[::1", "user@a".
    """
    match = HOST.fullmatch(host)
    if not match:
        return None
    if not match["v6"]:
        return match["name"].lower().removesuffix(".") or None
    try:
        return f"[{ipaddress.IPv6Address(match['v6'])}]"
    except ValueError:
        return None


def ascii_name(host: str) -> str | None:
    """As `host_name`, for what a person wrote: a Host has `新闻.example` as `xn--efvy88h.example`."""
    try:
        return host_name(host if host.isascii() else host.encode("idna").decode())
    except UnicodeError:
        return None


def one_of(*choices: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return check


_LANGUAGE_TAG = re.compile(
    "[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*", re.ASCII | re.IGNORECASE
)


def language_tag(text: str) -> str:
    """As in HTML's `lang`: en, pt-BR, zh-Hans, de-1996. Source: RFC 5646, without extensions."""
    if not _LANGUAGE_TAG.fullmatch(text):
        raise ValueError("expected a language tag such as en, pt-BR or zh-Hans")
    first, *rest = text.split("-")
    cases = {2: str.upper, 4: str.title}
    return "-".join([first.lower(), *(cases.get(len(part), str.lower)(part) for part in rest)])


def number(low: int, high: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return check


def text(text: str) -> str:
    if len(text) > 100 or not text.isprintable():
        raise ValueError("expected up to 100 printable characters")
    return text


def path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536) or " " in host:
        raise ValueError("expected HOST:PORT, such as 127.0.0.1:8000")
    return text


def base_url(text: str) -> str:
    match = BASE_URL.fullmatch(text)
    if not match or not 0 < int(match["port"] or 80) < 65536:
        raise ValueError("expected http:// or https:// and a host, without a path, such as https://news.example.org")
    return text.rstrip("/")


def hosts(text: str) -> tuple[str, ...]:
    names = [ascii_name(name.strip()) for name in text.split(",")]
    if None in names:
        raise ValueError("expected host names separated by commas, such as news.example.org,www.example.org")
    return tuple(filter(None, names))


def networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError("expected addresses or networks separated by commas, such as 10.0.0.0/8,::1") from None


def timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (LookupError, OSError, ValueError):
        raise ValueError("expected a name such as Europe/Berlin") from None


def database_url(text: str) -> str:
    kind, _, rest = text.partition("://")
    if kind.partition("+")[0] not in ("sqlite", "postgresql") or not rest.strip("/"):
        raise ValueError("expected a URL such as sqlite:////srv/pressroom.db")
    return text


def colour(text: str) -> str:
    """`#7a1fa2` of `#7A1FA2` or `7a1fa2`, `#aabbcc` of `#abc`. Raises ValueError."""
    match = COLOUR.fullmatch(text)
    if not match:
        raise ValueError("expected a colour such as #7a1fa2")
    digits = match[1].lower()
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))
