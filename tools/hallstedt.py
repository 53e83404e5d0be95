"""Pictures of Hallstedt for the screenshots."""

from __future__ import annotations

import math
from collections.abc import Callable

from webapp.demo.drawings.canvas import HEIGHT, WIDTH, Canvas

_LIT, _INK = "#ffd27a", "#141a2b"
_DUSK = ("#2b3560", "#b56a78", "#f6b77a")
_NIGHT = ("#10182f", "#1f2d52", "#46527a")


def harbour() -> bytes:
    canvas = Canvas(*_DUSK, seed=21)
    canvas.glow("#ffd9a0", 1120, 560, 560, 0.7)
    canvas.hills("#7d5673", 600, 120, 240, 1.2)
    with canvas.at(470, 600, 0.8):
        _tower(canvas, "#4a3f66")
    x = -30.0
    for number in range(13):
        wide = canvas.random.uniform(96, 140)
        wall = ("#8c4a52", "#5b4a72", "#a5655a", "#454266", "#6d4560")[number % 5]
        with canvas.at(x, 604):
            _house(canvas, wall, wide, canvas.random.uniform(130, 220))
        x += wide
    canvas.box("#2a2742", 0, 600, WIDTH, 60)  # the quay
    for left, size in ((240, 0.9), (760, 1.15), (1010, 0.8), (1330, 1)):
        with canvas.at(left, 668, size):
            _sailing_boat(canvas)
    canvas.water(660, "#232a4c", 2)
    canvas.glints("#ffd9a090", 660, 170, 1100, 1100)
    canvas.glints("#ffffff30", 660, 60)
    _gulls(canvas, "#f7e3d0", ((330, 210, 22), (400, 180, 15), (1180, 250, 18), (1250, 226, 12)))
    return canvas.jpeg()


def town_hall() -> bytes:
    canvas = Canvas(*_NIGHT, seed=22)
    _square(canvas)
    for _ in range(60):
        x = canvas.random.uniform(60, WIDTH - 60)
        with canvas.at(x, canvas.random.uniform(830, 985), 0.9):
            _person(canvas, _INK)
    return canvas.jpeg()


def concession() -> bytes:
    canvas = Canvas(*_NIGHT, seed=23)
    with canvas.at(-800, -560, 2):
        _facade(canvas)
    for step in range(5):
        canvas.box(
            ("#8a7f86", "#787080", "#676278", "#57546d", "#474762")[step],
            460 - step * 70,
            800 + step * 40,
            680 + step * 140,
            60,
        )
    with canvas.at(800, 806, 2.4):
        _person(canvas, "#7a2733")
    canvas.glow("#ffe2a8", 800, 640, 520, 0.35)
    for x in (70, 190, 330, 1260, 1400, 1530):
        with canvas.at(x, 1030, 3.4):
            _person(canvas, _INK)
    return canvas.jpeg()


