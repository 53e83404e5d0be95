"""The demos' pictures: each drawing is in one of the scripts, and is the same picture every time."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from webapp import demo
from webapp.demo.drawings import DRAWINGS


def test_the_scripts_name_each_drawing_once() -> None:
    scripts = [demo.script(language) for language in ("en", "zh")]
    named = [part["picture"] for script in scripts for part in (script, *script["steps"]) if "picture" in part]
    assert sorted(named) == sorted(DRAWINGS)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_a_small_file_and_the_same_again(name: str) -> None:
    drawn = DRAWINGS[name]()
    assert drawn == DRAWINGS[name]()
    assert len(drawn) < 500_000
    with Image.open(BytesIO(drawn)) as image:
        assert (image.format, image.size) == ("JPEG", (1600, 1000))
        assert len(set(image.resize((16, 10)).get_flattened_data())) > 60, "it isn't one plain colour"
