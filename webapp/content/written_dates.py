"""Dates as blogs' generators and their writers put them down."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from email.utils import parsedate_to_datetime
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

LENGTH = 100
NOON = time(12)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
FLAGS = re.ASCII | re.IGNORECASE
_WEEKDAY = "(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\\s+)?"
_ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{1,2}(?::?\d\d)?|[A-Z][A-Z_]+/[A-Z_/+-]+)?"
_TIME = rf"(?:(?:t|\s+|,\s*)(?P<h>\d{{1,2}}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:[.,]\d+)?)?\s*(?P<half>[ap]m\b)?\s*{_ZONE})?"
_NAMED = r"(?P<name>[A-Z]{3,9})\.?"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_FORMS = (
    re.compile(rf"(?P<y>\d{{4}})(?P<sep>[-/.])(?P<mo>\d{{1,2}})(?P=sep)(?P<d>\d{{1,2}}){_TIME}", FLAGS),
    re.compile(rf"{_WEEKDAY}{_NAMED}\s+{_DAY},?\s+(?P<y>\d{{4}}){_TIME}", FLAGS),
    re.compile(rf"{_WEEKDAY}{_DAY}\.?\s+{_NAMED},?\s+(?P<y>\d{{4}}){_TIME}", FLAGS),
)
_AMBIGUOUS = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?!\d)")
_IN_NAME = re.compile(r"(\d{4})[-_.](\d{1,2})[-_.](\d{1,2})(?![0-9])")


class NoDate(ValueError):
    """The message says what was written and how to write it."""

    def __init__(self, written: object, reason: str = "") -> None:
        super().__init__(f"its date is {written!r:.100}{reason}; write it as 2026-03-01 20:41")


def moment(written: Any, zone: tzinfo) -> datetime:
    """A day is noon; a time without a zone is meant in `zone`. Raises NoDate for what is no date or could be two."""
    if isinstance(written, date):  # TOML's
        read = written if isinstance(written, datetime) else datetime.combine(written, NOON)
        return _checked(written, read if read.tzinfo else read.replace(tzinfo=zone))
    text = written.strip() if isinstance(written, str) else ""
    if not text or len(text) > LENGTH:
        raise NoDate(written)
    try:
        for form in _FORMS:
            if found := form.fullmatch(text):
                return _checked(written, _of_parts(found.groupdict(), zone))
        if _AMBIGUOUS.match(text):
            raise NoDate(written, ", of which day and month can't be told apart")
        return _checked(written, parsedate_to_datetime(text))  # RFC 2822
    except NoDate:
        raise
    except (ValueError, OverflowError, LookupError, OSError):  # LookupError: no such zone
        raise NoDate(written) from None


def _of_parts(parts: dict[str, str | None], zone: tzinfo) -> datetime:
    month = MONTHS.index(str(parts["name"])[:3].lower()) + 1 if parts.get("name") else int(str(parts["mo"]))
    day = date(int(str(parts["y"])), month, int(str(parts["d"])))
    hour = parts["h"]
    if hour is None:
        return datetime.combine(day, NOON, zone)
    hours = int(hour) % 12 + 12 * (parts["half"].lower() == "pm") if parts["half"] else int(hour)
    return datetime.combine(day, time(hours, int(str(parts["m"])), int(parts["s"] or 0)), _zone(parts["zone"], zone))


def _zone(written: str | None, otherwise: tzinfo) -> tzinfo:
    if not written:
        return otherwise
    if written.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if written[0] in "+-":
        digits = written[1:].replace(":", "")
        hours, minutes = (digits, "00") if len(digits) < 3 else (digits[:-2], digits[-2:])
        zone = datetime.strptime(f"{written[0]}{int(hours):02}{minutes}", "%z").tzinfo
        assert zone  # noqa: S101
        return zone
    return ZoneInfo(written)


def _checked(written: object, read: datetime) -> datetime:
    """What fits the database, with a zone."""
    if not 1 < read.year < 9999:
        raise NoDate(written)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def without(name: str) -> str:
    """A file's name without the date that it begins with."""
    return _IN_NAME.sub("", name, count=1).lstrip("-_ ") or name


def of_path(path: PurePath, zone: tzinfo) -> datetime | None:
    """By the file's name, or its folder's: `2014-03-09-harbour-opens.md`, `2014-03-09-harbour/index.md`."""
    for name in (path.name, path.parent.name):
        if found := _IN_NAME.match(name):
            try:
                return _checked(name, datetime.combine(date(*map(int, found.groups())), NOON, zone))
            except ValueError:
                continue
    return None
