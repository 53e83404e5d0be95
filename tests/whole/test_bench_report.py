"""The report of a bench, from results that are made here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Page

from loadtests.bench import drawing, figures, report_page, sections
from support.accessibility import CONTRAST, violations
from support.checkout import CHECKOUT

pytestmark = pytest.mark.slow

DOCS = CHECKOUT / "docs"
PICTURES = ["climb", "cpu", "knee", "latency", "streams-bytes", "streams-cpu", "streams-time"]


def server(name: str, title: str, speed: float, limited_by: str = "server", **more: Any) -> dict[str, Any]:
    """`speed`: requests per second at the knee; it was asked for 60 % of that."""
    asked = 0.6 * speed
    return {
        "name": name,
        "title": title,
        "command": f"{name} --some 'option'",
        "environ": {"PRESSROOM_WORKERS": "2"},
        "is_limit": False,
        "error": None,
        "knee": {
            "requests_per_s": speed,
            "users": 64,
            "limited_by": limited_by,
            "steps": [
                {
                    "users": users,
                    "requests_per_s": speed * part,
                    "p95_ms": 2.0 * users / part / 8,
                    "failures": 0,
                    "server_cpu": part,
                    "locust_cpu": 0.5 * part,
                }
                for users, part in ((8, 0.35), (16, 0.62), (32, 0.9), (64, 1.0), (128, 0.96))
            ],
        },
        "rounds": [
            {
                "asked_per_s": asked,
                "requests_per_s": asked * part,
                "p50_ms": 4000 / speed * part,
                "p95_ms": 30_000 / speed * part,
                "p99_ms": 68_000 / speed * part,
                "failures": 0,
                "requests_per_cpu_s": 0.8 * speed / part,
                "memory_mb": 118 * part,
                "locust_cpu": 0.61,
            }
            for part in (0.97, 1.0, 1.04)
        ],
        "wrk": [
            {
                "path": path,
                "connections": 64,
                "requests_per_s": speed * part,
                "requests_per_cpu_s": 0.9 * speed * part,
                "p99_ms": 9.4,
            }
            for path, part in (("/post/1", 1.4), ("/", 1.2))
        ],
        "streams": None,
    } | more


def streams(ms: float, **more: int) -> dict[str, Any]:
    return {
        "count": 2000,
        "rounds": [
            {
                "bytes_each": 296.0,
                "cpu_us_per_delivery": 5.1 * part,
                "ms_to_99": 0.9 * ms * part,
                "ms_to_last": ms * part,
                "missing": 0,
                "double": 0,
                **more,
            }
            for part in (0.96, 1.0, 1.1)
        ],
    }


def full() -> dict[str, Any]:
    return {
        "at": "2026-11-25T14:00:00+0000",
        "commit": "47c37f0",
        "command": "make bench",
        "kind": "usual",
        "rounds": 3,
        "seconds": 10,
        "machine": {
            "cores": 2,
            "cpu": "AMD EPYC 9R14",
            "memory_gb": 24.0,
            "kernel": "6.12.0",
            "load_average": [0.08, 0.1, 0.2],
        },
        "versions": {"python": "3.13", "uwsgi": "2.0.31", "gunicorn": "27.0.1", "locust": "2.47.0"},
        "data": {"posts": 100, "updates": 600, "comments": 900, "seed": 1},
        "servers": [
            server("uwsgi", "uWSGI (uwsgi.ini)", 5934.0, streams=streams(85.2)),
            server("uwsgi-python", "uWSGI without the page store", 1240.0),
            server("gunicorn", "Gunicorn with gevent", 980.0, streams=streams(412.0)),
            server("waitress", "Waitress", 760.0),
            server("nginx", "nginx with a file", 7100.0, "Locust", is_limit=True),
            server("raw", "Raw WSGI under uWSGI", 6400.0, is_limit=True),
        ],
        "scenario": {
            "streams": 5000,
            "updates_per_s": 1,
            "rounds": [
                {"requests_per_s": 5410.0 * part, "p50_ms": 6.1, "p95_ms": 48.0, "p99_ms": 96.0, "server_cpu": 1.4}
                for part in (0.98, 1.0, 1.01)
            ],
            "theirs": {
                "name": "Rage (Ruby), 2 vCPU",
                "source": "rage-rb.dev, 2026-04-09",
                "requests_per_s": 5337,
                "p95_ms": 120,
            },
            "differences": ["Theirs ran on another machine.", "Their readers were on a machine of their own."],
        },
        "problems": [],
    }


def write(results: dict[str, Any], folder: Path) -> str:
    report_page.write_page(results, folder / "report.html")
    return (folder / "report.html").read_text()


def written_docs(results: dict[str, Any], folder: Path) -> dict[str, str]:
    """As `make benchmarks` does; {file's name: text}."""
    folder.mkdir()
    (folder / "benchmarks.json").write_text(json.dumps(results))
    command = [sys.executable, "-W", "error", "-m", "loadtests.bench.report_page"]
    subprocess.run([*command, str(folder / "benchmarks.json"), "--docs"], cwd=CHECKOUT, capture_output=True, check=True)
    return {path.name: path.read_text() for path in folder.iterdir() if path.suffix != ".json"}


def test_the_page_has_every_server_with_its_command_and_figures(tmp_path: Path) -> None:
    page = write(full(), tmp_path)
    for found in full()["servers"]:
        assert f'<th scope="row">{found["title"]}' in page
        assert f"PRESSROOM_WORKERS=2 {found['name']} --some &#39;option&#39;" in page
    assert "4,747<small>4,565 to 4,894</small>" in page
    for words in ("AMD EPYC 9R14", "2.0.31", "47c37f0", "make bench", "rage-rb.dev, 2026-04-09"):
        assert words in page
    assert page.count("<svg") == len(PICTURES)
    assert '<div role="alert">' not in page


def test_a_knee_that_is_locust_s_own_is_marked_wherever_it_stands(tmp_path: Path) -> None:
    limited = full() | {"servers": [server("uwsgi", "uWSGI", 5934.0, "Locust")]}
    page = write(limited, tmp_path)
    assert '<span class="marked">≥ 5,934</span><small><span class="marked">Locust’s limit; wrk: 8,308' in page
    assert "knee ≥ 5,934, Locust’s limit; wrk: 8,308" in page  # beside what 60 % of it is
    knee, climb = (next(chart for chart in charts(limited) if chart.name == name) for name in ("knee", "climb"))
    assert "≥ 5,934 Locust’s limit" in knee.svg and "8,308 wrk" in knee.svg
    assert "≥ 5,934 (Locust’s" in climb.svg
    assert "at least 5,900 page views per second (Locust’s limit; wrk: 8,300)" in report_page.summary(limited)
    assert "≥ 5,934 requests/s (Locust’s limit; wrk: 8,308)" in report_page.summary(limited)
    assert any("The maximum is unknown for uWSGI:" in doubt for doubt in figures.doubts(limited))
    assert "≥" not in report_page.summary(full() | {"servers": [server("uwsgi", "uWSGI", 5934.0)]})


def charts(results: dict[str, Any]) -> list[drawing.Chart]:
    return [chart for section in sections.sections(results) for chart in section.charts]


@pytest.mark.parametrize("results", [{}, {"servers": None, "scenario": None, "machine": None}, {"servers": [{}]}])
def test_nothing_is_said_to_be_nothing(results: dict[str, Any], tmp_path: Path) -> None:
    assert report_page.summary(results) == "Nothing was measured."
    page = write(results, tmp_path)
    assert "<table>" not in page and "<svg" not in page and "None" not in page


def test_each_part_may_be_missing(tmp_path: Path) -> None:
    """Of a server, of a round, and of a machine."""
    for part in ("knee", "rounds", "wrk", "streams", "environ"):
        lacking = full()
        for found in lacking["servers"]:
            found[part] = None
        assert "None" not in write(lacking, tmp_path)
    for key in full()["servers"][0]["rounds"][0]:
        lacking = full()
        for found in lacking["servers"]:
            found["rounds"] = [each | {key: None} for each in found["rounds"]]
        assert "None" not in write(lacking, tmp_path)
    without_steps = full()
    without_steps["servers"][0]["knee"] |= {"steps": None, "users": None}
    assert "None" not in write(without_steps | {"machine": {"cores": None}, "versions": {"nginx": None}}, tmp_path)


def test_figures_may_be_0() -> None:
    nothing = full()
    for found in nothing["servers"]:
        found["rounds"] = [dict.fromkeys(each, 0.0) for each in found["rounds"]]
        found["streams"] = streams(0.0)
    assert [chart.name for chart in charts(nothing)] == [chart.name for chart in charts(full())]
    assert report_page.summary(nothing).startswith(f"{VIEWS}; an update reaches")


def test_a_column_without_figures_is_left_out(tmp_path: Path) -> None:
    assert "Requests/s, wrk" in write(full(), tmp_path)
    lacking = full()
    for found in lacking["servers"]:
        found["wrk"] = None
    assert "Requests/s, wrk" not in write(lacking, tmp_path)


def test_what_the_json_says_is_never_markup(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script>|$x_1$'
    results = full() | {"problems": [evil], "commit": evil, "versions": {evil: evil}, "data": {evil: evil}}
    results["servers"] = [
        server("x", evil, 100.0, "Locust", command=evil, environ={"X": evil}, streams=streams(85.0)),
        server("y", "y", 100.0, error=evil),
    ]
    results["scenario"]["theirs"] |= {"name": evil, "source": evil}
    page = write(results, tmp_path)
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    docs = written_docs(results, tmp_path / "docs")
    assert "&#60;script>" in docs["benchmarks.md"]
    for text in docs.values():
        assert "<script" not in text
    rows = [line for line in docs["benchmarks.md"].splitlines() if line.startswith("| &#60;script")]
    assert rows
    assert "$x_1$" in docs["benchmarks-cpu.svg"]


def test_the_page_asks_nobody_for_anything(tmp_path: Path) -> None:
    page = write(full(), tmp_path)
    assert not re.findall(r"(?:src|href|data|action)=[\"'](?!#|data:)", page)
    assert not re.findall(r"url\((?!#)|@import", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)


def test_charts_are_the_same_bytes_each_time_and_take_the_page_s_colour() -> None:
    for first, second in zip(charts(full()), charts(full()), strict=True):
        assert first == second
        assert not re.search(rf"<metadata|<!DOCTYPE|{drawing.INK}|DejaVu", first.svg)
        texts = re.findall("<text [^>]*>", first.svg)
        assert texts and all("fill: currentColor" in text for text in texts)
        assert 'role="img"' in first.svg and f'aria-label="{first.title}"' in first.svg
        assert "prefers-color-scheme" not in first.svg
        root = ElementTree.fromstring(first.file)  # noqa: S314
        assert "prefers-color-scheme" in "".join(root.itertext())


def test_problems_stand_on_top(tmp_path: Path) -> None:
    results = full() | {"problems": ["The machine was busy."]}
    results["servers"][0]["rounds"][1]["failures"] = 3
    results["servers"][0]["streams"] = streams(85.2, missing=1)
    results["servers"][1] |= {"error": "It didn’t start.", "knee": None, "rounds": None, "wrk": None}
    page = write(results, tmp_path)
    box = page[page.index('<div role="alert">') : page.index("</header>")]
    for problem in (
        "The machine was busy.",
        "uWSGI (uwsgi.ini): 3 requests failed.",
        "uWSGI (uwsgi.ini): 3 updates never arrived.",
        "uWSGI without the page store: It didn’t start.",
    ):
        assert problem in box
        assert f"Problem: {problem}" in report_page.summary(results)
    assert '<span class="marked">3</span>' in page


VIEWS = "This machine (2 cores) serves 5,900 page views per second with uWSGI (uwsgi.ini)"


def test_the_capacity_is_one_sentence() -> None:
    def sentence(**more: Any) -> str:
        own = server("uwsgi", "uWSGI (uwsgi.ini)", 5934.0, **more)
        baseline = server("raw", "Raw WSGI", 9000.0, is_limit=True, streams=streams(1.0))
        return figures.capacity({"machine": {"cores": 2}, "servers": [baseline, own]})

    steady = f"{VIEWS}; at 60 % of that, 99 % take less than 12 ms"
    assert report_page.summary(full()).splitlines()[0] == (f"{steady}; an update reaches 2,000 readers in 85 ms.")
    assert sentence() == f"{steady}."
    assert sentence(rounds=None) == f"{VIEWS}."
    assert sentence(rounds=None, knee=None, wrk=None) == "Nothing was measured."
    assert sentence(knee=None, rounds=None) == f"{VIEWS.replace('5,900', '8,300')}, measured by wrk."
    assert sentence(knee=None, rounds=None, wrk=None, streams=streams(85.2)) == (
        "On this machine (2 cores) an update reaches 2,000 readers in 85 ms with uWSGI (uwsgi.ini)."
    )
    assert sentence(rounds=None, streams=streams(85.2, missing=2)) == (
        f"{VIEWS}; an update reaches 2,000 readers in 85 ms (6 never arrived)."
    )


def test_what_can_t_be_concluded_depends_on_the_run() -> None:
    def said(**more: Any) -> str:
        return " ".join(figures.doubts(full() | more))

    assert "quick run" not in said()
    assert "quick run" in said(kind="quick")
    assert "load average" not in said()
    assert "load average was 1.3" in said(machine={"cores": 2, "load_average": [1.3, 1, 1]})
    assert "Rage" in said()
    assert "Rage" not in said(scenario=None)
    close = [server("a", "A", 1000.0), server("b", "B", 1010.0), server("c", "C", 2000.0)]
    assert "A overlaps with B." in said(servers=close)
    once = [found | {"rounds": found["rounds"][:1]} for found in close]
    assert "There was one round" in said(servers=once)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (0, "0"),
        (0.517, "0.52"),
        (0.997, "1.0"),
        (8.44, "8.4"),
        (9.96, "10"),
        (64.0, "64"),
        (5934.4, "5,934"),
    ],
)
def test_numbers_have_commas_and_sensible_digits(value: float | None, words: str) -> None:
    assert figures.number(value) == words


