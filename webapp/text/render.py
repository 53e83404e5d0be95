"""Markdown to safe HTML, once, when it is written.

`markdown` parses and renders, `raw_html` tidies the HTML that an author wrote, `highlight` colours code; at the end
all of it goes through `nh3`. What a stranger may send is bounded in size, so every step's time is bounded too.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import sha256

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ..values import NOT_TEXT
from . import highlight, pictures, raw_html
from .anchors import Anchors, Heading
from .markdown import ADMONITIONS, FOR_COMMENTS, FOR_POSTS, FOR_UPDATES, MARKS, TextRefused
from .pictures import Lookup, no_pictures

HTML_FACTOR = 20  # times the text's own size
HTML_ALLOWANCE = 2_000  # bytes more, for a text of a few words


@dataclass(frozen=True)
class Rendered:
    """A post: clean HTML, and its headings in their order."""

    html: str
    toc: list[Heading] = field(default_factory=list)


@dataclass(frozen=True)
class _Kind:
    """What bounds a text, and where its headings begin.

    The parser takes up to 50 µs for a line, 25 for a mark, 15 for a table's cell and 70 for a link.
    """

    parser: MarkdownIt
    first_heading: int
    max_kilobytes: int
    max_lines: int
    max_marks: int
    max_cells: int
    max_headings: int
    max_lookups: int
    max_containers: int
    max_links: int
    max_pictures: int
    readers: bool = False


_POST = _Kind(FOR_POSTS, 2, 200, 20_000, 70_000, 40_000, 1_000, 2_000_000, 20_000, 20_000, 500)
_UPDATE = _Kind(FOR_UPDATES, 4, 10, 500, 2_000, 1_500, 100, 40_000, 1_000, 250, 50)
_COMMENT = _Kind(FOR_COMMENTS, 4, 10, 500, 2_000, 1_500, 100, 40_000, 1_000, 250, 0, readers=True)


def render_post(markdown: str, lookup: Lookup = no_pictures) -> Rendered:
    """A post's HTML and table of contents. Its highest heading becomes `h2`, for the title is the page's `h1`.

    Headings have ids such as `h-路由`, footnotes such as `fn-5f0c1b2a-1`. The same text gives the same HTML.
    lookup: gives the site's pictures by their names.
    Raises TextRefused above 200 kB of UTF-8 (1 kB: 1,000 bytes) and for the other bounds.
    """
    html, headings = _rendered(markdown, _POST, lookup)
    return Rendered(html, headings)


def render_update(markdown: str, lookup: Lookup = no_pictures) -> str:
    """An update's HTML. Its highest heading becomes `h4`, for its own title is an `h3`; a line's end is a line break.

    A heading has an id only if the update links to it. Raises TextRefused above 10 kB and for the other bounds.
    """
    return _rendered(markdown, _UPDATE, lookup)[0]


def render_comment(markdown: str) -> str:
    """A comment's HTML: no raw HTML (it is shown), no images (they become links), no footnotes or highlighting.

    A line's end is a line break. Links say `rel="nofollow ugc noopener"`. Raises TextRefused above 10 kB and for the
    other bounds.
    """
    return _rendered(markdown, _COMMENT, no_pictures)[0]


def _rendered(markdown: str, kind: _Kind, lookup: Lookup) -> tuple[str, list[Heading]]:
    text = _tidied(markdown)
    size = _checked_size(text, kind)
    mark = sha256(text.encode()).hexdigest()[:8]
    env = {name: getattr(kind, name) for name in ("max_cells", "max_lookups", "max_containers", "max_links")}
    env["mark"] = mark
    tokens = kind.parser.parse(text, env)
    first = _shift_headings(tokens, kind)
    headings = list[Heading]()
    if not kind.readers:  # whose HTML is text and whose headings have no ids
        tokens, headings = _linked(tokens, kind, first, mark)
    html = kind.parser.renderer.render(tokens, kind.parser.options, env)
    _check_html(html, size)
    clean = _cleaned(html, _READERS if kind.readers else _AUTHORS)
    _check_html(clean, size)
    return clean if kind.readers else _with_pictures(clean, kind, lookup), headings


def _with_pictures(html: str, kind: _Kind, lookup: Lookup) -> str:
    if html.count("/media/") > kind.max_pictures:
        raise TextRefused("The text has more than %(bound)s pictures.", bound=kind.max_pictures)
    return pictures.placed(html, lookup)


def _cleaned(html: str, cleaner: nh3.Cleaner) -> str:
    """Clean HTML that is still the same when it is parsed and cleaned again.

    HTML that a browser reads otherwise than it was written, like tags between a table's rows, is how scripts get
    past cleaners; what does not settle is refused.
    """
    for _ in range(4):
        # What the text may not hold, its entities may not bring in.
        clean = _without_dead_links(NOT_TEXT.sub("\ufffd", cleaner.clean(html)).replace("\ufeff", ""))
        if clean == html:
            return clean
        html = clean
    raise TextRefused("The HTML tags are not nested correctly.")


# In cleaned HTML attributes are in double quotes, and a link has no other inside.
_LINK = re.compile(r'<a(?=[ >])((?: [^ ="]+="[^"]*")*)>|</a>')


def _without_dead_links(html: str) -> str:
    """Cleaned HTML in which the words of a link without an address are words."""
    dead = False

    def tag(match: re.Match[str]) -> str:
        nonlocal dead
        if match[1] is not None:
            dead = ' href="' not in match[1]
            return "" if dead else match[0]
        return "" if dead else match[0]

    return _LINK.sub(tag, html)


def _tidied(markdown: str) -> str:
    """The text without byte order marks; what is no character becomes U+FFFD. CR and CRLF become LF."""
    paired = markdown.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    lines = paired.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    return NOT_TEXT.sub("\ufffd", lines)


def _checked_size(text: str, kind: _Kind) -> int:
    size = len(text.encode())
    if size > kind.max_kilobytes * 1000:
        raise TextRefused("The text is longer than %(bound)s kB.", bound=kind.max_kilobytes)
    if text.count("\n") > kind.max_lines:
        raise TextRefused("The text has more than %(bound)s lines.", bound=kind.max_lines)
    if sum(map(text.count, MARKS + ">")) > kind.max_marks:
        raise TextRefused(
            "The text has more than %(bound)s formatting characters such as * [ and |.", bound=kind.max_marks
        )
    return size


def _check_html(html: str, size: int) -> None:
    if len(html.encode()) > HTML_FACTOR * size + HTML_ALLOWANCE:
        raise TextRefused("The page would be more than %(bound)s times the size of the text.", bound=HTML_FACTOR)


def _shift_headings(tokens: list[Token], kind: _Kind) -> int:
    """Move the headings to where the page wants them; the HTML level that a level 1 has then."""
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    if len(headings) > 2 * kind.max_headings:
        raise TextRefused("The text has more than %(bound)s headings.", bound=kind.max_headings)
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1]) - highest + kind.first_heading)}"
    return max(kind.first_heading, kind.first_heading + 1 - highest)


def _linked(tokens: list[Token], kind: _Kind, first: int, mark: str) -> tuple[list[Token], list[Heading]]:
    """The tokens with tidied HTML, and with links that lead to the text's headings; these headings."""
    anchors = Anchors(tokens, "h-" if kind is _POST else f"h-{mark}-")
    if kind is _POST:
        anchors.name_all()
    for token in tokens:
        for child in token.children or []:
            if child.type == "link_open":
                child.attrs["href"] = anchors.address(str(child.attrs["href"]))
    try:
        return raw_html.RawHtml(first, anchors.address).balanced(tokens), anchors.headings
    except raw_html.TooDeep:
        raise TextRefused("HTML tags are nested too deep.") from None


