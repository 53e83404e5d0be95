"""Decodes a picture and makes its variants, in a process of its own, which a hostile file may end.

    python -I decoder.py JOB < FILE

JOB is JSON: `folder`, where the variants go; `name`, with which their names begin; `type`, a key of FORMATS; `files`,
pairs of a width in pixels and an ending, or null for those that readers meet first; `max_pixels`. It answers in one
line of JSON, as `variants.Decoded` has it, or {"error": REASON}. It imports Pillow and nothing of the site, so that it
starts in 0.04 s.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a worker asks for `widths` alone, and has no use for Pillow
    from PIL.Image import Image as Picture

FORMATS = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "avif": "AVIF"}
WIDTHS = (480, 960, 1600, 2400)
ANIMATED_WIDTH = 960
MAX_ANIMATED_PIXELS = 30_000_000  # over all frames
MAX_SIDE = 16_383  # of a WebP image. Source: RFC 9649, 2.7
MEMORY_BYTES = 768 * 1024 * 1024  # an RGBA image of 60 megapixels needs 572 MB
CPU_SECONDS = 10
FILE_BYTES = 64 * 1024 * 1024
ORIENTATION = 0x0112
# Source: Exif 2.3, table 6; the values of PIL.Image.Transpose.
FLIPPED, UPSIDE_DOWN, MIRRORED, TRANSPOSED, LEFT, TRANSVERSED, RIGHT = 0, 3, 1, 5, 4, 6, 2
TURNED = {2: FLIPPED, 3: UPSIDE_DOWN, 4: MIRRORED, 5: TRANSPOSED, 6: LEFT, 7: TRANSVERSED, 8: RIGHT}
ON_ITS_SIDE = (5, 6, 7, 8)


class Refused(Exception):
    """The reason, a key of variants.REASONS."""


def widths(width: int, height: int) -> list[int]:
    """Of the variants of a picture, the smallest first; never more than its own."""
    own = min(width, WIDTHS[-1])
    return [
        each for each in [*(each for each in WIDTHS if each < own), own] if scaled(width, height, each)[1] <= MAX_SIDE
    ]


def scaled(width: int, height: int, to: int) -> tuple[int, int]:
    return to, max(1, round(height * to / width))


def main() -> None:
    job = json.loads(sys.argv[1])
    _limit()
    try:
        answer = _decode(job)
    except Refused as reason:
        answer = {"error": str(reason)}
    except MemoryError:
        answer = {"error": "memory"}
    except OSError as error:
        answer = {"error": "disk" if error.errno == errno.ENOSPC else "broken", "detail": str(error)[:200]}
    except Exception as error:
        answer = {"error": "broken", "detail": f"{type(error).__name__}: {error}"[:200]}
    print(json.dumps(answer))


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)


def _decode(job: dict[str, Any]) -> dict[str, Any]:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the job's bound counts
    with Image.open(sys.stdin.buffer, formats=[FORMATS[job["type"]]]) as image:
        if image.width * image.height > job["max_pixels"]:
            raise Refused("pixels")
        orientation = _orientation(image)
        is_on_its_side = orientation in ON_ITS_SIDE
        width, height = (image.height, image.width) if is_on_its_side else image.size
        sizes = widths(width, height)
        if not sizes:
            raise Refused("shape")
        folder, name = Path(job["folder"]), job["name"]
        frames = getattr(image, "n_frames", 1) if getattr(image, "is_animated", False) else 1
        answer = {"width": width, "height": height, "frames": frames}
        if frames > 1:
            return answer | _animated(image, folder, name, sizes)
        files = job["files"]
        needed = max(to for to, _ending in files) if files else sizes[:2][-1]
        at_least = scaled(width, height, needed)
        image.draft("RGB", at_least[::-1] if is_on_its_side else at_least)
        picture = _plain(_reduced(image, at_least[::-1] if is_on_its_side else at_least))
    if orientation in TURNED:
        picture = picture.transpose(Image.Transpose(TURNED[orientation]))
    fallback = "png" if picture.mode == "RGBA" else "jpg"
    if not files:
        files = [*((to, "webp") for to in sizes[:2]), (sizes[:2][-1], fallback)]
    made = []
    for to in sorted({to for to, _ending in files}, reverse=True):
        picture = picture.resize(scaled(width, height, to), Image.Resampling.LANCZOS, reducing_gap=3.0)
        for ending in (ending for at, ending in files if at == to):
            made.append(f"{name}-{to}.{ending}")
            _save(picture, folder / made[-1], ending)
    return answer | {"fallback": fallback, "ground": _ground(picture), "files": made}


def _orientation(image: Picture) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def _reduced(image: Picture, at_least: tuple[int, int]) -> Picture:
    """By whole factors and no further than to twice that, for which nothing is lost by the filter that follows."""
    image.load()
    factor = min(image.width // (2 * at_least[0]), image.height // (2 * at_least[1]))
    is_plain = image.mode in ("RGB", "RGBA", "L") and factor > 1
    profile = image.info.get("icc_profile")
    reduced = image.reduce(factor) if is_plain else image
    if profile:
        reduced.info["icc_profile"] = profile
    return reduced


def _plain(image: Picture) -> Picture:
    """In RGB, or RGBA where something shows through; the colours in sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16 bits
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        if alpha.getextrema()[0] == 255:
            return _in_srgb(image.convert("RGB"), profile)
        opaque = _in_srgb(image.convert("RGB"), profile)
        opaque.putalpha(alpha)
        return opaque
    return _in_srgb(image, profile)


