"""Files that decoders have stumbled over, and why each is refused; None for those that are pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

from PIL import Image, ImageCms

from support.photos import animation, as_camera, drawn, file_of, photo

Case = tuple[str, bytes, str | None]


def cases() -> Iterator[Case]:
    yield from _no_pictures()
    yield from _cut_short()
    yield from _huge()
    yield from _animations()
    yield from _polyglots()
    yield from _unusual_but_right()


def _no_pictures() -> Iterator[Case]:
    yield "nothing", b"", "empty"
    yield "one byte", b"\xff", "unknown"
    yield "text", b"GIF of a cat", "unknown"
    yield "html", b"<!doctype html><script>alert(1)</script>", "unknown"
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "svg"
    yield "svg behind a mark", b"\xef\xbb\xbf\n <?xml version='1.0'?><svg/>", "svg"
    yield "pdf", b"%PDF-1.7\n", "unknown"
    yield "zip", b"PK\3\4" + b"\0" * 60, "unknown"
    yield "tiff", file_of(drawn(), "TIFF"), "unknown"
    yield "bmp", file_of(drawn(), "BMP"), "unknown"
    yield "ico", file_of(drawn(32, 32), "ICO"), "unknown"
    yield "postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unknown"
    yield "heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40, "heic"
    yield "heic of a burst", b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc" + b"\0" * 40, "heic"
    yield "mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + b"\0" * 40, "unknown"
    yield "only a head of jpeg", b"\xff\xd8\xff\xe0", "broken"
    yield "only a head of png", b"\x89PNG\r\n\x1a\n", "broken"
    yield "only a head of gif", b"GIF89a", "broken"
    yield "only a head of webp", b"RIFF\x10\0\0\0WEBPVP8 ", "broken"
    yield "only a head of avif", b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "broken"


def _cut_short() -> Iterator[Case]:
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF"):
        whole = file_of(drawn(300, 200), kind)
        yield f"half a {kind}", whole[: len(whole) // 2], "broken"
    whole = bytearray(file_of(drawn(300, 200), "PNG"))
    whole[len(whole) // 2] ^= 0x55
    yield "a png with a wrong checksum", bytes(whole), None  # decoders show what they can
    yield "a jpeg without its end", photo()[:-2], "broken"


def _huge() -> Iterator[Case]:
    yield "a png of 60,000 by 60,000", _png_head(60_000, 60_000), "pixels"
    yield "a png of 2 billion columns", _png_head(2**31 - 1, 1), "pixels"
    yield "a png bomb", _png_of_zeros(7_900, 7_900), "pixels"
    yield "a jpeg of 65,500 by 65,500", _jpeg_of_size(65_500, 65_500), "pixels"
    yield "a gif of 65,535 by 65,535", b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";", "broken"
    yield "a webp of 16,383 by 16,383", _webp_head(), "broken"
    yield "a line of 1 by 40,000", file_of(Image.new("L", (1, 40_000)), "PNG"), "shape"
    yield "one pixel", file_of(Image.new("RGB", (1, 1)), "PNG"), None
    text = zlib.compress(b"x" * 60_000_000)
    yield "a png whose comment is a bomb", _with_chunk(b"zTXt", b"Comment\0\0" + text), "broken"
    yield "a png whose profile is a bomb", _with_chunk(b"iCCP", b"sRGB\0\0" + text), "broken"


def _animations() -> Iterator[Case]:
    yield "10,000 frames", _gif(10_000, 1, 1), "animation"
    yield "frames of 31 megapixels in all", _gif(31, 1_000, 1_000), "frames"
    yield "a gif whose frames lie outside", _gif(2, 10, 10, at=60_000), "pixels"
    yield "an animated webp", animation(3, kind="WEBP"), "animation"
    yield "an animated png", animation(3, kind="PNG"), "animation"


def _polyglots() -> Iterator[Case]:
    yield "a gif that is a script", b"GIF89a/*" + file_of(drawn(20, 20), "GIF")[8:] + b"*/=1;alert(1)", None
    yield "a jpeg with html behind it", photo() + b"<script>alert(1)</script>", None
    yield "a jpeg with a zip behind it", photo() + b"PK\3\4" + b"\0" * 100, None
    yield "a png with php in a comment", _with_chunk(b"tEXt", b"Comment\0<?php system($_GET[0]); ?>"), None
    yield "a jpeg that says it is a png in its name", photo(), None
    yield "a jpeg whose exif is nonsense", photo(exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 100), None
    yield "a jpeg whose profile is nonsense", photo(icc_profile=b"\0" * 500), None


def _unusual_but_right() -> Iterator[Case]:
    yield "cmyk", file_of(drawn().convert("CMYK"), "JPEG"), None
    yield "grey", file_of(drawn(mode="L"), "JPEG"), None
    yield "16 bits", file_of(Image.new("I;16", (60, 40), 40_000), "PNG"), None
    yield "black and white", file_of(drawn(mode="1"), "PNG"), None
    yield "a palette", file_of(drawn().convert("P"), "PNG"), None
    yield "a palette, see-through", file_of(drawn().convert("P"), "PNG", transparency=3), None
    yield "grey, see-through", file_of(drawn(mode="RGBA").convert("LA"), "PNG"), None
    yield "progressive", photo(progressive=True), None
    yield "avif", file_of(drawn(), "AVIF"), None
    yield "lossless webp", file_of(drawn(mode="RGBA"), "WEBP", lossless=True), None
    yield "another profile", photo(icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()), None
    for orientation in range(10):
        yield f"turned {orientation}", as_camera(300, 200, orientation), None


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png_head(width: int, height: int, rest: bytes = b"") -> bytes:
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size) + rest + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")


def _png_of_zeros(width: int, height: int) -> bytes:
    size = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    packer, packed = zlib.compressobj(9), b""
    for _ in range(height):
        packed += packer.compress(b"\0" * (4 * width + 1))
    packed += packer.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _with_chunk(kind: bytes, content: bytes) -> bytes:
    whole = file_of(drawn(60, 40), "PNG")
    return whole[:33] + _chunk(kind, content) + whole[33:]


def _jpeg_of_size(width: int, height: int) -> bytes:
    whole = bytearray(photo(64, 64))
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(whole)


def _webp_head() -> bytes:
    whole = bytearray(file_of(drawn(64, 64), "WEBP"))
    at = whole.index(b"\x9d\x01\x2a")
    whole[at + 3 : at + 7] = struct.pack("<HH", 16_383, 16_383)
    return bytes(whole)


def _gif(frames: int, width: int, height: int, at: int = 0) -> bytes:
    file = BytesIO()
    file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff")
    for _ in range(frames):
        file.write(
            b"\x21\xf9\4\0\5\0\0\0" + b"," + struct.pack("<HHHHB", at, at, width if at else 1, height if at else 1, 0)
        )
        file.write(b"\2\2\x44\1\0")
    file.write(b";")
    return file.getvalue()
