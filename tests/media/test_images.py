"""How large an image is, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pictures import CONTENT, ICO, PNG, SVG, WEBP
from webapp.media import images

LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (99 | 49 << 14).to_bytes(4, "little") + b"\0" * 5


@pytest.mark.parametrize(
    ("ending", "content", "size"),
    [
        (".png", PNG, (64, 32)),
        (".ico", ICO, (32, 256)),
        (".webp", WEBP, (100, 50)),
        (".webp", LOSSLESS, (100, 50)),
        (".svg", SVG.encode(), (1000, 250)),
        (".svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="120px" height="30.4"/>', (120, 30)),
        (
            ".svg",
            b'<svg xmlns="http://www.w3.org/2000/svg" width="100%" viewBox="0,0,1,.5"/>',
            (1000, 500),
        ),
        (".svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', images.UNSAID),
    ],
)
def test_it_knows_how_large_an_image_is(ending: str, content: bytes, size: tuple[int, int]) -> None:
    assert images.size(ending, content) == size


NO_IMAGES = [b"", b"PNG", b"<html></html>", b"<svg/>", SVG.encode()[:-3], PNG[:17], WEBP[:20], ICO[:5], b"\xff" * 40]
NO_IMAGES += [b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 0 0"/>', PNG[:16] + b"\0" * 8]
NO_IMAGES += [b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 nan 1"/>']
NO_IMAGES += [b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 inf"/>']


@pytest.mark.parametrize("ending", CONTENT)
@pytest.mark.parametrize("content", NO_IMAGES)
def test_what_is_no_image_has_no_size(ending: str, content: bytes) -> None:
    assert images.size(ending, content) is None
    assert images.size(ending, CONTENT[ending])


@pytest.mark.parametrize("ending", CONTENT)
@given(content=st.binary(max_size=40))
def test_no_bytes_stop_it(ending: str, content: bytes) -> None:
    for beginning in (b"", CONTENT[ending][:16], CONTENT[ending][:-1]):
        size = images.size(ending, beginning + content)
        assert size is None or min(size) > 0
