"""What `make bench` found, to be read: a page with tables and charts, or the docs' page.

    .venv/bin/python -m loadtests.bench.report_page loadtests/results/2026-11-25/results.json

writes report.html beside the JSON; with --docs, benchmarks.md and its pictures instead. Several rounds give a median
and a range. Whatever wasn't measured is left out.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from loadtests.bench.figures import capacity, doubts, facts, problems, run, servers, summary
from loadtests.bench.sections import sections

TEMPLATES = Path(__file__).parent / "templates"


def write_page(results: dict[str, Any], path: Path) -> None:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
    path.write_text(environment.get_template("bench.html").render(_words(results)))


def write_docs(results: dict[str, Any], folder: Path) -> None:
    """benchmarks.md and a benchmarks-*.svg for each chart, in place of older ones."""
    # Jinja's own escaping is for HTML.
    environment = Environment(loader=FileSystemLoader(TEMPLATES), finalize=_markdown, trim_blocks=True)  # noqa: S701
    words = _words(results)
    for old in folder.glob("benchmarks-*.svg"):
        old.unlink()
    for chart in (chart for section in words["sections"] for chart in section.charts):
        (folder / f"benchmarks-{chart.name}.svg").write_text(chart.file)
    page = environment.get_template("bench.md").render(words)
    (folder / "benchmarks.md").write_text(re.sub(r"\n{3,}", "\n\n", page) + "\n")


def _markdown(value: object) -> str:
    """On one line, and nothing of it is markup."""
    return re.sub(r"[&<|*`\[\]\\]", lambda found: f"&#{ord(found[0])};", " ".join(str(value).split()))


def _words(results: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": run(results),
        "capacity": re.sub(r"(?<=\d) (?=ms|%)", "\N{NO-BREAK SPACE}", capacity(results)),
        "problems": problems(results),
        "sections": sections(results),
        "doubts": doubts(results),
        "facts": facts(results),
        "commands": [(server.title, server.command_line) for server in servers(results)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, help="a results.json of make bench")
    parser.add_argument("--docs", action="store_true", help="benchmarks.md and its pictures, not report.html")
    chosen = parser.parse_args()
    results = json.loads(chosen.results.read_text())
    if chosen.docs:
        write_docs(results, chosen.results.parent)
    else:
        write_page(results, chosen.results.with_name("report.html"))
    print(summary(results))


if __name__ == "__main__":
    main()
