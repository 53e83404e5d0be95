"""Bare addresses that become links: `www.a.org`, `https://a.org`, `ann@a.org`.

The grammar is GFM's, with what other scripts need: an address may follow a Chinese character without a space, and ends
before the punctuation of Chinese, Japanese and others.
Source: https://github.github.com/gfm/#autolinks-extension- and its program, cmark-gfm, for what the words leave open.
"""

import re

from .cjk import CJK

MAX_DOMAIN = 253  # characters, as in DNS; without a bound `www.a_www.a_` would be quadratic
MAX_LOCAL = 64  # of an e-mail address before its `@`

# Also ends an address wherever it stands: quotes, full-width punctuation, ideographic space and full stop.
_ENDS = '\\s<>"“”„‘’«»…\u3000-\u3003\u3008-\u3011\u3014-\u301f\ufe10-\ufe19\ufe30-\ufe4f'
_ENDS += "\uff01\uff02\uff07-\uff09\uff0c\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b\uff5d\uff5f-\uff65"
_TRAILING = "?!.,:;*_~'[]|\\\u00b7\u055d\u0589\u060c\u061b\u061f\u06d4\u0964\u0965\u104b\u1362"
_START = re.compile(r"(?:https?|ftp)://|www\.", re.IGNORECASE)
_BEFORE = re.compile(rf"[\s*_~(\[\"'“”„‘’«|{CJK}]")
# Letters of any script, their marks, digits, `-` and `_`.
_DOMAIN = re.compile(rf"[^\x00-,/:-@\[-^`{{-\x7f{_ENDS}]{{1,{MAX_DOMAIN + 1}}}")
_REST = re.compile(rf"(?:[^{_ENDS}\[]|\[(?!\^))*")  # a footnote's mark may follow
_ENTITY = re.compile("&[A-Za-z0-9]+;\\Z")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])|&amp;")
_ASCII = re.compile("[\x00-\x7f]+")
_CJK = re.compile(f"[{CJK}]")

_LOCAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-_"
_AT = re.compile(r"(?<=[A-Za-z0-9._+-])@(?=[A-Za-z0-9_-]{1,63}\.[A-Za-z0-9])")
_EMAIL_DOMAIN = re.compile(rf"(?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9])){{1,{MAX_DOMAIN}}}")
_SCHEME = re.compile("(?:^|[^A-Za-z0-9])(mailto:|xmpp:)\\Z", re.IGNORECASE)
_RESOURCE = re.compile("/[A-Za-z0-9@.]+")


def found_in(text: str) -> dict[int, tuple[int, str]]:
    """The addresses in a text by their first character's place: the place behind each, and what it links to.

    They still have to go through `unescaped`.
    """
    links = {}
    at = 0
    while start := _START.search(text, at):
        at = start.end()
        if end := _end_of_url(text, start):
            links[start.start()] = (end, ("http://" if start[0][0] in "wW" else "") + text[start.start() : end])
            at = end
    for sign in _AT.finditer(text):
        if email := _email(text, sign.start()):
            links[email[0]] = email[1:]
    return links


def unescaped(address: str) -> str:
    """Without what stands for one character, as `\\_` and `&amp;`; programs that make Markdown write both."""
    return _ESCAPED.sub(lambda match: match[1] or "&", address) if "\\" in address or "&" in address else address


def _end_of_url(text: str, start: re.Match[str]) -> int:
    """The place behind an address, or 0."""
    short = start[0][0] in "wW"
    before = text[start.start() - 1 : start.start()]
    if before and not _BEFORE.match(before) and (short or before.isalnum()):
        return 0
    domain = _DOMAIN.match(text, start.end())
    if not domain or len(domain[0]) > MAX_DOMAIN:
        return 0
    labels = domain[0].rstrip("._").split(".")
    if "" in labels or not labels[-1].strip("-") or "_" in labels[-1] + labels[-2:][0] or (short and len(labels) < 2):
        return 0
    end = domain.end()
    # Prose goes on behind the domain without a space: https://a.org是
    latin = _ASCII.match(labels[-1])
    if latin and _CJK.match(labels[-1], latin.end()):
        return domain.start() + len(".".join(labels)) - len(labels[-1]) + latin.end()
    rest = _REST.match(text, end)
    return _without_trailing(text, start.start(), rest.end() if rest else end)


def _without_trailing(text: str, start: int, end: int) -> int:
    """The end without punctuation that belongs to the sentence. `)` stays where a `(` of the address opens it."""
    surplus = text.count(")", start, end) - text.count("(", start, end)
    while end > start:
        last = text[end - 1]
        if last == ")" and surplus > 0:
            surplus -= 1
        elif last == ";" and (entity := _ENTITY.search(text, max(start, end - 40), end)):
            end = entity.start() + 1
        elif last not in _TRAILING:
            break
        end -= 1
    return end


def _email(text: str, at: int) -> tuple[int, int, str] | None:
    """The address around the `@`: its first place, the place behind it, and what it links to."""
    window = text[max(0, at - MAX_LOCAL - 1) : at]
    local = window[len(window.rstrip(_LOCAL)) :]
    name = local.lstrip("._+-")
    start = at - len(name)
    before = text[at - len(local) - 1 : at - len(local)]
    if not name or len(name) > MAX_LOCAL or (before and (before == "/" or _is_letter(before))):
        return None
    domain = _EMAIL_DOMAIN.match(text, at + 1)
    if not domain:
        return None
    # `_ann@a.org_` is emphasis, `ann@a.org_` no address.
    host = domain[0].rstrip("_") if local.startswith("_") else domain[0]
    end = at + 1 + len(host)
    if "." not in host or host[-1] in "-_" or text[end : end + 1] == "@":
        return None
    scheme = _SCHEME.search(text, max(0, start - 8), start)
    if not scheme:
        return start, end, f"mailto:{text[start:end]}"
    if scheme[1].lower() == "xmpp:" and (resource := _RESOURCE.match(text, end)):
        end = end + len(resource[0].rstrip(".@"))
        end -= text[end - 1] == "/"
    return scheme.start(1), end, text[scheme.start(1) : end]


def _is_letter(character: str) -> bool:
    return character.isalnum() and not _BEFORE.match(character)