# nh3: what remains of any HTML whatsoever. Raw HTML can't bring an id or a class past `raw_html`, so those here are
# ours; still they are held to their form, and no form is one that the rest of the site uses.
_ID = re.compile(r"(?:h(?:-[^\s\"'<>&]+)?|fn-[0-9a-f]{8}-\d+|fnref-[0-9a-f]{8}-\d+(?:-\d+)?)")
_ALIGNED = {"align-left", "align-center", "align-right"}
_ALLOWED_CLASSES = {
    "aside": {"admonition", *(f"admonition--{name}" for name in ADMONITIONS)},
    "p": {"admonition__title"},
    "a": {"footnote-back"},
    "div": {"scroll"},
    "li": {"task"},
    "section": {"footnotes"},
    "span": {"task-box", *highlight.CLASSES},
    "sup": {"footnote-ref"},
    "td": _ALIGNED,
    "th": _ALIGNED,
}
_ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href", "id"},
    "code": {"translate"},
    "details": {"open"},
    "div": {"tabindex"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height", *raw_html.IMAGE_ATTRIBUTES},
    "li": {"id"},
    "ol": {"start"},
    "pre": {"tabindex", "translate"},
    "source": {"srcset", "sizes", "media", "type", "width", "height"},
    "time": {"datetime"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}


# An aside without a role would be one of the page's landmarks.
_FIXED = {"img": raw_html.IMAGE_ATTRIBUTES, "aside": {"role": "note"}}


def _attribute(tag: str, name: str, value: str) -> str | None:
    """nh3 asks this of each attribute that it would let through; None takes it out."""
    if name == "id":
        return value if _ID.fullmatch(value) else None
    if name == "src":
        return value if raw_html.shown_as_image(value) else None
    if name == "srcset":
        return value if raw_html.shown_as_images(value) else None
    if name == "tabindex":
        return value if value == "0" else None
    return value


def _cleaner(rel: str, tags: AbstractSet[str], schemes: AbstractSet[str]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(tags),
        attributes={tag: names for tag, names in _ATTRIBUTES.items() if tag in tags | {"*"}},
        allowed_classes={tag: names for tag, names in _ALLOWED_CLASSES.items() if tag in tags},
        attribute_filter=_attribute,
        set_tag_attribute_values={tag: value for tag, value in _FIXED.items() if tag in tags},
        url_schemes=set(schemes),
        link_rel=rel,
    )


_SCHEMES = {"http", "https", "ftp", "mailto", "xmpp"}
_READER_TAGS = set(
    (
        "a aside blockquote br code del div em h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul"
    ).split()
)
_READERS = _cleaner("nofollow ugc noopener", _READER_TAGS, _SCHEMES)
_AUTHORS_TAGS = (raw_html.INLINE | raw_html.BLOCK | raw_html.VOID | {"aside", "section"}) - {"h1"}
_AUTHORS = _cleaner("noopener", _AUTHORS_TAGS, _SCHEMES | {"geo", "sms", "tel"})
