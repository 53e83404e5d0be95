"""The demos' scripts: whole, plain, and each in its own language."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from webapp import demo
from webapp.people.names import DEMO
from webapp.text.render import render_comment, render_update

LANGUAGES = ("en", "zh")
HAN = re.compile("[\u3400-\u9fff]")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_script_is_whole(language: str) -> None:
    script = demo.script(language)
    steps = script["steps"]
    kinds = Counter(step["do"] for step in steps)
    assert (kinds["update"], kinds["correct"], kinds["withdraw"], kinds["delete"], kinds["end"]) == (40, 2, 1, 1, 1)
    assert kinds["pin"] == 2
    assert kinds["unpin"] == 1
    assert steps[-1]["do"] == "end"
    at = [step["at"] for step in steps]
    assert at == sorted(set(at))
    assert 180 < at[-1] < 480
    names = [script["author"], *script["people"]]
    assert len(set(names)) == 6
    assert all(name.startswith(DEMO[language]) for name in names)
    assert {step["by"] for step in steps if step["do"] == "comment"} == set(script["people"])
    named: set[str] = set()
    for step in steps:
        assert step.get("of") is None or step["of"] in named
        assert set(re.findall(r"\]\(#(\w+)\)", step.get("text", ""))) <= named
        named |= {step["name"]} if "name" in step else set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_ends_within_a_paragraph(language: str) -> None:
    for step in demo.script(language)["steps"]:
        assert "<br" not in render_update(step.get("text", "")), step
    listed = "Two\nlines.\n\n- one\n- two\n\n| a |\n|---|\n\n> said\n> on\n"
    assert demo.unwrapped(listed) == "Two lines.\n\n- one\n- two\n\n| a |\n|---|\n\n> said on\n"


def written(language: str) -> list[str]:
    script = demo.script(language)
    parts = [script["summary"], *script["tags"]]
    keys = ("title", "note", "text", "alt", "caption")
    return parts + [part[key] for part in (script, *script["steps"]) for key in keys if key in part]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures_have_alt_text_and_none_is_corrected_away(language: str) -> None:
    script = demo.script(language)
    shown = [part for part in (script, *script["steps"]) if "picture" in part]
    assert shown[0] is script, "the cover"
    assert len(shown) == 4
    assert all(20 < len(part["alt"]) < 250 for part in shown)
    assert {part["do"] for part in shown[1:]} == {"update"}
    corrected = {step["of"] for step in script["steps"] if step["do"] in ("correct", "withdraw")}
    assert not corrected & {part.get("name") for part in shown}


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_plain_markdown_that_leads_nowhere_else(language: str) -> None:
    for part in written(language):
        assert "<" not in part
        assert "![" not in part
        assert "http" not in part
        assert "&lt;" not in render_comment(part)
        assert all(link.startswith("#") for link in re.findall(r"\]\(([^)]*)\)", part))
        assert not re.search(r"[\"'*]{2}$|\s$", part.rstrip("\n")) or part.rstrip().endswith("**")


def test_the_english_is_english_and_the_chinese_chinese() -> None:
    for part in written("en"):
        assert len(HAN.findall(part)) <= 4, part
        assert not re.search("[\"']", part), "typographic quotation marks"
    for part in written("zh"):
        assert HAN.search(part), part
        assert not re.search(r"[A-Za-z]+[ ,]+[A-Za-z]+", part), part
        assert not re.search(r"[\u3400-\u9fff][,;:?!]|[,;:?!][\u3400-\u9fff]", part), "Chinese punctuation"
