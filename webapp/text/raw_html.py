"""HTML that an author wrote inside Markdown: known tags only, with known attributes, closed where they belong.

`nh3` has the last word on safety. This goes before it for what it can't know: a stray `</div>` must not close a
box of ours, a class or an id must not pass for one of ours, and a thousand open tags must not make the HTML parser
slow or the output large.
"""

import re
from collections.abc import Callable
from html import escape

from markdown_it.token import Token

from ..values import unescaped

INLINE = frozenset(
    (
        "a abbr b bdi bdo cite code del dfn em i ins kbd mark picture q rp rt ruby s samp small span strong sub sup "
        "time u var"
    ).split()
)
VOID = frozenset({"br", "hr", "img", "source", "wbr"})
BLOCK = frozenset(
    (
        "blockquote caption dd details div dl dt figcaption figure h1 h2 h3 h4 h5 h6 li ol p pre summary table "
        "tbody td tfoot th thead tr ul"
    ).split()
)
# What was deleted or inserted may be blocks: `<del>` on a line of its own reaches as far as a `<div>` would.
_EITHER = frozenset({"del", "ins"})
_PHRASING = frozenset({"caption", "dt", "h2", "h3", "h4", "h5", "h6", "p", "pre", "summary"})
# Left out with all that is inside. Without its end such a tag is shown, for it may be what a sentence is about.
_LEFT_OUT = "applet|audio|canvas|iframe|math|noscript|object|script|style|svg|template|video"
_LEFT_OUT_BEGIN = re.compile(rf"<({_LEFT_OUT})(?=[\s/>])", re.IGNORECASE)
_LEFT_OUT_END = re.compile(rf"</({_LEFT_OUT})\s*>", re.IGNORECASE)
_NOTHING = frozenset({"base", "embed", "link", "meta", "param", "track"})
_HTML = frozenset({"html_block", "html_inline"})
# Closed by the next of their kind: `<li>one<li>two`.
_SELF_CLOSING = frozenset({"p", "li", "dt", "dd", "tr", "td", "th"})
_GLOBAL = frozenset({"dir", "lang", "title"})
_ATTRIBUTES = {
    "a": frozenset({"href"}),
    "details": frozenset({"open"}),
    "img": frozenset({"src", "srcset", "sizes", "alt", "width", "height"}),
    "ol": frozenset({"start"}),
    "source": frozenset({"srcset", "sizes", "media", "type", "width", "height"}),
    "time": frozenset({"datetime"}),
}
_BOX = '<div class="scroll" tabindex="0">'  # of a table; the one in `markdown.py` is its twin
# Of every image; without a referrer, so that its server doesn't learn of drafts.
IMAGE_ATTRIBUTES = {"loading": "lazy", "referrerpolicy": "no-referrer"}
MAX_DEPTH = 20  # tags open at once

_NAME = r"[A-Za-z_:][A-Za-z0-9:._-]*"
_ATTRIBUTE = re.compile(rf"\s+({_NAME})(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+)))?")
# A tag, or else a lone `<`, which then is text.
_TAG = re.compile(rf"<(?:(/?)([A-Za-z][A-Za-z0-9]*)((?:{_ATTRIBUTE.pattern})*)\s*/?>)?")
_IMAGE = re.compile(r"https://|/media/", re.IGNORECASE)


def shown_as_image(src: str) -> bool:
    """Whether an image's address is one that the site's Content-Security-Policy lets through."""
    return bool(_IMAGE.match(src))


# Addresses of pictures, each with a width or a density. One with a comma inside has to write it as %2C.
_CANDIDATE = re.compile(r"\s*[^\s,]+(?:\s+[\d.]+[wx])?\s*")


def shown_as_images(srcset: str) -> bool:
    """The same for all the addresses in a `srcset`."""
    return all(_CANDIDATE.fullmatch(each) and shown_as_image(each.strip()) for each in srcset.split(","))


