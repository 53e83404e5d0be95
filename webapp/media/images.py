"""What kind of image a file's content is, and how large: as much as a page must know to keep its room."""

from __future__ import annotations

import re
from xml.etree import ElementTree

# By the file's ending. Twins in deploy/mime.types.
TYPES = {
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
}
SVG = "{http://www.w3.org/2000/svg}svg"
# Source: CSS Images 3, default object size: an SVG that doesn't say.
UNSAID = (300, 150)
_LENGTH = re.compile(r"\s*(\d*\.?\d+)(?:px)?\s*")


def size(ending: str, content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, at least 1; None for what isn't such an image."""
    read = {".svg": _svg, ".webp": _webp, ".png": _png, ".jpg": _jpg, ".ico": _ico}[ending]
    try:
        width, height = read(content) or (0, 0)
    except (ElementTree.ParseError, ArithmeticError, LookupError, ValueError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _svg(content: bytes) -> tuple[int, int] | None:
    root = ElementTree.fromstring(content)  # noqa: S314  the operator's own file
    if root.tag != SVG:  # without its namespace browsers show nothing
        return None
    sides = [_LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height")]
    if sides[0] and sides[1]:
        return round(float(sides[0][1])), round(float(sides[1][1]))
    box = root.get("viewBox", "").replace(",", " ").split()
    if len(box) != 4:
        return UNSAID
    width, height = float(box[2]), float(box[3])
    # An image's attributes are whole numbers, and a box may be 1 by 0.3.
    return round(width * 1000 / max(width, height)), round(height * 1000 / max(width, height))


def _png(content: bytes) -> tuple[int, int] | None:
    """Source: PNG (third edition), 11.2.1."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or content[12:16] != b"IHDR" or len(content) < 24:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _jpg(content: bytes) -> tuple[int, int] | None:
    """Of its frame header. Source: ITU-T T.81, B.1.1 and B.2.2."""
    at = 2 if content[:2] == b"\xff\xd8" else len(content)
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(content[at + 7 : at + 9]), int.from_bytes(content[at + 5 : at + 7])
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return None


def _webp(content: bytes) -> tuple[int, int] | None:
    """Source: RFC 9649, 2.5 to 2.7."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    if content[12:16] == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if content[12:16] == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(content[26:28], "little") & 0x3FFF, int.from_bytes(content[28:30], "little") & 0x3FFF


def _ico(content: bytes) -> tuple[int, int] | None:
    """Of its first picture; 0 stands for 256. Source: ICONDIR and ICONDIRENTRY, as Windows writes them."""
    if content[:4] != b"\0\0\1\0":
        return None
    return content[6] or 256, content[7] or 256
