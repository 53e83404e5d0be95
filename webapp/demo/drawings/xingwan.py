"""Xingwan (荇湾) and its dragon boats."""

from __future__ import annotations

import math

from .canvas import HEIGHT, WIDTH, Canvas

_GREEN, _WHITE, _RED, _GOLD, _INK = "#2f6d5c", "#f4efe2", "#c8402f", "#e9b04a", "#26302f"
_SKIN, _WOOD, _TILES, _WALL, _STONE = "#e8c9a4", "#8a5a36", "#3c4a4c", "#f1ece0", "#dfe2d4"


def river_town() -> bytes:
    canvas = Canvas("#8fb3ae", "#cfdccb", "#f3e9cf", seed=11)
    canvas.disc("#fff6e0", 1180, 230, 60)
    canvas.glow("#fff4d8", 1180, 230, 380, 0.8)
    _land(canvas)
    _town(canvas, 560, 5)
    _bridge(canvas, 1080, 566, 0.8)
    canvas.water(560, "#5d8a86", 3)
    canvas.glints("#ffffff70", 560, 150)
    for x, y, size, colour in ((330, 700, 0.5, _RED), (700, 770, 0.62, _GOLD), (1120, 860, 0.76, _GREEN)):
        _boat(canvas, x, y, size, colour)
    _willow(canvas, 0)
    return canvas.jpeg()


def under_the_bridge() -> bytes:
    canvas = Canvas("#9db4b4", "#cdd8d0", "#e9e6d6", seed=12)
    _land(canvas)
    _bridge(canvas, 800, 600, 1.7)
    canvas.water(600, "#587f80", 4)
    canvas.glints("#ffffff70", 600, 120)
    for x, colour in ((560, _GREEN), (800, _WHITE), (1040, _RED)):
        _bow(canvas, x, 770, colour)
    _willow(canvas, WIDTH)
    return canvas.jpeg()


def nose_to_nose() -> bytes:
    canvas = Canvas("#d9b98a", "#ead3a3", "#f5e8c6", seed=13)
    canvas.hills("#e0a878", 460, 180, 240, 1)
    canvas.hills("#c98a6c", 480, 120, 170, 3)
    canvas.hills("#a86a5e", 500, 60, 110, 5)
    _crowd(canvas, 485)
    canvas.water(500, "#3f7f84", 2)
    canvas.glints("#fff2cf90", 500, 190)
    for buoy in range(16):  # the line that they reach
        canvas.disc(_WHITE, 1394, 508 + buoy**1.5 * 8, 3 + buoy * 0.5)
    _boat(canvas, 1394 - 510 * 1.2, 660, 1.2, _WHITE)
    _boat(canvas, 1394 - 510 * 1.6, 880, 1.6, _GREEN)
    return canvas.jpeg()


def umbrellas() -> bytes:
    canvas = Canvas("#6f8f96", "#9fb6b4", "#cfd6c8", seed=14)
    _land(canvas)
    _bridge(canvas, 420, 505, 0.7)
    canvas.water(500, "#4e7477", 2)
    canvas.glints("#ffffff60", 500, 120)
    _boat(canvas, 700, 575, 0.5, _WHITE)
    _boat(canvas, 950, 610, 0.5, _GREEN)
    colours = (_RED, _GOLD, "#3f7f84", "#e5785a", _WHITE, "#7a5a86", "#2f6d5c", "#d98f9c")
    for row in range(4):
        y, size = 690 + row * 104, 62 + row * 24
        canvas.box(("#7c8f8c", "#677b7a", "#536767", "#3f5354")[row], 0, y + size * 0.5, WIDTH, HEIGHT)
        canvas.box("#ffffff26", 0, y + size * 0.5, WIDTH, 5)
        x = -40.0 + row % 2 * size
        while x < WIDTH + size:
            _umbrella(canvas, canvas.random.choice(colours), x, y + canvas.random.uniform(-14, 14), size)
            x += size * canvas.random.uniform(1.9, 2.7)
    canvas.rain("#ffffff40", 700, 0.12)
    return canvas.jpeg()


def _land(canvas: Canvas) -> None:
    canvas.hills("#a9c4b8", 520, 330, 150, 0.6)
    canvas.hills("#86aa9e", 560, 200, 120, 2.2)
    canvas.hills("#5f8a80", 590, 90, 130, 5.2)
    for y in (460, 500, 530):
        canvas.box("#f3efdf48", 0, y, WIDTH, 60)  # mist