def slipway() -> bytes:
    canvas = Canvas("#9cc3cf", "#cfe0dc", "#f4ead2", seed=24)
    canvas.hills("#a9c6c4", 610, 130, 260, 0.5)
    canvas.hills("#7fa6a8", 630, 70, 170, 3)
    canvas.water(620, "#4f8791", 2)
    canvas.glints("#ffffff80", 620, 110)
    canvas.shape("#c9b79a", (0, 830), (1120, 720), (1600, 700), (1600, 1000), (0, 1000))
    canvas.shape("#a8957c", (0, 900), (1600, 810), (1600, 1000), (0, 1000))
    for x in range(330, 1300, 120):  # the cradle
        canvas.shape("#6b5a4a", (x, 650), (x + 18, 650), (x + 34, 850), (x - 16, 850))
    canvas.shape("#f3eee2", (226, 404), (330, 424), (1270, 424), (1386, 404), (1366, 482), (272, 482))
    canvas.shape("#2f5d6e", (272, 480), (1366, 480), (1330, 590), (330, 590))
    canvas.shape("#b5483a", (330, 590), (1330, 590), (1270, 690), (420, 690))
    canvas.line("#f3eee2", 6, (326, 590), (1332, 590))
    canvas.box("#f3eee2", 720, 350, 420, 130, corner=8)
    canvas.box("#f3eee2", 820, 270, 220, 90, corner=8)
    canvas.box("#b5483a", 900, 180, 70, 92)
    for x in range(750, 1120, 56):
        canvas.box("#3c4f5c", x, 384, 34, 30, corner=4)
    for x in range(842, 1020, 44):
        canvas.box("#3c4f5c", x, 294, 30, 26, corner=4)
    canvas.line("#d9952f", 14, (1470, 860), (1470, 120))
    canvas.line("#d9952f", 12, (1540, 150), (1050, 96), (1470, 200))
    canvas.line("#3c4f5c", 3, (1110, 102), (1110, 250))
    canvas.box("#d9952f", 1436, 170, 68, 60, corner=6)
    canvas.box("#3c4f5c", 1444, 180, 30, 26, corner=4)
    _gulls(canvas, "#55707a", ((420, 190, 24), (520, 150, 16), (610, 210, 18), (250, 250, 12)))
    for x in (180, 236):
        with canvas.at(x, 905, 1.3):
            _person(canvas, "#3c3a3f")
    return canvas.jpeg()


def night_train() -> bytes:
    canvas = Canvas("#101b3a", "#2d3f70", "#8b86a6", seed=25)
    for _ in range(120):
        canvas.disc(
            "#ffffff90", canvas.random.uniform(0, WIDTH), canvas.random.uniform(0, 330), canvas.random.uniform(0.8, 2)
        )
    canvas.glow("#dfe3f2", 1240, 190, 280, 0.6)
    canvas.disc("#f5ecd2", 1240, 190, 54)
    canvas.hills("#3a4a78", 620, 260, 260, 0.9)
    canvas.hills("#27365f", 660, 170, 190, 3.2)
    for coach in range(7):
        with canvas.at(coach * 196 - 20, 372):
            _coach(canvas)
    arches = [(x, 700, 82, 240) for x in range(60, WIDTH + 100, 210)]
    canvas.cut("#4a5378", [(0, 420), (WIDTH, 420), (WIDTH, HEIGHT), (0, HEIGHT)], [*arches])
    canvas.box("#8b93b8", 0, 418, WIDTH, 9)
    for x, *_rest in arches:
        canvas.line(
            "#8b93b880",
            6,
            *[
                (x - 86 * math.cos(math.radians(turn)), 700 - 246 * math.sin(math.radians(turn)))
                for turn in range(0, 181, 5)
            ],
        )
    canvas.water(700, "#141d3c", 2)
    canvas.glints("#c9d0ea50", 700, 120)
    canvas.glints("#ffd27a90", 700, 60, 600, 1000)
    return canvas.jpeg()


# What each is called as a file, with its alt text and caption.
DRAWINGS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "harbour.jpg": (
        harbour,
        "Gabled houses with lit windows along the quay at dusk, and four sailing boats. A clock tower stands behind.",
        "The harbour on Sunday, as the polls closed",
    ),
    "town-hall.jpg": (
        town_hall,
        "The town hall at night, every window lit. People stand on the wet square before it.",
        "The square before the town hall",
    ),
    "concession.jpg": (
        concession,
        "Elsa Brandt, in red, alone on the steps of the town hall. Listeners stand below.",
        "Elsa Brandt on the steps of the town hall",
    ),
    "slipway.jpg": (
        slipway,
        "A ferry with a red keel on the slipway, below a yellow crane. Two people look up at it.",
        "The last hull of the Rasmussen yard, on Friday",
    ),
    "night-train.jpg": (
        night_train,
        "A train with lit windows crosses a viaduct by moonlight. River and arches mirror each other.",
        "",
    ),
}


