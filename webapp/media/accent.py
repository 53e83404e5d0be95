"""A site's accent colour: two shades of it, one to read by day and one by night."""

from __future__ import annotations

import colorsys
from itertools import count

# Twins of --paper and --paper-2 in static/css/base.css, by day and by night.
DAY = ("#fcfbf8", "#f3f1ea")
NIGHT = ("#15171a", "#1f2226")
# Source: WCAG 2.2, 1.4.6, for text of any size.
CONTRAST = 7.0
_STEP = 0.01


def stylesheet(accent: str) -> str:
    """What base.css takes the accent from."""
    day, night = readable(accent, DAY), readable(accent, NIGHT)
    return (
        f":root {{ --brand: {day}; }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ --brand: {night}; }} }}\n"
    )


def readable(colour: str, grounds: tuple[str, ...]) -> str:
    """The colour, or the shade of its hue nearest to it that keeps CONTRAST on all of these grounds."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(colour))
    step = _STEP if luminance(grounds[0]) < luminance("#777777") else -_STEP
    for steps in count():
        shade = colour if not steps else _hex(hue, min(max(lightness + steps * step, 0.0), 1.0), saturation)
        if all(contrast(shade, ground) >= CONTRAST for ground in grounds):
            return shade
    raise AssertionError("black and white have the contrast")


def contrast(one: str, other: str) -> float:
    """From 1 to 21. Source: WCAG 2.2, contrast ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red / 255, green / 255, blue / 255


def _hex(hue: float, lightness: float, saturation: float) -> str:
    return "#" + bytes(round(c * 255) for c in colorsys.hls_to_rgb(hue, lightness, saturation)).hex()
