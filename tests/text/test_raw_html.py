"""An author's own HTML: what of it is kept, and where it ends."""

import pytest

from webapp.text.markdown import TextRefused
from webapp.text.render import render_comment, render_post


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


@pytest.mark.parametrize("tag", ["del", "ins"])
def test_what_was_deleted_or_inserted_may_be_blocks(tag):
    html = post(f"<{tag}>\n\nwithdrawn *sentence*\n\n- a\n\n</{tag}>\n\nafter")
    assert html == (
        f'<{tag}>\n<p dir="auto">withdrawn <em>sentence</em></p>\n<ul dir="auto">\n<li>a</li>\n</ul>\n</{tag}>\n'
        '<p dir="auto">after</p>\n'
    )
    assert f"<{tag}>\n<p>a</p><p>b</p></{tag}>" in post(f"<{tag}>\n<p>a</p><p>b</p></{tag}>\n")
    assert post(f"<div>\n<{tag}>\n\na\n\n</div>\n\nb").endswith(f'</{tag}></div>\n<p dir="auto">b</p>\n')
    assert post(f"> <{tag}>\n>\n> a\n\nb").endswith(f'</{tag}></blockquote>\n<p dir="auto">b</p>\n')
    assert post(f"a <{tag}>b\n\nc") == f'<p dir="auto">a <{tag}>b</{tag}></p>\n<p dir="auto">c</p>\n'
    assert f"<p>a<{tag}>b\n</{tag}></p><p>c</p>" in post(f"<p>a<{tag}>b\n\n<p>c</p>")


def test_a_picture_keeps_its_sources_from_https_or_the_site():
    first = '<source srcset="https://a.b/c.webp 2x, /media/d.webp 8w" type="image/webp" media="(min-width: 9em)">'
    html = post(
        f"<picture>\n{first}\n"
        '<source srcset="http://a.b/c.webp"><source srcset="https://a.b/c.webp, data:x"><source media="print">\n'
        '<img src="https://a.b/c.png" alt="c" srcset="/media/c.png 2x" sizes="50vw"></picture>\n'
    )
    assert html.count("<source") == 1
    assert (
        '<source srcset="https://a.b/c.webp 2x, /media/d.webp 8w" type="image/webp" media="(min-width: 9em)">' in html
    )
    assert 'srcset="/media/c.png 2x" sizes="50vw"' in html
    assert "<source" not in post('<source srcset="https://a.b/c.png"> x')
    assert "srcset" not in post('<img src="https://a.b/c.png" srcset="javascript:alert(1)">')


LEFT_OUT = ["applet", "audio", "canvas", "iframe", "math", "noscript", "object", "script", "style", "svg", "video"]


@pytest.mark.parametrize("tag", [*LEFT_OUT, "template", "VIDEO"])
@pytest.mark.parametrize(
    "around",
    [
        "a\n\n<{0} x='y'>\nsecret <b>bold\n</{0}>\n\nb",
        "a\n\n<{0}>\n\n**secret** `x`\n\n<div>\n\n> - secret\n\n</{0} >\n\nb",
        "a <{0}>secret *x*</{0}> b",
        "a\n\n<div><{0} src=x></{0}></div>\n\nb",
        "a\n\n- x\n\n  <{0}>secret</{0}>\n\nb",
        "a\n\n<{0}>secret\n\nsecret</{0}> b",
    ],
)
def test_what_is_no_text_is_left_out_with_all_that_is_inside(tag, around):
    html = post(around.format(tag))
    if "secret\n\nsecret" in around and tag not in ("script", "style"):
        return  # begins in one block and ends in another's words, so it has no end and is shown
    assert "secret" not in html
    assert "&lt;" not in html
    assert html.startswith('<p dir="auto">a')
    assert html.removesuffix("</p>\n").endswith("b")


@pytest.mark.parametrize("tag", LEFT_OUT)
def test_such_a_tag_without_its_end_hides_nothing(tag):
    assert post(f"Use <{tag}> for that.") == f'<p dir="auto">Use &lt;{tag}&gt; for that.</p>\n'
    assert "after" in post(f"> <{tag}>\n\nafter\n\n</{tag}>")
    assert "after" in post(f"<{tag}>\n\nafter <!-- </{tag}> -->")


def test_a_link_without_an_address_that_is_allowed_is_text():
    html = post('<a name="x">a</a> [b](foo:bar) <a href="javascript:x">c *d*</a> [e](/f) <a>g</a>')
    assert html == '<p dir="auto">a b c <em>d</em> <a href="/f" rel="noopener">e</a> g</p>\n'


def test_authors_link_to_telephones_and_places():
    markdown = "[a](tel:+49-30-1) [b](sms:+4930) [c](geo:52.5,13.4) <tel:+4930> <a href='tel:1'>d</a>"
    assert post(markdown).count("<a href=") == 5
    assert "<a" not in render_comment(markdown.replace("<a", "").replace("</a>", ""))