def test_the_docs_are_made_from_their_json(tmp_path: Path) -> None:
    """From results made here, and from those of the checkout."""
    docs = written_docs(full(), tmp_path / "made")
    assert docs == written_docs(full(), tmp_path / "made again")
    assert sorted(docs) == sorted(["benchmarks.md", *(f"benchmarks-{name}.svg" for name in PICTURES)])
    assert re.findall(r"\]\((benchmarks-.*)\)", docs["benchmarks.md"]) and VIEWS in docs["benchmarks.md"].replace(
        "\xa0", " "
    )
    if (DOCS / "benchmarks.json").exists():
        made = written_docs(json.loads((DOCS / "benchmarks.json").read_text()), tmp_path / "committed")
        assert (DOCS / "benchmarks.md").read_text() == made["benchmarks.md"], "make benchmarks"
        assert {path.name for path in DOCS.glob("benchmarks*.*")} == {*made, "benchmarks.json"}


def test_older_pictures_go(tmp_path: Path) -> None:
    (tmp_path / "benchmarks-old.svg").write_text("")
    report_page.write_docs(full(), tmp_path)
    assert not (tmp_path / "benchmarks-old.svg").exists()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_everybody_can_read_the_page(page: Page, tmp_path: Path) -> None:
    """Light on a desk, dark on a phone."""
    results = full() | {"problems": ["The machine was busy."]}
    results["servers"][0]["command"] = "uwsgi " + "--a-long-option value " * 20
    write(results, tmp_path)
    for width, scheme in ((1280, "light"), (360, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto((tmp_path / "report.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
        assert page.locator("h1").count() == 1
        assert page.evaluate(CONTRAST) == []
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
