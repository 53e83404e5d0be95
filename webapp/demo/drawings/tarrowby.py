"""The bridge of Tarrowby with its three arches, in what weather there is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .canvas import HEIGHT, WIDTH, Canvas, Point

_ARCHES = ((400, 132), (800, 176), (1200, 132))  # x of the middle, half of the span
_PIERS = (246, 578, 1022, 1354)


@dataclass(frozen=True)
class _Weather:
    """Colours of sky, hills (the farthest first), stone and water, and how high that stands."""

    sky: tuple[str, str, str]
    hills: tuple[str, str, str]
    stone: str
    edge: str
    window: str
    river: str
    level: float
    calm: float


_EVENING = _Weather(
    ("#3f6c8c", "#e9a86c", "#f9dc9c"),
    ("#b98a7c", "#8c6a74", "#5b4a62"),
    "#7a5a5e",
    "#d9a27c",
    "#ffe3a3",
    "#3b4e66",
    720,
    4,
)
_NIGHT = _Weather(
    ("#0b1526", "#1c3247", "#3a5560"),
    ("#1f3547", "#172a3b", "#0f1e2c"),
    "#2b3c49",
    "#56707a",
    "#ffc66b",
    "#0a1620",
    640,
    1,
)
_CLEAR = _Weather(
    ("#0d1a3a", "#27406c", "#7a86a4"),
    ("#33496f", "#22365a", "#162542"),
    "#3a4a6a",
    "#8494b4",
    "#ffcf7d",
    "#0c1832",
    660,
    2.5,
)


def bridge_in_the_evening() -> bytes:
    canvas = Canvas(*_EVENING.sky, seed=1)
    canvas.disc("#fff3cf", 560, 330, 62)
    canvas.glow("#fff0c4", 560, 330, 420, 0.8)
    _clouds(canvas, "#fbe3b866", ((180, 150, 360), (420, 186, 240), (980, 118, 420), (1250, 160, 260)))
    _scene(canvas, _EVENING)
    _river(canvas, _EVENING)
    _swallows(canvas, "#4a3c56")
    _bank(canvas, "#2c2a3e")
    return canvas.jpeg()


def bridge_at_night() -> bytes:
    canvas = Canvas(*_NIGHT.sky, seed=2)
    _rainclouds(canvas)
    canvas.glow("#ffb454", 620, _road(620) - 80, 400, 0.6)
    _scene(canvas, _NIGHT, people=(600,), lamp=600)
    _river(canvas, _NIGHT, lamp=600)
    canvas.rain("#cfe2ea38", 620, 0.22)
    _bank(canvas, "#060d15")
    return canvas.jpeg()


def tree_in_the_arch() -> bytes:
    canvas = Canvas(*_NIGHT.sky, seed=3)
    _rainclouds(canvas)
    canvas.glow("#ffc47a", 800, 560, 620, 0.45)
    _scene(canvas, _NIGHT, people=(50, 104, 176, 226))
    _lamp(canvas, "#ff5a3c", 250, 150)
    canvas.glow("#ffc47a", 820, 600, 620, 0.55)
    _tree(canvas)
    _river(canvas, _NIGHT)
    _foam(canvas, 760, 650, 190)
    canvas.rain("#cfe2ea38", 620, 0.22)
    _bank(canvas, "#060d15")
    return canvas.jpeg()


def bridge_under_stars() -> bytes:
    canvas = Canvas(*_CLEAR.sky, seed=4)
    for _ in range(170):
        x, y, near = canvas.random.uniform(0, WIDTH), canvas.random.uniform(0, 400), canvas.random.random()
        canvas.disc("#ffffff" + ("d0" if near > 0.9 else "80"), x, y, 1 + 1.6 * near**4)
    canvas.glow("#cfd8ee", 330, 170, 300, 0.6)
    canvas.disc("#f6ecd0", 330, 170, 48)
    _scene(canvas, _CLEAR, people=(1010, 1424), lamp=1424)
    _river(canvas, _CLEAR, lamp=1424)
    canvas.glints("#e8ecf880", _CLEAR.level, 60, 330, 150)
    _bank(canvas, "#080f22")
    return canvas.jpeg()


def _scene(canvas: Canvas, now: _Weather, people: Sequence[float] = (), lamp: float = 0) -> None:
    """All above the water. people: where they stand on the bridge; lamp: who of them has one."""
    far, middle, near = now.hills
    canvas.hills(far, 560, 240, 300, 0.2)
    canvas.hills(middle, 590, 170, 210, 2.1)
    canvas.hills(near, 620, 90, 150, 4.4)
    _far_side(canvas, now)
    for x in people:
        _person(canvas, x)
    if lamp:
        _lamp(canvas, "#ffc870", lamp)
    canvas.box(now.sky[2] + "98", 0, 624, WIDTH, HEIGHT)  # the river, upstream
    _bridge(canvas, now)


def _river(canvas: Canvas, now: _Weather, lamp: float = 0) -> None:
    canvas.water(now.level, now.river, now.calm)
    canvas.glints(now.edge + "60", now.level, 130)
    if lamp:
        canvas.glints("#ffcf80b0", now.level, 50, lamp + 40, 130)


def _far_side(canvas: Canvas, now: _Weather) -> None:
    wall = now.hills[2]
    for x, y, size in ((1120, 420, 0.8), (1290, 392, 1), (1388, 404, 0.8), (1480, 388, 1.15)):
        with canvas.at(x, y, size):
            canvas.shape(wall, (-8, 0), (37, -37), (82, 0), (74, 150), (0, 150))
            canvas.box(wall, 50, -42, 9, 30)
            for left in (15, 44):
                canvas.box(now.window, left, 12, 12, 16, corner=1)
                canvas.glow(now.window, left + 6, 20, 40, 0.5)
    canvas.shape(wall, (1214, 560), (1214, 380), (1230, 300), (1246, 380), (1246, 560))  # the chapel


def _road(x: float) -> float:
    """How high the parapet is there: lowest at the banks."""
    return 404 + 84 * ((x - 800) / 800) ** 2


def _bridge(canvas: Canvas, now: _Weather) -> None:
    base = 690
    top: list[Point] = [(x, _road(x)) for x in range(0, WIDTH + 1, 10)]
    canvas.cut(now.stone, [(0, HEIGHT), *top, (WIDTH, HEIGHT)], [(x, base, wide, wide * 1.04) for x, wide in _ARCHES])
    for row in range(9):
        for x in range(-40 + row % 2 * 32, WIDTH, 64):
            y = _road(x) + 44 + row * 30
            is_stone = all(math.dist((x + 20, y), (mid, base)) > wide + 40 for mid, wide in _ARCHES)
            if is_stone and canvas.random.random() < 0.42:
                canvas.box(now.edge + canvas.random.choice(("18", "28", "38")), x, y, 46, 20, corner=4)
    for mid, wide in _ARCHES:
        for stone in range(20):
            left, right = math.radians(stone * 9 + 0.7), math.radians(stone * 9 + 8.3)
            corners = ((wide + 2, left), (wide + 30, left), (wide + 30, right), (wide + 2, right))
            wedge = [(mid + r * math.cos(turn), base - 1.04 * r * math.sin(turn)) for r, turn in corners]
            canvas.shape(now.edge + ("c8" if stone % 2 else "a8"), *wedge)
    canvas.line(now.edge, 9, *top)
    canvas.line(now.edge + "70", 4, *[(x, y + 34) for x, y in top])
    for x in _PIERS:
        canvas.shape(now.stone, (x - 38, 760), (x - 30, 600), (x, 540), (x + 30, 600), (x + 38, 760))
        canvas.shape(now.edge + "78", (x - 38, 760), (x - 30, 600), (x, 540), (x - 4, 760))
        canvas.shape("#00000030", (x - 4, 760), (x, 540), (x + 30, 600), (x + 38, 760))


def _person(canvas: Canvas, x: float) -> None:
    """In a long coat with a hood, seen to the knee behind the parapet."""
    with canvas.at(x, _road(x)):
        canvas.shape("#0b121c", (-30, 4), (-22, -47), (-16, -80), (0, -89), (15, -80), (22, -47), (28, 4))
        canvas.shape("#0b121c", (8, -77), (36, -71), (40, -59), (12, -56))  # an arm
        canvas.shape("#0b121c", (-20, -74), (-18, -104), (-4, -119), (10, -116), (21, -98), (12, -86), (15, -71))


def _lamp(canvas: Canvas, colour: str, x: float, reach: float = 130) -> None:
    """In the hand of somebody at `x`."""
    at = x + 40, _road(x) - 56
    canvas.glow(colour, *at, reach)
    canvas.disc("#fff6dc", *at, 9)


def _tree(canvas: Canvas) -> None:
    bark = "#15110e"
    canvas.shape(bark, (520, 622), (700, 616), (900, 600), (1120, 566), (1124, 576), (900, 636), (700, 668), (520, 690))
    canvas.line("#c89a5c90", 4, (556, 622), (700, 617), (900, 601), (1110, 568))
    for degree in range(0, 360, 20):  # the root
        turn, long = math.radians(degree), canvas.random.uniform(80, 124)
        tip = 524 + long * 0.62 * math.cos(turn), 656 + long * math.sin(turn)
        canvas.shape(bark, (524, 640), tip, (530, 676))
    canvas.disc(bark, 520, 656, 44, 66)
    for x, lean, long in ((880, 74, 76), (930, 28, 84), (990, 96, 80), (1020, 50, 96), (1080, 8, 84), (1120, 48, 90)):
        _branch(canvas, bark, (x, 616 - (x - 880) * 0.19), lean, long)


def _branch(canvas: Canvas, colour: str, start: Point, lean: float, long: float) -> None:
    """lean: in degrees, 90 is upright. It divides until it is a twig."""
    end = start[0] + long * math.cos(math.radians(lean)), start[1] - long * math.sin(math.radians(lean))
    canvas.line(colour, 1.5 + long / 8, start, end)
    if long > 18:
        for turn in (-34, -4, 30):
            shorter = long * canvas.random.uniform(0.5, 0.68)
            _branch(canvas, colour, end, lean + turn + canvas.random.uniform(-12, 12), shorter)


def _foam(canvas: Canvas, x: float, level: float, count: int) -> None:
    for _ in range(count):
        near = abs(canvas.random.gauss(0, 0.35))
        wide, tall = canvas.random.uniform(8, 46) * (1 + near), canvas.random.uniform(1.5, 4)
        canvas.disc("#d7e6e65c", canvas.random.gauss(x, 170), level + 4 + near * 70, wide, tall)


def _rainclouds(canvas: Canvas) -> None:
    _clouds(canvas, "#0a141fa0", ((-60, 60, 700), (500, 110, 800), (1150, 70, 600), (100, 190, 500), (900, 220, 560)))


def _clouds(canvas: Canvas, colour: str, bars: tuple[tuple[float, float, float], ...]) -> None:
    for x, y, wide in bars:
        canvas.box(colour, x, y, wide, 26, corner=13)
        canvas.box(colour, x + wide * 0.2, y - 20, wide * 0.5, 30, corner=15)


def _swallows(canvas: Canvas, colour: str) -> None:
    for x, y, size in ((880, 250, 20), (950, 222, 14), (1010, 270, 16), (1090, 236, 11)):
        with canvas.at(x, y, size):
            canvas.line(colour, 0.2, (-1, -0.5), (-0.33, -0.33), (0, 0), (0.33, -0.33), (1, -0.5))


def _bank(canvas: Canvas, colour: str) -> None:
    """Reeds in front, left and right."""
    for side, reach in ((0, 1), (WIDTH, -1)):
        canvas.disc(colour, side, HEIGHT + 40, 420, 130)
        for _ in range(70):
            x = side + reach * abs(canvas.random.gauss(0, 170))
            tall = canvas.random.uniform(70, 230) * (1 - abs(x - side) / 620)
            tip = x + canvas.random.uniform(-26, 40) * reach, HEIGHT - tall
            canvas.shape(colour, (x - 5, HEIGHT), ((x + tip[0]) / 2 - 4, HEIGHT - tall * 0.6), tip, (x + 5, HEIGHT))
