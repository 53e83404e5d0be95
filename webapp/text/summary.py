"""The bare words of HTML from render, and the first of them."""

import re
from html import unescape

# In cleaned HTML attributes are in double quotes, and a quote inside is an entity.
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)(?:[^<>\"]|\"[^\"]*\")*>")
_ALT = re.compile(r"\salt=\"([^\"]*)\"")
_NOTE_MARKS = re.compile(r'<sup class="footnote-ref">.*?</sup>|<a class="footnote-back".*?</a>')
_INLINE = frozenset(
    (
        "a abbr b bdi bdo cite code del dfn em i ins kbd mark picture q rp rt ruby s samp small source span strong "
        "sub sup time u var wbr"
    ).split()
)
_NOT_PROSE = re.compile(
    r"<pre\b.*?</pre>|<table\b.*?</table>|<h[2-6]\b.*?</h[2-6]>|<section class=\"footnotes\".*?</section>"
    r"|<p class=\"admonition__title\".*?</p>|<figure class=\"picture\">.*?</figure>",
    re.DOTALL,
)


def plain(html: str) -> str:
    """The text of HTML from `render`, for search, summaries and feeds: blocks on lines of their own.

    An image counts as its `alt`; the marks of footnotes are left out.
    """
    bare = unescape(_TAG.sub(_outside, _NOTE_MARKS.sub("", html)))
    lines = (" ".join(line.split()) for line in bare.split("\n"))
    return "\n".join(line for line in lines if line)


def _outside(tag: re.Match[str]) -> str:
    if tag[2] == "img":
        alt = _ALT.search(tag[0])
        return alt[1] if alt else ""
    return "" if tag[2] in _INLINE else "\n"


def summary(html: str, chars: int = 200) -> str:
    """The first words of HTML from `render` in one line, at most `chars` characters, with … if cut.

    Headings, code, tables, pictures and notes are passed over, unless there is nothing else. A cut falls between words,
    or between CJK characters, never inside an emoji or before a combining mark.
    """
    words = " ".join((plain(_NOT_PROSE.sub("\n", html)) or plain(html)).split("\n"))
    if len(words) <= chars:
        return words
    cut = max(chars - 1, 0)
    while cut and not breaks(words, cut):
        cut -= 1
    if not cut:  # one endless word
        cut = max(chars - 1, 0)
    return words[:cut].rstrip(" ,;:，、；：（(") + "…"


_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef\U0001f000-\U0003ffff]")
_GLUED = re.compile(
    "[\u0300-\u036f\u200d\u20e3\ufe00-\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
_NO_LINE_START = "、。，．！？；：）」』】》〉〕〗…"


def breaks(words: str, at: int) -> bool:
    """Whether a text may be cut there."""
    before, after = words[at - 1], words[at]
    if _GLUED.match(after) or before == "\u200d" or after in _NO_LINE_START:
        return False
    return " " in (before, after) or bool(_WIDE.match(before) or _WIDE.match(after))