class TooDeep(ValueError):
    """More than MAX_DEPTH tags are open at once."""


class RawHtml:
    """One text's raw HTML.

    heading: HTML level, 1 to 6, that an `<h1>` becomes; the others follow.
    address: gives the address that a link's address becomes.

    Tags stay inside the Markdown block, quote, list item or emphasis in which they were opened: each of these has
    a list of its own of open tags in `_open`, and what is left open is closed with it.
    """

    def __init__(self, heading: int, address: Callable[[str], str]) -> None:
        self._heading = heading
        self._address = address
        self._open: list[list[str]] = []

    def balanced(self, tokens: list[Token]) -> list[Token]:
        """The tokens with cleaned and completed HTML. Raises TooDeep."""
        self._open.append([])
        out: list[Token] = []
        gaps = _Gaps(tokens)
        for at, token in enumerate(tokens):
            if gaps.hold(at):
                continue
            if token.nesting < 0:
                out += _raw(_closed(self._open.pop()))
            elif token.nesting > 0:
                self._open.append([])
            if token.type == "inline":
                token.children = self.balanced(token.children or [])
            elif token.type in _HTML:
                token.content = self._cleaned(gaps.kept(at), inline=token.type == "html_inline")
            out.append(token)
        return out + _raw(_closed(self._open.pop()))

    def _cleaned(self, html: str, inline: bool) -> str:
        allowed = INLINE | VOID if inline else INLINE | VOID | BLOCK
        text = _TAG.sub(lambda match: self._tag(match, allowed), html)
        return text if inline else text + self._close_inline()

    def _tag(self, match: re.Match[str], allowed: frozenset[str]) -> str:
        closing, name = match[1], (match[2] or "").lower()
        if name in _NOTHING or (closing and name in BLOCK - allowed):  # in a paragraph there is nothing to close
            return ""
        if name not in allowed:
            return escape(match[0], quote=False)
        if closing:
            return self._end(self._shifted(name))
        attributes = _attributes(name, match[3])
        if name == "a" and "href" in attributes:
            attributes["href"] = self._address(attributes["href"])
        if not shown_as_images(attributes.get("srcset", "")):
            attributes.pop("srcset", None)
        if name == "source" and ("srcset" not in attributes or "picture" not in self._open[-1]):
            return ""
        if name == "img" and not shown_as_image(attributes.get("src", "")):
            return self._link(attributes)
        if name == "img":
            attributes = {"alt": "", **attributes, **IMAGE_ATTRIBUTES}
        return self._start(self._shifted(name), attributes)

    def _start(self, name: str, attributes: dict[str, str]) -> str:
        stack = self._open[-1]
        before = self._close_inline() if name in BLOCK else ""
        if name in _SELF_CLOSING and stack[-1:] == [name]:
            before += _closed([stack.pop()])
        if name not in VOID:
            stack.append(name)
            if sum(map(len, self._open)) > MAX_DEPTH:
                raise TooDeep
        tag = f"<{name}" + "".join(f' {key}="{escape(value)}"' for key, value in attributes.items()) + ">"
        return before + (_BOX + tag if name == "table" else tag)

    def _end(self, name: str) -> str:
        stack = self._open[-1]
        if name not in stack:
            return ""
        at = len(stack) - 1 - stack[::-1].index(name)
        closed = _closed(stack[at:])
        del stack[at:]
        return closed

    def _close_inline(self) -> str:
        """Close what may not hold a block, or reach into the next one."""
        stack = self._open[-1]
        at = len(stack)
        while at and stack[at - 1] in INLINE and not (stack[at - 1] in _EITHER and _holds_blocks(stack[: at - 1])):
            at -= 1
        closed = _closed(stack[at:])
        del stack[at:]
        return closed

    def _link(self, image: dict[str, str]) -> str:
        src = image.get("src", "")
        words = escape(image.get("alt") or src)
        title = f' title="{escape(image["title"])}"' if "title" in image else ""
        inside_link = any("a" in stack for stack in self._open)
        return words if inside_link or not src else f'<a href="{escape(src)}"{title}>{words}</a>'

    def _shifted(self, name: str) -> str:
        if name[0] == "h" and name[1:].isdigit():
            return f"h{min(6, int(name[1:]) - 1 + self._heading)}"
        return name


