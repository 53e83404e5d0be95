"""The pictures of a bench as SVG: text is text, lines have the colour of the page around, and the same data give the
same bytes. Every figure stands beside its bar or dot, so that none is read from a colour or an axis.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from io import StringIO
from textwrap import wrap
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

WIDTH = 340  # SVG's units, in which text has 12: what a phone shows as it is
UNITS_PER_INCH = 72  # fixed in matplotlib's SVG
INK = "#010203"  # stands for currentColor, which matplotlib doesn't know
# Okabe and Ito's; of their colours these keep 3:1 on white and on black.
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"
DOTS = (("p50", "o", GREEN), ("p95", "s", BLUE), ("p99", "D", VERMILION))
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pressroom",
    "font.family": "DejaVu Sans",  # matplotlib brings it along, so it measures alike everywhere
    "font.size": 12,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.linewidth": 1.5,
}
# A file of its own has no page around it.
FILE_STYLE = (
    "svg{color:#1b1a17;font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}"
    "@media(prefers-color-scheme:dark){svg{color:#ebe8e1}}"
)


class Chart(NamedTuple):
    """`svg` is for a page, `file` for a folder."""

    name: str
    title: str
    svg: str

    @property
    def file(self) -> str:
        return self.svg.replace(">", f"><style>{FILE_STYLE}</style>", 1) + "\n"


class Bar(NamedTuple):
    """From 0 to the middle, a whisker from low to high, and `words` behind. An open bar isn't the server's limit."""

    low: float
    middle: float
    high: float
    words: str
    colour: str = BLUE
    is_open: bool = False


class Climb(NamedTuple):
    label: str
    words: str
    steps: Sequence[tuple[float, float]]  # users, requests per second


def bars(name: str, title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> Chart:
    """Labels stand above their bars: beside them they would take half a phone."""
    height = sum(27 + 19 * len(group) for _, group in groups)
    longest = max(len(bar.words) for _, group in groups for bar in group)
    most = max(bar.high for _, group in groups for bar in group) or 1

    def draw(figure: Figure) -> None:
        axes = _canvas(figure)
        axes.set(xlim=(0, most * WIDTH / (WIDTH - 14 - 6.6 * longest)), ylim=(height, 0))
        y = 0.0
        for label, group in groups:
            _text(axes, label, (0, y + 15), weight="bold")
            y += 31
            axes.plot([0, 0], [y - 9, y + 19 * len(group) - 10], color=INK, linewidth=1.5)
            for bar in group:
                _bar(axes, y, bar)
                y += 19
            y -= 4

    return _chart(name, title, height, draw)


def _bar(axes: Axes, y: float, bar: Bar) -> None:
    fill = {"facecolor": "none", "hatch": "////"} if bar.is_open else {"facecolor": bar.colour}
    axes.barh(y, bar.middle, height=13, edgecolor=bar.colour, **fill)
    if bar.high > bar.low:
        whisker = [[bar.middle - bar.low], [bar.high - bar.middle]]
        axes.errorbar([bar.middle], [y], xerr=whisker, color=INK, capsize=4, linewidth=1.25)
    _text(axes, bar.words, (bar.high, y + 4), right=7)


def dots(name: str, title: str, rows: Sequence[tuple[str, Sequence[float], str]]) -> Chart:
    """A row has a dot for each of p50, p95 and p99, and its words behind, on a logarithmic scale."""
    height = 20 + 45 * len(rows)
    longest = max(len(words) for _, _, words in rows)
    drawn = [value for _, values, _ in rows for value in values if value > 0] or [1]
    low, high = min(drawn) / 1.3, max(drawn)

    def draw(figure: Figure) -> None:
        axes = _canvas(figure)
        axes.set(xscale="log", ylim=(height, 0))
        axes.set_xlim(low, low * (high / low) ** (WIDTH / (WIDTH - 14 - 6.6 * longest)))
        for x, (mark, shape, colour) in zip((0, 60, 120), DOTS, strict=True):
            axes.annotate(mark, (0, 1), (x + 16, -12), xycoords="axes fraction", textcoords="offset points")
            axes.plot([(x + 6) / WIDTH], [1 - 8 / height], shape, color=colour, transform=axes.transAxes, clip_on=False)
        for index, (label, values, words) in enumerate(rows):
            y = 58 + 45 * index
            place = {"xytext": (0, 14 - y), "textcoords": "offset points", "xycoords": "axes fraction"}
            axes.annotate(label, (0, 1), **place, weight="bold")
            line = [max(value, low) for value in values]  # Locust rounds, and 0 has no place on the scale
            axes.plot(line, [y] * len(line), color=INK, linewidth=1, zorder=1)
            for value, (_, shape, colour) in zip(line, DOTS, strict=True):
                axes.plot([value], [y], shape, color=colour, markersize=7)
            _text(axes, words, (max(line), y + 4), right=9)

    return _chart(name, title, height, draw)


def climbs(name: str, title: str, rows: Sequence[Climb]) -> Chart:
    """A panel for each, on the same scales, before the lines of all the others."""
    users = sorted({x for row in rows for x, _ in row.steps})
    most = max(y for row in rows for _, y in row.steps) or 1
    width, plot, below, gap = 144, 90, 44, 44
    labels = [(wrap(row.label, 20)[:2], wrap(row.words, 24)) for row in rows]
    lines = [len(label) + len(words) for label, words in labels]
    above = [14 * max(lines[index : index + 2]) + 6 for index in range(0, len(rows), 2)]
    height = sum(above) + (plot + below) * len(above) - 14

    def draw(figure: Figure) -> None:
        for index, (row, (label, words)) in enumerate(zip(rows, labels, strict=True)):
            line, column = divmod(index, 2)
            bottom = sum(above[: line + 1]) + plot * (line + 1) + below * line
            box = ((width + gap) * column / WIDTH, 1 - bottom / height, width / WIDTH, plot / height)
            axes = figure.add_axes(box, facecolor="none")
            axes.set(xscale="log", xlim=(users[0] * 0.9, users[-1] * 1.1 + 1), ylim=(0, most * 1.12))
            axes.xaxis.set(major_locator=FixedLocator([users[0], users[-1]]), minor_locator=NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axes.yaxis.set_major_locator(NullLocator())
            axes.tick_params(labelsize=11, length=3)
            axes.set_xlabel("users", fontsize=11, labelpad=-12)
            for other in rows:
                axes.plot(*zip(*other.steps, strict=True), color=INK, alpha=0.3, linewidth=1)
            axes.plot(*zip(*row.steps, strict=True), color=BLUE, linewidth=2.5)
            axes.plot(*max(row.steps, key=lambda step: step[1]), "o", color=BLUE, markersize=6)
            shown = [(text, "normal") for text in reversed(words)] + [(text, "bold") for text in reversed(label)]
            for number, (text, weight) in enumerate(shown):
                place = {"xytext": (0, 14 * number + 5), "textcoords": "offset points", "xycoords": "axes fraction"}
                axes.annotate(text, (0, 1), **place, fontsize=11, weight=weight)

    return _chart(name, title, height, draw)


def _canvas(figure: Figure) -> Axes:
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return axes


def _text(axes: Axes, words: str, place: tuple[float, float], right: float = 0, **style: str) -> None:
    axes.annotate(words, place, (right, 0), textcoords="offset points", **style)


def _chart(name: str, title: str, height: float, draw: Callable[[Figure], None]) -> Chart:
    with matplotlib.rc_context(STYLE), StringIO() as out:
        figure = Figure(figsize=(WIDTH / UNITS_PER_INCH, height / UNITS_PER_INCH))
        draw(figure)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        drawn = out.getvalue()
    # What is left out: the prolog, a description of the file, and a style that would reach the page around.
    body = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>", "", drawn[drawn.index("<metadata>") :], flags=re.DOTALL
    )
    body = body.replace(INK, "currentColor").replace(" font-family: 'DejaVu Sans';", "")
    body = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", body)  # ids are to be unique in a page with all of them
    return Chart(
        name,
        title,
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}">'
        f"<title>{escape(title)}</title>{body.strip()}",
    )
