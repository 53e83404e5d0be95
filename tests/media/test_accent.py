"""The accent colour: can be read by day and by night, whatever was chosen."""

from __future__ import annotations

import colorsys
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.checkout import CHECKOUT
from webapp.media import accent as colour

HEX = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize("grounds", [colour.DAY, colour.NIGHT])
@given(accent=HEX)
def test_every_accent_can_be_read_by_day_and_by_night(grounds: tuple[str, ...], accent: str) -> None:
    shade = colour.readable(accent, grounds)
    assert all(colour.contrast(shade, ground) >= 7 for ground in grounds)
    if all(colour.contrast(accent, ground) >= 7 for ground in grounds):
        assert shade == accent


@given(accent=HEX)
def test_a_shade_is_of_the_same_hue(accent: str) -> None:
    for grounds in (colour.DAY, colour.NIGHT):
        (hue, light, _), (other, shade_light, strength) = (
            colorsys.rgb_to_hls(*(c / 255 for c in bytes.fromhex(found[1:])))
            for found in (accent, colour.readable(accent, grounds))
        )
        if 0.1 < light < 0.9 and 0.1 < shade_light < 0.9 and strength > 0.3:  # near grey a hue is a matter of rounding
            assert min(abs(hue - other), 1 - abs(hue - other)) < 0.03


def test_contrast_is_what_wcag_says() -> None:
    assert colour.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colour.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_grounds_are_those_of_the_pages() -> None:
    sheet = CHECKOUT / "static" / "css" / "base.css"
    values = re.findall(r"--paper(?:-2)?: (#[0-9a-f]{6});", sheet.read_text())
    assert tuple(values) == colour.DAY + colour.NIGHT
