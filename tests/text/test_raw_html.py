"""An author's own HTML: what of it is kept, and where it ends."""

import pytest

from webapp.text.markdown import TextRefused
from webapp.text.render import render_post


def post(markdown: str) -> str:
    return render_post(markdown).html


def test_raw_html_of_an_author_keeps_what_is_known():
    html = post("<details><summary>More</summary>\n\n**a** <kbd>Ctrl</kbd> H<sub>2</sub>O\n\n</details>\n\nafter")
    assert html == (
        "<details><summary>More</summary>\n"
        '<p dir="auto"><strong>a</strong> <kbd>Ctrl</kbd> H<sub>2</sub>O</p>\n</details>\n<p dir="auto">after</p>\n'
    )


def test_raw_html_stays_where_it_was_opened():
    assert post("a <b>b\n\nc") == '<p dir="auto">a <b>b</b></p>\n<p dir="auto">c</p>\n'
    assert "</li>\n</ul>\n" in post("- a\n\n  </li></ul></div>\n\n  b\n")
    assert post("> <div>\n\nafter").endswith('</blockquote>\n<p dir="auto">after</p>\n')


def test_what_is_not_known_is_shown_and_comments_are_not():
    html = post("<blink>x</blink> <!-- secret -->\n\n<!-- secret\n\nsecret -->\n")
    assert "&lt;blink&gt;x&lt;/blink&gt;" in html
    assert "secret" not in html


def test_raw_html_is_not_nested_too_deep():
    post("<div>" * 20)
    with pytest.raises(TextRefused, match="HTML tags"):
        post("<div>" * 21)
