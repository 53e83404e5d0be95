"""Front matter: what stands above a text about it, in every form that blogs' generators write.

YAML between `---` (Jekyll, Hugo, Eleventy), also without the first of them (Hexo); TOML between `+++` (Hugo, Zola);
a JSON object (Hugo); lines `Title: …` up to the first empty one (Pelican, MultiMarkdown); and `---json` (Eleventy).
"""

from __future__ import annotations

import json
import re
import tomllib
from itertools import takewhile
from typing import Any

import yaml

LENGTH, DEPTH = 20_000, 10
# The keys that mean something here, the first one that is given before the others.
DATES = ("date", "published", "publishdate", "pubdate", "created", "published_at", "created_at")
LATER = ("publish_date", "scheduled", "scheduled_at", "publish_at", "publish_on", "embargo", "embargo_until")
# What keeps a text from readers by what it says; any other word does too.
SHUT = (
    *("draft", "private", "hidden", "unlisted", "unpublished", "isdraft", "is_draft", "is_private"),
    *("headless", "eleventyexcludefromcollections", "members_only", "is_hidden"),
)
EXPIRY = ("expirydate", "expiry_date", "expires", "unpublishdate")
OPEN = ("published", "publish", "public", "ispublished", "is_published", "is_public", "permalink", "visible", "render")
STATUS = ("status", "visibility", "access", "post_status", "state")
PASSWORD = ("password", "post_password")
SUMMARY = ("summary", "description", "excerpt")
TAGS, CATEGORIES = ("tags", "tag"), ("categories", "category")
LANGUAGE = ("language", "lang", "locale")
AUTHORS = ("authors", "author", "byline")
IMAGE = ("image", "images", "cover", "thumbnail", "featured_image", "feature_image", "banner", "hero", "og_image")
ADDRESSES = ("permalink", "url", "aliases", "alias", "redirect_from")
_MEANT = (
    DATES,
    LATER,
    EXPIRY,
    SHUT,
    OPEN,
    STATUS,
    PASSWORD,
    SUMMARY,
    TAGS,
    CATEGORIES,
    LANGUAGE,
    AUTHORS,
    IMAGE,
    ADDRESSES,
)
# A text that merely begins with lines of words and colons names none of these, nor of those that say nothing here.
KNOWN = frozenset(key for keys in _MEANT for key in keys) | frozenset(
    (
        "comments extra id keywords lastmod layout modified params slug sort subtitle taxonomies template "
        "title toc type updated updated_at weight"
    ).split()
)
# Zola and Hugo keep some fields one level down.
_INNER = ("taxonomies", "extra", "params")
_PAIR = re.compile(r"""(["']?)(?P<key>[^\W\d][\w .-]{0,49})\1[ \t]*:(?:[ \t]+(?P<value>.*))?""")
_LOOSE_PAIR = re.compile(r"(?P<key>[^\W\d][\w -]{0,49})[ \t]*:(?!//)[ \t]*(?P<value>.*)")
_QUOTED = re.compile(r"[\[{'\"|>&*!]")
_AFTER_SIGN = re.compile(r"\s#.*")
_BLANK = " \t\n\r\u00a0\u200b\ufeff\u3000"
_COMMENT = re.compile(r"<!--(.{0,4000}?)-->", re.DOTALL)
_NIKOLA = re.compile(r"^[ \t]*\.\.[ \t]+([\w-]{1,50}):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_TOML_PAIR = re.compile(r"([A-Za-z_-]{2,30})\s?=\s?(?:true|false|['\"])")
_EMPTY_LINE = re.compile(r"\n[ \t\u00a0]*\n")


class Unreadable(ValueError):
    """It begins like front matter and isn't; the message has the line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {' '.join(reason.split())[:300]}")


def split(text: str) -> tuple[dict[str, Any], str]:
    """The fields, with keys in lower case and `_` for `-`, and the text below them.

    Values are texts, lists and mappings of them; of TOML and JSON also numbers, booleans and dates. Nothing is front
    matter but a mapping: a text may begin with a rule. Raises Unreadable.
    """
    text = text.lstrip(_BLANK)
    comment = _COMMENT.match(text)
    if comment and (fields := dict(_NIKOLA.findall(comment[1]))):
        return _tidied(fields), text[comment.end() :].strip()
    if comment and (rest := text[comment.end() :].lstrip(_BLANK)).startswith(("---", "+++")):
        text = rest
    first = text.partition("\n")[0].rstrip()
    if fence := _FENCES.get(first):
        return _fenced(text, *fence)
    if re.match(r'\{\s*"', text):
        return _object(text)
    _refuse_what_is_like_it(text, first)
    if _LOOSE_PAIR.match(first):
        return _unopened(text)
    return {}, text.strip()


def _refuse_what_is_like_it(text: str, first: str) -> None:
    """Fences and forms that generators don't write; what stands in them may say that readers shall not see it."""
    if first == ";;;" or (re.fullmatch(r"---[a-z]{2,10}", first) and re.search(r"^---\s*$", text[3:], re.MULTILINE)):
        raise Unreadable(1, f"front matter after {first} can't be read: put --- around YAML")
    second = text.partition("\n")[2].lstrip().partition("\n")[0]
    if re.fullmatch("-{4,80}", first) and (pair := _LOOSE_PAIR.match(second)) and _key(pair["key"]) in KNOWN:
        raise Unreadable(1, f"front matter stands between ---, not {first[:10]}")
    if (said := _TOML_PAIR.match(first)) and _key(said[1]) in KNOWN:
        raise Unreadable(1, "TOML stands between +++")
    if text.startswith("{") and any(f'"{key}"' in text[:2000].lower() for key in (*SHUT, *OPEN, *STATUS, *PASSWORD)):
        raise Unreadable(1, "it begins like JSON and isn't")


def _fenced(text: str, ends: tuple[str, ...], read: Any) -> tuple[dict[str, Any], str]:
    lines = text.split("\n")
    content = next((line for line in lines[1:] if line.strip() and not line.lstrip().startswith("#")), "")
    begins = _begins(content.strip(), read)
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() in ends), None)
    if end is None:
        says = begins and (pair := _PAIR.match(content.strip())) and _key(pair["key"]) in KNOWN
        if not says and (not begins or not lines[1:] or not lines[1].strip()):
            return {}, text.strip()
        raise Unreadable(1, "the front matter is not closed")
    try:
        fields = read(_bounded("\n".join(lines[1:end])), 2)
    except Unreadable:
        if begins or any((pair := _LOOSE_PAIR.match(line)) and _key(pair["key"]) in KNOWN for line in lines[1:end]):
            raise
        return {}, text.strip()
    if not isinstance(fields, dict) or not (lines[1].strip() or {*map(_key, fields)} & KNOWN):
        return {}, text.strip()
    return _tidied(fields), "\n".join(lines[end + 1 :]).strip()


def _begins(line: str, read: Any) -> bool:
    if read is _json:
        return True
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
            fields[pair["key"]] = _AFTER_SIGN.sub("", value)
    return fields


def _toml(written: str, line: int) -> Any:
    for at, row in enumerate(written.split("\n"), line):
        if row.partition("=")[0].count(".") > DEPTH:  # each dot takes as long again as all before it
            raise Unreadable(at, f"more than {DEPTH} levels aren't supported")
    try:
        return tomllib.loads(written)
    except (ValueError, RecursionError) as error:
        place = re.search(r"\(at line (\d+)", str(error))
        raise Unreadable(line + int(place[1]) - 1 if place else line, f"invalid TOML: {error}") from None


def _json(written: str, line: int) -> Any:
    return _decoded(written.strip(), line)[0]


def _object(text: str) -> tuple[dict[str, Any], str]:
    fields, end = _decoded(text, 1)
    return (_tidied(fields), text[end:].strip()) if {*map(_key, fields)} & KNOWN else ({}, text.strip())


def _decoded(text: str, line: int) -> tuple[Any, int]:
    try:
        return json.JSONDecoder(parse_int=str, parse_float=str).raw_decode(text[:LENGTH])
    except json.JSONDecodeError as error:
        raise Unreadable(line - 1 + error.lineno, f"invalid JSON: {error.msg}") from None
    except RecursionError:
        raise Unreadable(line, "invalid JSON: nested too deep") from None


def _unopened(text: str) -> tuple[dict[str, Any], str]:
    """Hexo's YAML, closed by `---`, or lines of pairs up to the first empty one; what tells them is in `_tells`."""
    rows = text.split("\n")
    for at, row in enumerate(rows):
        if row.rstrip() == "---":
            fields = _yaml(_bounded("\n".join(rows[:at])), 1)
            if isinstance(fields, dict) and _tells({*map(_key, fields)}, at):
                return _tidied(fields), "\n".join(rows[at + 1 :]).strip()
            break
        if not row.strip() or not (_PAIR.match(row) or row[:1] in " \t-#"):
            break
    head, *body = _EMPTY_LINE.split(text, maxsplit=1)
    pairs = _pairs_with_more(head)
    if _tells({*map(_key, pairs)}, len(pairs)) or _is_shut_by_a_line(pairs):
        return _tidied(pairs), "".join(body).strip()
    begun = list(takewhile(_LOOSE_PAIR.fullmatch, map(str.rstrip, head.split("\n"))))
    keys = {_key(pair["key"]) for row in begun if (pair := _LOOSE_PAIR.match(row))}
    if len(begun) < head.count("\n") + 1 and len(keys & KNOWN) > 1 and keys & {*SHUT, *OPEN, *STATUS, *PASSWORD}:
        raise Unreadable(len(begun) + 1, "an empty line is wanted after the front matter")
    return {}, text.strip()


def _tells(keys: set[str], lines: int) -> bool:
    """Whether they are a post's, not words with a colon: two that are known, or what says that it is no post yet."""
    return (lines > 1 and len(keys & KNOWN) > 1) or bool(keys & {"draft", "published"} and lines == 1)


def _is_shut_by_a_line(pairs: dict[str, Any]) -> bool:
    """One line alone, as `status: draft`: a key that may restrict, and one word."""
    return len(pairs) == 1 and all(
        _key(key) in (*SHUT, *OPEN, *STATUS, *PASSWORD) and re.fullmatch(r"[\w-]{1,30}", value)
        for key, value in pairs.items()
    )


def _pairs_with_more(head: str) -> dict[str, Any]:
    """A line that is indented goes on the value above; no pairs at all if another line isn't one."""
    fields: dict[str, Any] = {}
    key = ""
    for row in head.split("\n") if len(head) <= LENGTH else []:
        if key and row[:1] in (" ", "\t"):
            fields[key] += " " + row.strip()
        elif pair := _LOOSE_PAIR.fullmatch(row.rstrip()):
            key = pair["key"]
            fields[key] = (pair["value"] or "").strip()
        else:
            return {}
    return fields


_FENCES: dict[str, tuple[tuple[str, ...], Any]] = {
    "---": (("---", "..."), _yaml),
    "+++": (("+++",), _toml),
    "---json": (("---",), _json),
    "---yaml": (("---",), _yaml),
    "---toml": (("---",), _toml),
}

# Keys


def _tidied(fields: dict[Any, Any]) -> dict[str, Any]:
    tidied = dict[str, Any]()
    for key, value in fields.items():
        if value not in ("", None):
            tidied.setdefault(_key(key), value)
    for name in _INNER:
        if isinstance(inner := tidied.get(name), dict):
            tidied = {_key(key): value for key, value in inner.items()} | tidied
    for key, values in _restricting(fields).items():
        if len(values) > 1:
            tidied[key] = values  # two answers
        elif key not in tidied:
            tidied[key] = values[0]
    return tidied


def _restricting(fields: dict[Any, Any]) -> dict[str, list[Any]]:
    """What keys that may restrict say, in any spelling, and below those of _INNER at any depth."""
    found = dict[str, list[Any]]()
    levels = [(fields, False)]
    for level, is_inner in levels:
        for key, value in level.items():
            if isinstance(value, dict) and (is_inner or _key(key) in _INNER):
                levels.append((value, True))
            elif _key(key) in (*SHUT, *OPEN, *PASSWORD) and value not in ("", None):
                answers = found.setdefault(_key(key), [])
                if value not in answers:
                    answers.append(value)
    return found


def _key(key: Any) -> str:
    return str(key).strip().lower().replace("-", "_")
