"""Flat shapes before a sky, and water that shows them again: what drawings are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageOps

WIDTH, HEIGHT = 1_600, 1_000
_FINER = 2  # drawn so much larger, and scaled down for smooth edges
Point = tuple[float, float]


class Canvas:
    """WIDTH × HEIGHT points from the upper left. Colours are #rrggbb, or #rrggbbaa for what shows through.

    sky: its colour at the top, halfway and at the bottom. random: the same for each `seed`, so that a drawing is the
    same picture every time.
    """

    def __init__(self, *sky: str, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311
        top, middle, bottom = sky
        fall = Image.linear_gradient("L").resize((WIDTH * _FINER, HEIGHT * _FINER))
        self._image = ImageOps.colorize(fall, top, bottom, middle)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._origin, self._scale = (0.0, 0.0), float(_FINER)

    @contextmanager
    def at(self, x: float, y: float, size: float = 1) -> Iterator[None]:
        """Inside, points are counted from here, and everything is `size` times as large."""
        before = self._origin, self._scale
        self._origin, self._scale = self._pixel((x, y)), self._scale * size
        try:
            yield
        finally:
            self._origin, self._scale = before

    def shape(self, colour: str, *points: Point) -> None:
        self._draw.polygon([self._pixel(point) for point in points], colour)

    def line(self, colour: str, width: float, *points: Point) -> None:
        self._draw.line([self._pixel(point) for point in points], colour, round(width * self._scale), "curve")

    def disc(self, colour: str, x: float, y: float, radius: float, height: float | None = None) -> None:
        """height: its other radius, for an ellipse."""
        tall = radius if height is None else height
        self._draw.ellipse([self._pixel((x - radius, y - tall)), self._pixel((x + radius, y + tall))], colour)

    def box(self, colour: str, x: float, y: float, width: float, height: float, *, corner: float = 0) -> None:
        corners = [self._pixel((x, y)), self._pixel((x + width, y + height))]
        self._draw.rounded_rectangle(corners, corner * self._scale, colour)

    def cut(self, colour: str, points: Sequence[Point], holes: Sequence[tuple[float, float, float, float]]) -> None:
        """A shape with elliptical holes: x and y of each one's middle, and its two radii."""
        mask = Image.new("L", self._image.size)
        draw = ImageDraw.Draw(mask)
        draw.polygon([self._pixel(point) for point in points], 255)
        for x, y, wide, tall in holes:
            draw.ellipse([self._pixel((x - wide, y - tall)), self._pixel((x + wide, y + tall))], 0)
        self._image.paste(colour, mask=mask)

    def glow(self, colour: str, x: float, y: float, radius: float, strength: float = 1) -> None:
        """A light; strength: from 0 to 1."""
        left, top = self._pixel((x - radius, y - radius))
        side = round(2 * radius * self._scale)
        # Pillow's gradient is 181 in the middle of each side.
        mask = Image.radial_gradient("L").point(lambda far: max(0, 1 - far / 181) ** 2 * 255 * strength)
        self._image.paste(colour, (round(left), round(top)), mask.resize((side, side)))

    def hills(self, colour: str, base: float, height: float, length: float, shift: float) -> None:
        """A range from edge to edge; length: of its waves, in points."""
        tops = [(x, base - height * _wave(x / length + shift)) for x in range(0, WIDTH + 1, 8)]
        self.shape(colour, (0, HEIGHT), *tops, (WIDTH, HEIGHT))

    def water(self, level: float, colour: str, calm: float) -> None:
        """Below `level`, all that is above it upside down, and darker the nearer.

        level: from half of HEIGHT; calm: 1 has waves, 4 hardly any.
        """
        top, bottom = round(level * _FINER), HEIGHT * _FINER
        above = ImageOps.flip(self._image.crop((0, 2 * top - bottom, self._image.width, top)))
        self._image.paste(above, (0, top))
        for row in range(0, bottom - top, _FINER):
            near = row / (bottom - top)
            shift = math.sin(row / (5 + 26 * near)) * (2 + 22 * near) * _FINER / calm
            self._image.paste(above.crop((0, row, above.width, row + _FINER)), (round(shift), top + row))
        fall = Image.linear_gradient("L").point(lambda level: 70 + level * 0.6)
        self._image.paste(colour, (0, top), fall.resize((self._image.width, bottom - top)))

    def glints(self, colour: str, level: float, count: int, x: float = WIDTH / 2, spread: float = WIDTH) -> None:
        """Light on the water below `level`, around `x`: shorter and closer together further away."""
        for _ in range(count):
            near = self.random.random() ** 2
            length = (8 + 70 * near) * self.random.uniform(0.4, 1)
            middle = self.random.gauss(x, spread / 4 * (0.5 + near))
            self.disc(colour, middle, level + 4 + near * (HEIGHT - level), length, 0.8 + 2 * near)

    def rain(self, colour: str, count: int, slant: float) -> None:
        for _ in range(count):
            x, y = self.random.uniform(-100, WIDTH + 100), self.random.uniform(-60, HEIGHT)
            long = self.random.uniform(16, 60)
            self.line(colour, 1 if long < 40 else 1.5, (x, y), (x - long * slant, y + long))

    def jpeg(self) -> bytes:
        """With a little grain, as of film, in which no band shows."""
        image = self._image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        noise = Image.frombytes("L", image.size, self.random.randbytes(WIDTH * HEIGHT))
        grain = noise.point(lambda level: 128 + (level - 128) * 0.09)
        file = BytesIO()
        ImageChops.overlay(image, Image.merge("RGB", [grain] * 3)).save(file, "JPEG", quality=88)
        return file.getvalue()

    def _pixel(self, point: Point) -> Point:
        return self._origin[0] + point[0] * self._scale, self._origin[1] + point[1] * self._scale


def _wave(x: float) -> float:
    """From 0 to 1, and never quite the same again."""
    return 0.5 + (math.sin(x) + 0.5 * math.sin(2.3 * x + 1) + 0.2 * math.sin(5.1 * x)) / 3.4
