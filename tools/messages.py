"""Bring webapp/translations/zh.po up to date with the code and the templates: `make messages`.

New messages come in without a translation, and what is no longer said goes; tests/test_i18n.py wants none of either.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
CATALOGUE = ROOT / "webapp" / "translations" / "zh.po"
LOCALE = "zh_Hans_CN"
# Babel's own header has the minute of the last run in it.
HEADER = rb"""# Pressroom in Simplified Chinese. `make messages` brings it up to date with the code.
msgid ""
msgstr ""
"Project-Id-Version: Pressroom\n"
"Language: zh_Hans_CN\n"
"Plural-Forms: nplurals=1; plural=0;\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""
# Folder, files, how messages are found in them. Unless told, Babel passes over a template that it can't parse.
SOURCES = (
    ("webapp", "**.py", "python", {}),
    ("templates", "**.html", "jinja2", {"newstyle_gettext": "true", "silent": "false"}),
)
KEYWORDS = DEFAULT_KEYWORDS | {"_l": None, "TextRefused": None}


def extracted() -> Iterator[str | tuple[str, ...]]:
    """Every message of code and templates; one with a plural is a tuple."""
    for folder, files, method, options in SOURCES:
        for found in extract_from_dir(ROOT / folder, [(files, method)], {files: options}, keywords=KEYWORDS):
            yield found[2]


def translated() -> Catalog:
    """The catalogue as it is written."""
    if not CATALOGUE.is_file():
        return Catalog(locale=LOCALE)
    with CATALOGUE.open("rb") as source:
        return read_po(source, locale=LOCALE)


def refreshed() -> bytes:
    """The catalogue with exactly the messages of now, sorted; translations are kept."""
    wanted = Catalog(locale=LOCALE)
    for message in extracted():
        wanted.add(message)
    catalog = translated()
    catalog.update(wanted, no_fuzzy_matching=True)
    entries = io.BytesIO()
    write_po(entries, catalog, width=120, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    return HEADER + entries.getvalue().strip() + b"\n"


def main() -> None:
    CATALOGUE.write_bytes(refreshed())
    messages = [message for message in translated() if message.id]
    missing = [message.id for message in messages if not message.string or not all(message.string)]
    print(f"{CATALOGUE.relative_to(ROOT)}: {len(messages)} messages, {len(missing)} without a translation")
    for message in missing:
        print(f"  {message}")


if __name__ == "__main__":
    main()
