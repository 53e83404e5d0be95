"""Code: coloured by class, in no more time than that is worth."""

import re

import pytest

from support.checkout import CHECKOUT
from webapp.text import highlight
from webapp.text.render import render_post


def post(markdown: str) -> str:
    return render_post(markdown).html


def test_code_is_coloured_by_class_and_scrolls_in_its_own_box():
    html = post('```python\nreturn "<b>"\n```\n')
    assert html == (
        '<pre dir="ltr" tabindex="0" translate="no"><code><span class="c-k">return</span> '
        '<span class="c-s">"&lt;b&gt;"</span>\n</code></pre>\n'
    )


@pytest.mark.parametrize("info", ["", "klingon", "python3.99", "<b>", "markdown"])
def test_code_in_no_known_language_is_plain(info):
    assert "<code>return 1\n</code>" in post(f"```{info}\nreturn 1\n```")


def test_every_language_that_is_named_exists():
    named = {name.strip() for name in highlight.LANGUAGES.split(";")}
    assert set(highlight._aliases().values()) == named


def test_every_class_of_code_has_a_colour():
    css = (CHECKOUT / "static/css/code.css").read_text(encoding="utf-8")
    assert set(re.findall(r"\.(c-\w+)", css)) == highlight.CLASSES


def test_code_that_takes_too_long_to_colour_stays_plain(monkeypatch):
    monkeypatch.setattr(highlight, "MAX_SECONDS", -1.0)
    assert "<span" not in post("```python\nreturn 1\n```")


def test_a_list_of_digits_is_plain_and_not_refused():
    assert "<span" not in post("```json\n[" + "1," * 4000 + "1]\n```")


def test_runs_of_blanks_are_not_searched() -> None:
    """INI looks for a value at each of them: 10,000 take over a second, whatever the bound on a text says."""
    env: dict[str, float] = {}
    for language in ("ini", "python", "sql"):
        code = "if " + " " * 9_900 + "!\n"
        assert highlight.highlighted(code, language, env) == code
    assert "highlight_seconds" not in env


def test_a_text_that_used_its_time_gets_no_more() -> None:
    env = {"highlight_seconds": highlight.MAX_SECONDS + 0.1}
    assert highlight.highlighted("if x: pass", "python", env) == "if x: pass"
