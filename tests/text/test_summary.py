"""Plain text of a rendering, and the summary that is cut from it."""

from webapp.text.render import render_post
from webapp.text.summary import plain, summary


def post(markdown: str) -> str:
    return render_post(markdown).html


def test_plain_text_has_a_line_for_each_block():
    html = post("# Title\n\nOne *two*[^1] `a < b`\n\n- three\n- four\n\n![alt words](/media/a.png)\n\n[^1]: note")
    assert plain(html) == "Title\nOne two a < b\nthree\nfour\nalt words\nnote"


def test_a_summary_passes_over_headings_code_and_tables():
    assert summary(post("# Title\n\n```python\ncode\n```\n\nFirst words.\n\n|a|\n|-|\n|b|")) == "First words."
    assert summary(post("# Only a title")) == "Only a title"


def test_a_summary_passes_over_pictures_unless_there_is_nothing_else():
    figure = '<figure class="picture"><a href="/x"><img alt="A keeper"></a><figcaption>He jumps</figcaption></figure>'
    assert summary(f"{figure}\n<p>Goal!</p>") == "Goal!"
    assert summary(figure) == "A keeper He jumps"


def test_a_summary_is_cut_between_words_or_cjk_characters():
    assert summary(post("one two three four"), 12) == "one two…"
    assert summary(post("一二三四五六七八九十"), 6) == "一二三四五…"
    assert summary(post("一二三四，六七八九十"), 5) == "一二三…"
    assert summary(post("short"), 5) == "short"
    assert summary(post("a" * 50), 10) == "a" * 9 + "…"
    assert summary(post("ab " + "👩‍👩‍👧" * 2), 7) == "ab…"