def _town(canvas: Canvas, base: float, houses: int) -> None:
    """White walls, black tiles, and gables in steps."""
    x = 0.0
    for _ in range(houses):
        wide, tall = canvas.random.uniform(120, 170), canvas.random.uniform(90, 150)
        with canvas.at(x, base - tall):
            canvas.box(_WALL, 0, 0, wide, tall + 40)
            canvas.shape(_TILES, (-14, 4), (14, -38), (wide - 14, -38), (wide + 14, 4))
            for step in range(3):
                canvas.box(_WALL, step * 14 - 10, -20 - step * 18, 30, tall + 50)
                canvas.box(_TILES, step * 14 - 15, -26 - step * 18, 34, 8, corner=2)
            for left in (0.45 * wide, 0.72 * wide):
                canvas.box("#4d5d5c", left, 30, 20, 26, corner=2)
                canvas.disc(_RED, left - 12, 62, 7, 9)
        x += wide + canvas.random.uniform(-6, 18)


def _bridge(canvas: Canvas, x: float, base: float, size: float) -> None:
    """One high arch, like half a moon."""
    top = [(x, -165 * math.cos(x / 340 * math.pi / 2) ** 1.6 - 6) for x in range(-340, 341, 20)]
    ring = [(136 * math.cos(math.radians(turn)), -128 * math.sin(math.radians(turn))) for turn in range(0, 181, 6)]
    with canvas.at(x, base, size):
        canvas.cut("#8a9690", [(-360, 40), *top, (360, 40)], [(0, 0, 128, 120)])
        canvas.line(_STONE, 7, *top)
        canvas.line(_STONE, 8, *ring)
        canvas.line(_STONE, 4, *[(x, y - 18) for x, y in top[2:-2]])
        for post, y in top[2:-2:2]:
            canvas.box(_STONE, post - 3, y - 22, 6, 24, corner=2)


def _boat(canvas: Canvas, x: float, y: float, size: float, colour: str) -> None:
    """From its side, on its way to the right; x: its middle, y: where it meets the water."""
    with canvas.at(x, y, size):
        canvas.disc("#1d3b3c50", 0, 16, 420, 10)
        for seat in range(9):
            with canvas.at(seat * 56 - 270, 0):
                _paddler(canvas, _shirt(colour))
        canvas.disc(_RED, 262, -66, 26, 30)  # the drum, and who beats it
        canvas.disc("#f6e6c4", 262, -66, 20, 24)
        canvas.shape(_GOLD, (298, -20), (300, -84), (318, -100), (334, -84), (336, -20))
        canvas.disc(_SKIN, 314, -114, 13)
        canvas.line(_WOOD, 5, (306, -86), (268, -92))
        canvas.line(_WOOD, 6, (-330, -96), (-440, 34))  # the oar, and who steers
        canvas.shape(_INK, (-350, -20), (-346, -92), (-330, -104), (-316, -92), (-314, -20))
        canvas.disc(_SKIN, -330, -118, 13)
        above = ((-430, -78), (-380, -34), (-300, -24), (320, -24), (370, -44), (400, -90))
        below = ((424, -84), (412, -22), (370, 10), (300, 24), (-300, 24), (-390, 0))
        canvas.shape(colour, *above, *below)
        canvas.line(_GOLD, 6, (-392, -30), (-300, -14), (320, -14), (384, -36))
        for scale in range(22):
            canvas.disc("#00000022", scale * 27 - 280, 2, 13, 9)
        tail = ((-430, -78), (-470, -128), (-446, -112), (-440, -146), (-420, -106), (-402, -120), (-400, -70))
        canvas.shape(_GOLD, *tail)
        with canvas.at(412, -96):
            _head(canvas, colour)
        for _ in range(26):
            spray = canvas.random.uniform(-280, 300), canvas.random.uniform(14, 28)
            canvas.disc("#ffffffb0", *spray, canvas.random.uniform(4, 26), 3)


def _shirt(boat: str) -> str:
    return "#35607a" if boat == _RED else _RED


def _paddler(canvas: Canvas, shirt: str) -> None:
    canvas.shape(_SKIN, (14, -74), (48, -40), (43, -34), (8, -64))
    canvas.line(_WOOD, 5, (20, -80), (66, 12))
    canvas.shape(shirt, (-14, -18), (-6, -66), (16, -78), (26, -66), (16, -18))
    canvas.disc(_SKIN, 22, -92, 13)
    canvas.shape(_INK, (8, -94), (12, -106), (28, -107), (36, -96))