class _Gaps:
    """What is left out of a list of tokens: from `<video>` to `</video>`, also if that is paragraphs later.

    Begin and end stand side by side: in one token, or two of the same quote, item or emphasis (their frame).
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._frames: list[int] = []
        self._ends: dict[tuple[int, str], int] = {}  # the last token with such an end
        self._gap: tuple[int, str] | None = None
        frames, count = [0], 0
        for at, token in enumerate(tokens):
            if token.nesting > 0:
                count += 1
                frames.append(count)
            self._frames.append(frames[-1])
            if token.nesting < 0:
                frames.pop()
            if token.type in _HTML:
                token.content = _without_comments(token.content)
                for end in _LEFT_OUT_END.finditer(token.content):
                    self._ends[frames[-1], end[1].lower()] = at

    def hold(self, at: int) -> bool:
        """Whether the token is inside a gap altogether."""
        if not self._gap:
            return False
        frame, name = self._gap
        token = self._tokens[at]
        return token.type not in _HTML or self._frames[at] != frame or _end_of(name, token.content, 0) is None

    def kept(self, at: int) -> str:
        """What is outside all gaps of a token of HTML."""
        html, frame = self._tokens[at].content, self._frames[at]
        start = (_end_of(self._gap[1], html, 0) or 0) if self._gap else 0
        self._gap = None
        last = {end[1].lower(): end.start() for end in _LEFT_OUT_END.finditer(html)}
        pieces = []
        while begin := _LEFT_OUT_BEGIN.search(html, start):
            name = begin[1].lower()
            pieces.append(html[start : begin.start()])
            if last.get(name, 0) > begin.start():
                start = _end_of(name, html, begin.end()) or len(html)
            elif self._ends.get((frame, name), 0) > at:
                self._gap = (frame, name)
                return "".join(pieces)
            else:
                pieces.append(begin[0])
                start = begin.end()
        return "".join(pieces) + html[start:]


def _end_of(name: str, html: str, start: int) -> int | None:
    """The place behind the first end of such an element, or None."""
    ends = (end for end in _LEFT_OUT_END.finditer(html, start) if end[1].lower() == name)
    first = next(ends, None)
    return first.end() if first else None


def _closed(names: list[str]) -> str:
    return "".join(f"</{name}></div>" if name == "table" else f"</{name}>" for name in reversed(names))


def _holds_blocks(names: list[str]) -> bool:
    """Whether a block may stand inside these open tags."""
    while names and names[-1] in _EITHER:
        names = names[:-1]
    return not names or (names[-1] in BLOCK and names[-1] not in _PHRASING)


def _attributes(tag: str, text: str) -> dict[str, str]:
    allowed = _GLOBAL | _ATTRIBUTES.get(tag, frozenset())
    pairs = ((match[1].lower(), match[2] or match[3] or match[4] or "") for match in _ATTRIBUTE.finditer(text))
    return {name: unescaped(value) for name, value in pairs if name in allowed}


def _without_comments(html: str) -> str:
    # Not a regular expression, for `<!--` again and again without an end is quadratic in that.
    pieces, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        # `<!-->` and `<!--->` are whole.
        end = html.find(">" if html[start + 4 : start + 6].startswith((">", "->")) else "-->", start + 4)
        if end < 0:
            break
        pieces.append(html[at:start])
        at = html.index(">", end) + 1
    return "".join(pieces) + html[at:]


def _raw(html: str) -> list[Token]:
    return [Token("html_inline", "", 0, content=html)] if html else []
