"""What a generator makes something of and Markdown doesn't: found in a text, for the report of an import.

Links to other files are resolved here too, as they are written in the text: `[map](../harbour/index.md)`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

TEMPLATE, COMPONENT = "Template tags, shown as text", "Components, shown as text or left out"
MATH, WIKI, MARK = "Formulas, shown as text", "Wiki links, shown as text", "Marks of other dialects, shown as text"
EMBED, IMAGE = "Embeds, left out", "Images that weren’t found"
LINK, COMMENT = "Links to files that weren’t imported", "Comments between %%, now hidden"
SUFFIXES = (".md", ".markdown", ".mdown", ".mkd", ".mdx")
EXAMPLE = 60  # characters of one that are said

_KINDS = {
    TEMPLATE: re.compile(r"\{[{%][-+]?\s?[^{}\n]{1,200}\s?[-+]?[}%]\}|\{\{[<%][^{}\n]{1,200}[>%]\}\}"),
    COMPONENT: re.compile(r"<[A-Z]\w{0,50}[\s/>]|^(?:import|export)\s.{0,200}?(?:from\s|=).{0,200}$", re.MULTILINE),
    MATH: re.compile(
        r"\$\$[^$]{1,500}\$\$|\\\([^\n]{1,200}?\\\)|\\\[[^\n]{1,200}?\\\]"
        r"|(?<![\w$\\])\$[^\s$][^$\n]{0,100}?[\\^_{][^$\n]{0,100}\$(?![\w$])"
    ),
    WIKI: re.compile(r"!?\[\[[^\[\]\n]{1,200}\]\]"),
    MARK: re.compile(r"(?<![=\w])==(?=[^\s=])[^=\n]{1,200}==(?![=\w])|^:::\s*[\w{].{0,100}", re.MULTILINE),
    COMMENT: re.compile(r"<!--%"),
    EMBED: re.compile(r"<(?:iframe|script|object|embed|video|audio)\b[^<>\n]{0,200}", re.IGNORECASE),
}  # fmt: skip
_LINK = re.compile(
    r"""(?:(?P<image>!?)\[[^\[\]\n]{0,500}\]\(\s{0,3}<?|^\s{0,3}\[[^\[\]\n]{1,200}\]:\s{1,3}<?"""
    r"""|<(?P<tag>a|img)\b[^<>\n]{0,300}?\s(?:href|src)=["'])(?P<to>[^\s<>"')]{1,500})""",
    re.MULTILINE | re.IGNORECASE,
)
# Jekyll's `{% post_url 2014-03-09-harbour %}` and `{% link _posts/harbour.md %}`, Hugo's `{{< ref "harbour.md" >}}`,
# Hexo's `{% post_path harbour %}`; they stand for an address.
_TAG_LINK = re.compile(
    r"""(?:\{\{\s{0,3}site\.\w{1,20}\s{0,3}\}\}/?)?\{%-?\s{0,3}(?:post_url|post_path|link)\s{1,3}(?P<jekyll>[^\s%{}]{1,200})\s{0,3}-?%\}"""
    r"""|\{\{[<%]\s{0,3}(?:rel)?ref\s{1,3}"(?P<hugo>[^"{}\n]{1,200})"\s{0,3}[>%]\}\}"""
)
# Hexo's `{% post_link harbour The harbour %}` and wiki links, `[[Harbour|the harbour]]`, stand for a whole link.
_WHOLE_LINK = re.compile(
    r"""\{%-?\s{0,3}post_link\s{1,3}(?P<hexo>[^\s%{}]{1,200})(?:\s{1,3}(?P<words>[^%{}\n]{1,200}?))?\s{0,3}-?%\}"""
    r"""|(?<!!)\[\[(?P<wiki>[^\[\]|#\n]{1,200})(?:\#[^\[\]|\n]{0,200})?(?:\|(?P<shown>[^\[\]\n]{1,200}))?\]\]"""
)
_PELICAN = re.compile(r"\{(?:filename|static|attach)\}|\|filename\|")
_COMMENT = re.compile(r"(?<![%\w])%%(?!%)((?:[^%]|%(?!%)){1,4000})%%(?![%\w])")
_LANGUAGE = re.compile(r"\.([a-z]{2}(?:-[a-z]{2,4})?)$", re.IGNORECASE)
_FENCE = re.compile(r"[\s>]{0,20}(?:[-*+]|\d{1,3}[.)])?\s{0,8}(`{3,}|~{3,})")
_CODE = re.compile(r"(?<!`)(`{1,5})(?!`)[^\n]{1,300}?(?<!`)\1(?!`)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#|\?|\{\{", re.IGNORECASE)
_MARKDOWN = re.compile(f"(?:{'|'.join(map(re.escape, SUFFIXES))})$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    kind: str
    example: str


def prose(body: str) -> str:
    """The text with its code blanked out, each character by a space, so that places stay the same."""
    lines, fence = body.split("\n"), ""
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            lines[at] = " " * len(line)
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
    return _CODE.sub(lambda code: " " * len(code[0]), "\n".join(lines))


def found(body: str, exists: Callable[[str], bool], has_image: Callable[[str], bool]) -> list[Found]:
    """All that is in a text as it is stored.

    exists: whether a path, from the text's file, is another imported one; has_image: whether it is an image's file.
    """
    text = prose(body)
    for form in (_TAG_LINK, _WHOLE_LINK):
        text = form.sub(lambda link: "" if exists(next(filter(None, link.groups())).strip()) else link[0], text)
    things = [
        Found(kind, " ".join(one[0].split())[:EXAMPLE]) for kind, form in _KINDS.items() for one in form.finditer(text)
    ]
    for link in _LINK.finditer(text):
        if _ELSEWHERE.match(link["to"]):
            continue
        if _is_image(link):
            things += [] if has_image(link["to"]) else [Found(IMAGE, link["to"][:EXAMPLE])]
        elif not link["to"].startswith("/") and not exists(link["to"]):
            things.append(Found(LINK, link["to"][:EXAMPLE]))
    return things


def _is_image(link: re.Match[str]) -> bool:
    return (
        bool(link["image"]) or (link["tag"] or "").lower() == "img" or link["to"].startswith(("{static}", "{attach}"))
    )


def is_elsewhere(to: str) -> bool:
    return bool(_ELSEWHERE.match(to))


def images(body: str) -> list[str]:
    """What the images of a text name that isn't an address elsewhere, each once."""
    links = (link for link in _LINK.finditer(prose(body)) if _is_image(link) and not _ELSEWHERE.match(link["to"]))
    return list(dict.fromkeys(link["to"] for link in links))


def with_images(body: str, addresses: Mapping[str, str]) -> str:
    """The text with the addresses of its images as they are on the site, by what it calls them."""
    links = [link for link in _LINK.finditer(prose(body)) if _is_image(link) and link["to"] in addresses]
    return _replaced(body, [(*link.span("to"), addresses[link["to"]]) for link in links])


def path_in(to: str) -> str:
    """The path that a link means, without what generators and addresses add to it."""
    return unquote(_PELICAN.sub("", to).partition("#")[0].partition("?")[0])


def rewritten(body: str, address_of: Callable[[str], str | None]) -> str:
    """The text with links to other imported files as links to their posts.

    address_of: the post's address for a link as it is written, or None.
    """
    links = sorted(_links(prose(body)))
    found = ((start, end, words, address_of(to)) for start, end, to, words in links)
    return _replaced(body, [(s, e, f"[{words}]({to})" if words else to) for s, e, words, to in found if to is not None])


def _replaced(body: str, pieces: list[tuple[int, int, str]]) -> str:
    """The text with each piece, from one place to another, in another form; of two that overlap the first."""
    parts, done = [], 0
    for start, end, form in pieces:
        if start >= done:
            parts += [body[done:start], form]
            done = end
    return "".join([*parts, body[done:]])


def has_links(body: str) -> bool:
    return any(_links(prose(body)))


def _links(text: str) -> Iterator[tuple[int, int, str, str]]:
    """From where to where each goes, to what, and in which words if it is to become a whole link."""
    for link in _LINK.finditer(text):
        if not link["image"] and not _ELSEWHERE.match(link["to"]):
            yield *link.span("to"), link["to"], ""
    for tag in _TAG_LINK.finditer(text):
        yield *tag.span(), tag["jekyll"] or tag["hugo"], ""
    for whole in _WHOLE_LINK.finditer(text):
        to = whole["hexo"] or whole["wiki"].strip()
        yield *whole.span(), to, (whole["words"] or whole["shown"] or to).strip()


def without_comments(body: str) -> str:
    """Obsidian's, `%%such%%`, which its readers don't see, as HTML's."""
    if "%%" not in body:
        return body
    places = [comment.span(1) for comment in _COMMENT.finditer(prose(body))]
    return _replaced(body, [(s - 2, e + 2, f"<!--%{body[s:e].replace('--', '- -')}%-->") for s, e in places])


def language_of(below: str) -> str:
    """`fr` of harbour.fr.md, as Hugo names translations; empty for none."""
    suffix = _LANGUAGE.search(stem(below))
    return suffix[1] if suffix else ""


def candidates(below: str, to: str) -> Iterator[str]:
    """Paths of files, without suffix, that a link in the file at `below` may mean; the nearest first."""
    path = path_in(to)
    if not path:
        return
    folder = posixpath.dirname(below)
    if path.startswith("@/"):  # Zola's, from the folder of all content
        path = path[1:]
    # Beside the file, below its folder's, as its page's address is a folder of its own, from the root.
    bases = (folder, posixpath.dirname(folder), stem(below), "", "_posts")
    for base in ("", "content") if path.startswith("/") else bases:
        joined = posixpath.normpath(posixpath.join(base, path.lstrip("/")))
        if not joined.startswith(".."):
            yield stem(joined)
    if "/" not in path:
        yield _anywhere(path)


def keys(below: str) -> tuple[str, str]:
    """By which links know the file at `below`: its stem, and its bare name."""
    return stem(below), _anywhere(stem(below).rpartition("/")[2])


def _anywhere(name: str) -> str:
    return f"*/{_MARKDOWN.sub('', name).lower()}"


def stem(path: str) -> str:
    """A file's path by which links know it: without suffix, and a folder's for its index."""
    bare = _MARKDOWN.sub("", path)
    return re.sub(r"(^|/)_?index$", "", bare).rstrip("/") or bare
