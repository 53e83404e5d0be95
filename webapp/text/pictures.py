"""The site's own pictures in a text: `![alt](/media/0123456789abcdef "caption")` becomes a figure with its variants.

This goes behind the cleaner, over HTML that is clean; what it puts in is escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from html import escape, unescape
from typing import NamedTuple

_NAME = re.compile(r"/media/([0-9a-f]{16})(?![0-9a-f])")
_SRC = re.compile(r"/media/([0-9a-f]{16})")
# In cleaned HTML attributes are in double quotes, and an image has no other inside.
_IMAGE = r'<img(?: [^ ="]+="[^"]*")*>'
_ATTRIBUTE = re.compile(r' ([^ ="]+)="([^"]*)"')
_ALONE = re.compile(rf"<summary\b.*?</summary>|<p(?: dir=\"auto\")?>({_IMAGE}(?:(?:\s|<br>)*{_IMAGE})*)</p>", re.DOTALL)
_PARAGRAPH = re.compile(r"</?p\b[^>]*>")
_EACH = re.compile(_IMAGE)
_WITHIN = re.compile(rf'(<picture>(?:\s*<source(?: [^ ="]+="[^"]*")*>)*\s*)?({_IMAGE})')
# The width of a text's column, as in static/css/base.css.
SIZES = "(min-width: 44rem) 36rem, 100vw"


class Picture(NamedTuple):
    """A picture as texts show it: its size in pixels; `widths` of its variants, the smallest first, and `fallback`,
    their type for browsers without WebP (webp for an animation). The words are as they were typed; `ground` is its
    average colour, such as #a1b2c3."""

    name: str
    width: int
    height: int
    widths: tuple[int, ...]
    fallback: str
    ground: str
    alt: str
    caption: str
    credit: str

    def path(self, width: int, ending: str = "webp") -> str:
        return f"/media/{self.name}-{width}.{ending}"

    @property
    def middle(self) -> int:
        """The width of the file that a browser gets which knows no `srcset`."""
        return self.widths[:2][-1]

    @property
    def shared(self) -> tuple[int, str]:
        """Width and type of the file for those who link to a page: no larger than 1,600 px, and no WebP where it is not
        an animation, since not all of them know that."""
        return max((each for each in self.widths if each <= SHARED_WIDTH), default=self.widths[0]), self.fallback

    def height_of(self, width: int) -> int:
        return max(1, round(self.height * width / self.width))


SHARED_WIDTH = 1_600
Lookup = Callable[[Collection[str]], Mapping[str, Picture]]


def no_pictures(_names: Collection[str]) -> Mapping[str, Picture]:
    return {}


def names(text: str) -> list[str]:
    """The names of all pictures that Markdown or HTML speaks of, each once, in their order."""
    return list(dict.fromkeys(_NAME.findall(text)))


def placed(html: str, lookup: Lookup) -> str:
    """Cleaned HTML with the site's pictures in place. One that the site doesn't have leaves its alt text."""
    found = names(html)
    if not found:
        return html
    known = lookup(found)

    def alone(match: re.Match[str]) -> str:
        if match[1] is None:  # a tap on a summary is to open it, and no paragraph may stand there
            return _PARAGRAPH.sub("", match[0])
        images = [_attributes(each[0]) for each in _EACH.finditer(match[1])]
        pictures = [(known.get(_name(image)), image) for image in images]
        if not any(picture or not _name(image) or image.get("alt") for picture, image in pictures):
            return ""  # all of them are gone, and said nothing
        if not all(picture for picture, _image in pictures):
            return match[0]
        return "".join(_figure(picture, image) for picture, image in pictures if picture)

    def within(match: re.Match[str]) -> str:
        own, image = match[1] or "", _attributes(match[2])
        name = _name(image)
        if not name:
            return match[0]
        picture = known.get(name)
        if picture is None:
            return own + escape(image.get("alt", ""), quote=False)
        return own + _image(picture, image) if own else _element(picture, image)

    # What `alone` has put in names the variants, and is no picture's own address.
    return _WITHIN.sub(within, _ALONE.sub(alone, html))


def with_first(html: str) -> str:
    """The HTML of a page's beginning, whose first picture isn't loaded lazily: it is in view, or nearly so."""
    return html.replace(' loading="lazy" decoding="async"', ' decoding="async"', 1)


def _attributes(image: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(image)}


def _name(image: Mapping[str, str]) -> str:
    match = _SRC.fullmatch(image.get("src", ""))
    return match[1] if match else ""


def _figure(picture: Picture, image: Mapping[str, str]) -> str:
    caption = image.get("title") or picture.caption
    words = [escape(caption, quote=False)] if caption else []
    if picture.credit:
        words.append(f'<small class="picture__credit">{escape(picture.credit, quote=False)}</small>')
    below = f'<figcaption dir="auto">{" · ".join(words)}</figcaption>' if words else ""
    width = picture.widths[-1]
    # A link wants a name; in no language, as a text may be in any.
    label = caption or f"{width} × {picture.height_of(width)}"
    name = "" if _alt(picture, image) else f' aria-label="{escape(label)}"'
    link = f'<a href="{picture.path(width)}"{name}>{_element(picture, image)}</a>'
    return f'<figure class="picture">{link}{below}</figure>'


def _alt(picture: Picture, image: Mapping[str, str]) -> str:
    return image.get("alt") or picture.alt


def _image(picture: Picture, image: Mapping[str, str]) -> str:
    middle = picture.middle
    size = f'width="{middle}" height="{picture.height_of(middle)}"'
    src, alt = picture.path(middle, picture.fallback), escape(_alt(picture, image))
    return f'<img src="{src}" alt="{alt}" {size} loading="lazy" decoding="async" data-ground="{picture.ground}">'


def _element(picture: Picture, image: Mapping[str, str]) -> str:
    shown = _image(picture, image)
    if picture.fallback == "webp":
        return shown
    sources = ", ".join(f"{picture.path(width)} {width}w" for width in picture.widths)
    return f'<picture><source type="image/webp" srcset="{sources}" sizes="{SIZES}">{shown}</picture>'
