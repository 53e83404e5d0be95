"""The smallest images of every kind."""

from __future__ import annotations

SHAPE = '<path d="M8 52 30 8l22 44z" fill="#7a1fa2"/>'
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 60">{SHAPE}</svg>'
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (64).to_bytes(4) + (32).to_bytes(4) + b"\x08\x06\0\0\0"
ICO = b"\0\0\1\0\1\0" + bytes([32, 0]) + b"\0" * 14
WEBP = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + (99).to_bytes(3, "little") + (49).to_bytes(3, "little")
CONTENT = {".svg": SVG.encode(), ".png": PNG, ".webp": WEBP, ".ico": ICO}