def _in_srgb(image: Picture, profile: bytes | None) -> Picture:
    from PIL import ImageCms

    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            its_own = ImageCms.ImageCmsProfile(BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(its_own):
                srgb = ImageCms.createProfile("sRGB")
                turned = ImageCms.profileToProfile(image, its_own, srgb, outputMode="RGB")
                if turned is not None:
                    return turned
    return image.convert("RGB")


def _animated(image: Picture, folder: Path, name: str, sizes: list[int]) -> dict[str, Any]:
    from PIL import Image, ImageSequence

    frames = getattr(image, "n_frames", 1)
    if image.width * image.height * frames > MAX_ANIMATED_PIXELS:
        raise Refused("frames")
    to = max(each for each in sizes if each <= ANIMATED_WIDTH) if sizes[0] <= ANIMATED_WIDTH else sizes[0]
    durations: list[int] = []
    loop = int(image.info.get("loop", 1) if image.format == "GIF" else image.info.get("loop", 0))
    size = scaled(*image.size, to)

    def small() -> Iterator[Image.Image]:
        for frame in ImageSequence.Iterator(image):
            durations.append(max(20, int(frame.info.get("duration", 100) or 100)))
            yield frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)

    first, *more = small()
    file = f"{name}-{to}.webp"
    how: dict[str, Any] = {"duration": durations, "loop": loop, "quality": 75, "method": 2}
    first.save(folder / file, "WEBP", save_all=True, append_images=more, **how)
    return {"fallback": "webp", "ground": _ground(first), "files": [file]}


def _save(picture: Picture, path: Path, ending: str) -> None:
    """Without what the file said about itself: no place, no camera, no profile."""
    picture.info = {}
    if ending == "webp":
        picture.save(path, "WEBP", quality=80, method=3)
    elif ending == "png":
        picture.save(path, "PNG", compress_level=6)
    else:
        picture.convert("RGB").save(path, "JPEG", quality=82, optimize=True, progressive=True)


def _ground(picture: Picture) -> str:
    """Its average colour; behind a transparent one, which it stays behind, the lighter or darker of two."""
    from PIL import Image

    *pixel, opacity = picture.convert("RGBA").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # type: ignore[misc]
    if opacity < 255:
        return "#ffffff" if sum(pixel) < 3 * 128 else "#1a1a1a"
    return "#{:02x}{:02x}{:02x}".format(*pixel)


if __name__ == "__main__":
    main()
