"""The interface's language: one for the whole site, so that a page is the same bytes for everybody.

Catalogues are `translations/<language>.po`, read at the start; there is nothing to compile.
"""

from __future__ import annotations

import io
import re
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError, get_global
from babel.dates import format_datetime, get_timezone_name
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import LazyProxy
from flask import Flask, current_app
from markupsafe import Markup

from .app_key import AppKey

TRANSLATIONS = Path(__file__).parent / "translations"
LOCALES = {"en": "en", "zh": "zh_Hans_CN"}
STYLES = {
    "clock": {"en": "HH:mm", "zh": "HH:mm"},
    "day": {"en": "d MMMM y", "zh": "y年M月d日"},
    "medium": {"en": "d MMM y, HH:mm", "zh": "y年M月d日 HH:mm"},
}
_AUTO = re.compile(r'(<(?:p|h[1-6]|ul|ol|blockquote|aside|table|strong|figcaption)(?: [^<>]*)?) dir="auto"')
RTL_SCRIPTS = frozenset("Adlm Arab Aran Hebr Mand Mend Nkoo Rohg Samr Syrc Thaa".split())
CATALOGUE = AppKey[NullTranslations]("translations")


def init_app(app: Flask) -> None:
    language = app.config["LANGUAGE"]
    CATALOGUE.put(app, _load(language))
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, _plural_form, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.filters.update(time=time_element)
    app.jinja_env.globals["timezone_name"] = _timezone_name(app.config["TIMEZONE"], language)
    interface = {"zh": "zh-Hans"}.get(language, language)
    content = app.config["CONTENT_LANGUAGE"] or interface
    app.jinja_env.globals.update(html_lang=interface, content_lang=content, direction=direction, directed=directed)


@lru_cache(1_000)
def direction(language: str) -> str:
    """`dir` of a text in this language: "rtl", or "auto" for its first letter to decide."""
    if scripts := [part.title() for part in language.split("-")[1:] if len(part) == 4 and part.isalpha()]:
        return "rtl" if scripts[0] in RTL_SCRIPTS else "auto"
    with suppress(UnknownLocaleError, ValueError):
        return "rtl" if Locale.parse(language, sep="-").text_direction == "rtl" else "auto"
    return "auto"


def directed(html: str, language: str) -> str:
    """The HTML of a text (text/render.py) for a language that runs right to left: so does each paragraph, whatever
    letter it begins with."""
    return _AUTO.sub(r'\1 dir="rtl"', html) if direction(language) == "rtl" else html


def content_language(language: str = "") -> str:
    """That of a post, or the site's."""
    return language or str(current_app.jinja_env.globals["content_lang"])


def _load(language: str) -> NullTranslations:
    path = TRANSLATIONS / f"{language}.po"
    if not path.is_file():
        return NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=LOCALES[language]))
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext(message: str, **values: Any) -> str:
    translated: str = CATALOGUE.of(current_app).gettext(message)
    return translated % values if values else translated


def _plural_form(singular: str, plural: str, n: int) -> str:
    """For templates: Jinja puts the values in by itself."""
    translated: str = CATALOGUE.of(current_app).ngettext(singular, plural, n)
    return translated


def lazy_gettext(message: str) -> Any:
    """For texts that are made before there is an app, such as form labels."""
    return LazyProxy(gettext, message, enable_cache=False)


def _timezone_name(zone: ZoneInfo, language: str) -> str:
    """Such as “Central European Time”, or “UTC” where a zone belongs to no territory."""
    canonical = get_global("zone_aliases").get(zone.key, zone.key)
    if get_global("zone_territories").get(canonical, "ZZ") in ("ZZ", "001"):
        return str(datetime.now(zone).tzname())
    return get_timezone_name(zone, locale=LOCALES[language])


def time_element(at_ms: int, style: str = "medium") -> Markup:
    """`<time>` in the site's zone, in one of STYLES; the script rewrites it in the reader's (static/js/time.js).

    The footer names the zone once for the whole page.
    """
    return _time_element(at_ms, style, current_app.config["LANGUAGE"], current_app.config["TIMEZONE"])


@lru_cache(10_000)  # the same times stand on page after page, and each costs Babel 0.1 ms
def _time_element(at_ms: int, style: str, language: str, zone: ZoneInfo) -> Markup:
    moment = datetime.fromtimestamp(at_ms / 1000, zone)
    written = format_datetime(moment, STYLES[style][language], locale=LOCALES[language])
    iso = moment.isoformat(timespec="seconds")
    return Markup('<time datetime="{}" data-style="{}">{}</time>').format(iso, style, written)
