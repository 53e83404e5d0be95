"""Pictures as cameras and programs make them, drawn here."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any
from uuid import uuid4

from PIL import Image, ImageDraw

from support.persons import Person

PIECE_BYTES = 512 * 1024


def drawn(width: int = 640, height: int = 400, mode: str = "RGB", seed: int = 1) -> Image.Image:
    """A picture with edges and colours, another for each seed; RGBA ones are see-through at the left."""
    chance = random.Random(seed)  # noqa: S311
    image = Image.new("RGB", (width, height), _colour(chance))
    brush = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = chance.randrange(width), chance.randrange(height)
        brush.ellipse((left, top, left + width // 4, top + height // 4), fill=_colour(chance))
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").rotate(90).resize((width, height)))
    return image.convert(mode)


def _colour(chance: random.Random) -> tuple[int, int, int]:
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)


def file_of(image: Image.Image, kind: str = "JPEG", **how: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def photo(width: int = 640, height: int = 400, seed: int = 1, **how: Any) -> bytes:
    return file_of(drawn(width, height, seed=seed), **how)


def as_camera(width: int = 640, height: int = 400, orientation: int = 1, seed: int = 1) -> bytes:
    """With all that a phone writes into it: where, when and by what it was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Secretphone", orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 1.0), 3: "E", 4: (13.0, 24.0, 2.0)})
    return photo(width, height, seed, exif=exif, comment=b"Secretcomment")


def animation(frames: int = 3, width: int = 40, height: int = 30, kind: str = "GIF", **how: Any) -> bytes:
    first, *more = [drawn(width, height, seed=seed) for seed in range(frames)]
    return file_of(first, kind, save_all=True, append_images=more, duration=50, loop=0, **how)


def send(person: Person, content: bytes, name: str = "derby.jpg", upload: str = "", piece: int = PIECE_BYTES) -> Any:
    """By pieces, as the script does; the last answer."""
    upload = upload or str(uuid4())
    answer = None
    for offset in range(0, max(len(content), 1), piece):
        answer = send_piece(person, upload, offset, content[offset : offset + piece], len(content), name=name)
        if answer.status_code >= 400:
            break
    return answer


def send_piece(person: Person, upload: str, offset: int, piece: bytes, size: int, *, name: str = "derby.jpg") -> Any:
    body, kind = multipart(person.csrf_token(), piece, size, name)
    headers = {"Accept": "application/json", "Content-Type": kind}
    return person.client.post(f"/desk/media/{upload}/{offset}", data=body, headers=headers)


def multipart(token: str, piece: bytes, size: int, name: str = "derby.jpg") -> tuple[bytes, str]:
    """The form of a piece, and its type. The test client would leave a file open for a larger one."""
    fields = {"csrf_token": token, "size": size, "file_name": name}
    parts = [f'name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    parts.append(b'name="piece"; filename="piece"\r\n\r\n' + piece)
    body = b"".join(b"--derby\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
    return body + b"--derby--\r\n", "multipart/form-data; boundary=derby"
