"""Front matter: what stands above a text about it, in every form that blogs' generators write.

YAML between `---` (Jekyll, Hugo, Eleventy), also without the first of them (Hexo); TOML between `+++` (Hugo, Zola);
a JSON object (Hugo); and lines `Title: …` up to the first empty one (Pelican, MultiMarkdown).
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import yaml

LENGTH, DEPTH = 20_000, 10
# A text that merely begins with lines of words and colons names none of these.
KNOWN = frozenset(
    (
        "aliases author authors categories category comments cover created created_at date description draft excerpt "
        "extra featured_image hidden id image keywords lang language lastmod layout locale modified params password "
        "permalink private pubdate publish publishdate published published_at redirect_from slug sort status subtitle "
        "summary tag tags taxonomies template thumbnail title toc type unlisted updated updated_at url visibility "
        "weight"
    ).split()
)
# Zola and Hugo keep some fields one level down.
_INNER = ("taxonomies", "extra", "params")
_PAIR = re.compile(r"""(["']?)(?P<key>[^\W\d][\w .-]{0,49})\1[ \t]*:(?:[ \t]+(?P<value>.*))?""")
_QUOTED = re.compile(r"[\[{'\"|>&*!]")
_COMMENT = re.compile(r"\s#.*")


class Unreadable(ValueError):
    """It begins like front matter and isn't; the message has the line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {' '.join(reason.split())[:300]}")


def split(text: str) -> tuple[dict[str, Any], str]:
    """The fields, with keys in lower case and `_` for `-`, and the text below them.

    Values are texts, lists and mappings of them; of TOML and JSON also numbers, booleans and dates. Nothing is front
    matter but a mapping: a text may begin with a rule. Raises Unreadable.
    """
    text = text.lstrip("\n")
    first = text.partition("\n")[0].rstrip()
    if first == "---":
        return _fenced(text, ("---", "..."), _yaml)
    if first == "+++":
        return _fenced(text, ("+++",), _toml)
    if re.match(r'\{\s*"', text):
        return _json(text)
    if (pair := _PAIR.match(first)) and _key(pair["key"]) in KNOWN:
        return _unopened(text)
    return {}, text.strip()


def _fenced(text: str, ends: tuple[str, ...], read: Any) -> tuple[dict[str, Any], str]:
    lines = text.split("\n")
    content = next((line for line in lines[1:] if line.strip() and not line.lstrip().startswith("#")), "")
    if not _begins(content.strip(), read):
        return {}, text.strip()
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() in ends), None)
    if end is None:
        if not lines[1].strip():
            return {}, text.strip()
        raise Unreadable(1, "the front matter is not closed")
    fields = read(_bounded("\n".join(lines[1:end])), 2)
    if not isinstance(fields, dict) or not (lines[1].strip() or {*map(_key, fields)} & KNOWN):
        return {}, text.strip()
    return _tidied(fields), "\n".join(lines[end + 1 :]).strip()


def _begins(line: str, read: Any) -> bool:
    if read is _toml:
        return bool(re.match(r"""[\w"'-][\w"'. -]*=|\[|\+\+\+$""", line))
    return bool(_PAIR.match(line)) or line.startswith(("{", "---", "..."))


def _bounded(written: str) -> str:
    if len(written) > LENGTH:
        raise Unreadable(1, f"the front matter is longer than {LENGTH:,} characters")
    return written


# Kinds


def _yaml(written: str, line: int) -> Any:
    try:
        return _loaded(written, line) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        return _pairs(written, line, Unreadable(line + mark.line if mark else line, f"invalid YAML: {reason}"))


def _loaded(written: str, line: int) -> Any:
    """As texts, lists and mappings: nothing is ever made of a tag, and no word is a boolean or a date yet."""
    loader = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
    depth = 0
    for event in yaml.parse(written, loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        # A few lines of aliases stand for millions.
        if isinstance(event, yaml.AliasEvent) or depth > DEPTH:
            reason = f"aliases (*name) and more than {DEPTH} levels aren't supported"
            raise Unreadable(line + (event.start_mark.line if event.start_mark else 0), reason)
    return yaml.load(written, loader)  # noqa: S506


def _pairs(written: str, line: int, refused: Unreadable) -> dict[str, Any]:
    """What is no YAML for a colon or a sign in a value, read line by line: `title: Ferries: the truth`."""
    fields: dict[str, Any] = {}
    for at, row in enumerate(written.split("\n"), line):
        if not row.strip() or row.startswith("#"):
            continue
        pair = _PAIR.fullmatch(row.rstrip())
        if not pair:
            raise refused
        value = (pair["value"] or "").strip()
        if _QUOTED.match(value):
            try:
                fields[pair["key"]] = _loaded(value, at)
            except yaml.YAMLError:
                raise Unreadable(at, f"invalid YAML: {value:.100}") from None
        else:
            fields[pair["key"]] = _COMMENT.sub("", value)
    return fields


def _toml(written: str, line: int) -> Any:
    try:
        return tomllib.loads(written)
    except (ValueError, RecursionError) as error:
        at = re.search(r"\(at line (\d+)", str(error))
        raise Unreadable(line + int(at[1]) - 1 if at else line, f"invalid TOML: {error}") from None


def _json(text: str) -> tuple[dict[str, Any], str]:
    try:
        fields, end = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode(text[:LENGTH])
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno, f"invalid JSON: {error.msg}") from None
    except RecursionError:
        raise Unreadable(1, "invalid JSON: nested too deep") from None
    return _tidied(fields), text[end:].strip()


def _unopened(text: str) -> tuple[dict[str, Any], str]:
    """Hexo's YAML, closed by `---`, or lines of pairs up to the first empty one; both name a title."""
    rows = text.split("\n")
    for at, row in enumerate(rows):
        if row.rstrip() == "---":
            fields = _yaml(_bounded("\n".join(rows[:at])), 1)
            if at > 1 and isinstance(fields, dict) and "title" in map(_key, fields):
                return _tidied(fields), "\n".join(rows[at + 1 :]).strip()
            break
        if not row.strip() or not (_PAIR.match(row) or row[:1] in " \t-#"):
            break
    head, _, body = text.partition("\n\n")
    pairs = _pairs_with_more(head)
    if len(pairs) > 1 and "title" in map(_key, pairs) and {*map(_key, pairs)} & {"date", "author", "authors", "status"}:
        return _tidied(pairs), body.strip()
    return {}, text.strip()


def _pairs_with_more(head: str) -> dict[str, Any]:
    """A line that is indented goes on the value above; no pairs at all if another line isn't one."""
    fields: dict[str, Any] = {}
    key = ""
    for row in _bounded(head).split("\n") if len(head) <= LENGTH else []:
        if key and row[:1] in (" ", "\t"):
            fields[key] += " " + row.strip()
        elif pair := _PAIR.fullmatch(row.rstrip()):
            key = pair["key"]
            fields[key] = (pair["value"] or "").strip()
        else:
            return {}
    return fields


# Keys


def _tidied(fields: dict[Any, Any]) -> dict[str, Any]:
    tidied = dict[str, Any]()
    for key, value in fields.items():
        if value not in ("", None):
            tidied.setdefault(_key(key), value)
    for name in _INNER:
        if isinstance(inner := tidied.get(name), dict):
            tidied = {_key(key): value for key, value in inner.items()} | tidied
    return tidied


def _key(key: Any) -> str:
    return str(key).strip().lower().replace("-", "_")
