"""The docs: both languages alike, no link into nothing, and what they name is in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.checkout import CHECKOUT
from webapp.config import SETTINGS

DOCS = [
    path for pattern in ("*.md", "docs/**/*.md", "deploy/*.md", "loadtests/*.md") for path in CHECKOUT.glob(pattern)
]
CODE = "\n".join(
    path.read_text("utf-8")
    for pattern in ("Makefile", "webapp/**/*.py", "templates/**/*.html", "static/**/*.css", "static/**/*.js")
    for path in CHECKOUT.glob(pattern)
)
CHINESE = [CHECKOUT / "README.zh.md", *CHECKOUT.glob("docs/zh/*.md")]


def english(page: Path) -> Path:
    return CHECKOUT / "README.md" if page.name == "README.zh.md" else CHECKOUT / "docs" / page.name


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((CHECKOUT / "README.md").read_text("utf-8").split()) <= 1300


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", page.read_text("utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)", linked.read_text("utf-8"), re.MULTILINE)
            assert anchor[1:] in [re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in headings]


# English and Chinese


def parts(page: Path) -> dict[str, list[str]]:
    """What has to be the same in both: commands, the code that rows of tables begin with, links, headings' depths."""
    text = page.read_text("utf-8")
    row = re.compile(r"^\| (`[^|]*`) \|", re.MULTILINE)
    links = [link for pair in re.findall(r"\]\(([^)]+)\)|<(http[^>]+)>", text) for link in pair if link]
    return {
        "commands": re.findall(r"^```sh\n.*?^```", text, re.MULTILINE | re.DOTALL),
        "rows": ["".join(re.findall("`[^`]+`", cell)) for cell in row.findall(text)],
        "links": [Path(link).name for link in links if not link.startswith("README")],
        "headings": re.findall(r"^#+ ", text, re.MULTILINE),
    }


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_the_chinese_page_says_the_same(page: Path) -> None:
    assert parts(page) == parts(english(page))


def test_the_readmes_link_to_each_other() -> None:
    assert "](README.zh.md)" in (CHECKOUT / "README.md").read_text("utf-8")
    assert "](README.md)" in (CHECKOUT / "README.zh.md").read_text("utf-8")


# What they name


def test_every_setting_is_documented_and_no_other() -> None:
    table = (CHECKOUT / "docs" / "settings.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| `PRESSROOM_(\w+)` \|", table, re.MULTILINE)) == sorted(one.name for one in SETTINGS)
    for page in DOCS:
        named = set(re.findall(r"PRESSROOM_([A-Z]+(?:_[A-Z]+)*)", page.read_text("utf-8")))
        assert named <= {setting.name for setting in SETTINGS} | {"TLS"}, page  # Apache's


def test_the_messages_of_troubleshooting_are_those_of_the_code() -> None:
    table = (
        (CHECKOUT / "docs" / "troubleshooting.md").read_text("utf-8").partition("|---|---|\n")[2].partition("\n\n")[0]
    )
    messages = [row.split(" | ")[0].strip("| ") for row in table.splitlines() if "pages hang" not in row]
    assert len(messages) > 7
    for part in re.split(r"…|, or |, |\n", "\n".join(messages)):
        assert part.strip().removeprefix("or ") in CODE, part


def test_the_glossary_s_words_are_those_of_the_code() -> None:
    table = (CHECKOUT / "docs" / "contributing.md").read_text("utf-8").partition("| CSS class |\n")[2]
    catalogue = (CHECKOUT / "webapp" / "translations" / "zh.po").read_text("utf-8")
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]
    assert len(rows) > 10
    for word, chinese, code, css in rows:
        assert chinese in catalogue, word
        assert re.search(rf"\b{code}\b", CODE), word
        assert css in CODE, word