def _head(canvas: Canvas, colour: str) -> None:
    """Of the dragon, looking to the right."""
    mane = ((-30, 30), (-52, -4), (-34, -6), (-54, -36), (-30, -30), (-36, -62), (-10, -40), (10, -10))
    canvas.shape(_RED, *mane)
    canvas.shape(_GOLD, (-6, -38), (-30, -84), (-22, -86), (10, -44))  # horns
    canvas.shape(_GOLD, (6, -40), (-6, -92), (2, -92), (20, -42))
    neck, snout = ((16, 44), (-30, 40), (-26, -20), (0, -46), (30, -46)), ((48, -30), (82, -34), (98, -24), (98, -8))
    canvas.shape(colour, *neck, *snout, (50, 0), (30, 6))
    canvas.shape(_RED, (34, 6), (84, 6), (92, 12), (40, 22))  # tongue
    canvas.shape(colour, (16, 20), (40, 22), (80, 18), (74, 30), (30, 42), (10, 44))  # jaw
    for tooth in (58, 72, 86):
        canvas.shape(_WHITE, (tooth, -4), (tooth + 10, -6), (tooth + 5, 8))
    canvas.disc(_GOLD, 26, -30, 13)
    canvas.disc(_WHITE, 27, -30, 9)
    canvas.disc(_INK, 30, -30, 5)
    canvas.disc(_INK, 90, -24, 3)
    canvas.line(_GOLD, 3.5, (94, -14), (116, -8), (128, -24), (146, -20))  # whiskers
    canvas.line(_GOLD, 3.5, (92, -10), (112, 6), (128, -2), (140, 8))


def _bow(canvas: Canvas, x: float, y: float, colour: str) -> None:
    """A boat that comes towards us."""
    with canvas.at(x, y):
        canvas.disc("#1d3b3c60", 0, 66, 92, 16)
        for row in range(5):
            near = 0.62 + row * 0.095
            for side in (-1, 1):
                with canvas.at(side * 30 * near, row * 22 - 124, near):
                    canvas.line(_WOOD, 5, (side * 18, -4), (side * 66, 100))
                    canvas.box(_shirt(colour), -21, 0, 42, 70, corner=12)
                    canvas.disc(_SKIN, 0, -10, 13)
                    canvas.shape(_INK, (-16, -14), (0, -30), (16, -14))
        canvas.disc(_RED, 0, -34, 30, 24)
        canvas.disc("#f6e6c4", 0, -38, 24, 14)
        canvas.shape(colour, (-70, -30), (-40, 60), (0, 74), (40, 60), (70, -30), (0, -6))
        canvas.line(_GOLD, 5, (-68, -28), (0, -2), (68, -28))


def _crowd(canvas: Canvas, base: float) -> None:
    for row in range(3):
        for x in range(-10 + row * 9, WIDTH, 26):
            y = base - 52 + row * 20 + canvas.random.uniform(-6, 6)
            shade = canvas.random.choice(("#7d4b4a", "#8d5a50", "#6c4450", "#a8644c", "#5d4652"))
            canvas.box(shade, x - 11, y + 6, 22, 60, corner=9)
            canvas.disc("#4a3038" if canvas.random.random() < 0.7 else "#d9a27c", x, y, 9)
    for x in range(90, WIDTH, 230):
        with canvas.at(x, base):
            canvas.line("#5d3c42", 4, (0, 0), (0, -170))
            canvas.shape(canvas.random.choice((_RED, _GOLD, _GREEN)), (0, -170), (74, -146), (0, -118))


def _umbrella(canvas: Canvas, colour: str, x: float, y: float, size: float) -> None:
    """From behind, with whoever stands below it."""
    turns = [math.radians(degree) for degree in range(0, 181, 6)]
    dome = [(-math.cos(turn), -0.86 * math.sin(turn)) for turn in turns]
    hem = [(math.cos(turn), 0.1 - 0.1 * abs(math.sin(6 * turn))) for turn in turns]
    with canvas.at(x, y, size):
        canvas.box("#33434a", -0.34, 0.2, 0.68, 2.4, corner=0.3)
        canvas.shape(colour, *dome, *hem)
        canvas.shape("#00000020", (0.1, -0.86), *dome[17:], *hem[:12])
        for rib in (-0.55, 0, 0.55):
            canvas.line("#00000030", 0.02, (0, -0.86), (rib * 0.8, -0.3), (rib, 0.06))
        canvas.line(_INK, 0.05, (0, -0.84), (0, -0.98))


def _willow(canvas: Canvas, edge: float) -> None:
    """Its branches hang in from the edge."""
    inward = 1 if edge == 0 else -1
    for _ in range(26):
        x = edge + inward * canvas.random.uniform(-20, 330)
        long = canvas.random.uniform(140, 430) * (1 - abs(x - edge) / 520)
        sway = canvas.random.uniform(-14, 34)
        canvas.line("#4a6b46", 3, (x, -10), (x + sway * 0.3, long * 0.5), (x + sway, long))
        for leaf in range(int(long / 13)):
            y = leaf * 13
            at = x + sway * (y / long) ** 2
            side = 1 if leaf % 2 else -1
            canvas.shape("#5f8a4ec8", (at, y), (at + side * 10, y + 8), (at + side * 7, y + 24))