def _house(canvas: Canvas, wall: str, wide: float, tall: float) -> None:
    """From its lower left corner, with a gable in steps."""
    canvas.box(wall, 0, -tall, wide, tall)
    for step in range(4):
        canvas.box(wall, wide * 0.12 * step, -tall - 20 * step, wide * (1 - 0.24 * step), 24)
    for row in range(int(tall / 52)):
        for left in (0.18, 0.44, 0.7):
            is_lit = canvas.random.random() < 0.55
            canvas.box(_LIT if is_lit else "#00000040", wide * left, 24 - tall + row * 52, wide * 0.14, 26, corner=2)
            if is_lit:
                canvas.glow(_LIT, wide * (left + 0.07), 37 - tall + row * 52, 34, 0.35)


def _tower(canvas: Canvas, wall: str) -> None:
    canvas.box(wall, -40, -420, 80, 420)
    canvas.shape(wall, (-52, -420), (-30, -500), (0, -640), (30, -500), (52, -420))
    canvas.disc("#ffe6b0", 0, -372, 26)
    canvas.line(_INK, 4, (0, -390), (0, -372), (12, -366))


def _facade(canvas: Canvas) -> None:
    """Of the town hall, around x = 800; its door is at y = 690."""
    with canvas.at(800, 300, 0.42):
        _tower(canvas, "#3c3f63")
    canvas.box("#5b4a5e", 480, 330, 640, 380)
    for step in range(6):
        canvas.box("#5b4a5e", 620 + step * 30, 330 - step * 34, 360 - step * 60, 40)
    canvas.box("#857082", 470, 322, 150, 10)
    canvas.box("#857082", 980, 322, 150, 10)
    for y in (370, 490):
        for x in range(514, 1090, 76):
            canvas.glow(_LIT, x + 20, y + 38, 66, 0.3)
            canvas.box(_LIT, x, y, 40, 76, corner=18)
            canvas.line("#5b4a5e", 3, (x + 20, y), (x + 20, y + 76))
    canvas.box("#ffe2a8", 756, 596, 88, 114, corner=40)
    canvas.box("#ffe2a8", 756, 640, 88, 70)


def _square(canvas: Canvas) -> None:
    """The façade between its neighbours, in the wet of the square."""
    for x in (-20, 110, 240, 370, 1120, 1240, 1370, 1490):
        with canvas.at(x, 710):
            _house(canvas, ("#39395c", "#4a3f5c", "#33415f")[x // 10 % 3], 128, 190 + x % 70)
    _facade(canvas)
    canvas.water(710, "#1b2342", 3)
    canvas.glints("#ffd27a70", 710, 150, 800, 900)


def _sailing_boat(canvas: Canvas) -> None:
    canvas.shape("#f0e4d6", (-90, -34), (96, -34), (66, 0), (-70, 0))
    canvas.shape("#b5483a", (-82, -20), (84, -20), (66, 0), (-70, 0))
    canvas.line(_INK, 5, (0, -34), (0, -300))
    canvas.line(_INK, 2, (0, -300), (96, -36))
    canvas.line(_INK, 2, (0, -300), (-88, -36))
    canvas.line("#f0e4d6", 9, (4, -62), (-80, -54))


def _person(canvas: Canvas, coat: str) -> None:
    canvas.shape(coat, (-13, 0), (-12, -38), (-15, -48), (-8, -58), (8, -58), (15, -48), (12, -38), (13, 0))
    canvas.disc("#d9b08c" if coat != _INK else coat, 0, -65, 9)


def _coach(canvas: Canvas) -> None:
    canvas.box("#1a2342", 0, -56, 188, 100, corner=10)
    canvas.box("#b5483a", 0, 4, 188, 8)
    for left in range(14, 170, 34):
        canvas.glow(_LIT, left + 11, -18, 44, 0.4)
        canvas.box(_LIT, left, -34, 22, 28, corner=3)


def _gulls(canvas: Canvas, colour: str, where: tuple[tuple[float, float, float], ...]) -> None:
    for x, y, size in where:
        with canvas.at(x, y, size):
            canvas.line(colour, 0.2, (-1, -0.5), (-0.33, -0.33), (0, 0), (0.33, -0.33), (1, -0.5))
