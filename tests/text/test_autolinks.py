"""Bare addresses as links: which are, where they end, and where none is looked for."""

import re
import time

import pytest

from webapp.text import autolinks
from webapp.text.render import render_comment, render_post, render_update

# What is linked stands in braces.
LINKED = [
    "The list is at {https://example.org/list} and {www.example.org}",
    "{http://localhost:8000/a?b=c&d#e}, {HTTPS://A.ORG}. {ftp://a.org}! {WWW.a.org}",
    "({https://a.org/b_(c)}) ({www.a.org/b}) {www.a.org/(b)c}?! {www.a.org/b};",
    "*{https://a.org/b}* **{www.a.org}**, ~~{a@b.org}~~ __{https://a.org}__ _{www.a.org}_ _{a@b.org}_",
    "{https://a.org/__init__.py} {https://a.org/*b*c} {https://a.org/~ann} {https://a.org/a_b_c.html}",
    '"{https://a.org}" “{https://a.org}” «{www.a.org}» [{https://a.org}] [see {www.a.org/x}]. <{https://a.org/b} c>',
    "{ann@a.org}, {a.b-c_d+e@mail.example.org}; a.b@c- a@b.c_ a@b. a@.b @b.c a@@b.c hello@mail+xyz.example",
    "{mailto:ann@a.org}. {xmpp:ann@a.org}, {xmpp:ann@a.org/phone}. git://a.b, ssh://ann@a.b, user:{ann@a.org}",
    "详见{https://example.org}。{https://example.org/a}，（{www.example.org}）「{https://example.org/b}」和{ann@a.org}；",
    "見{https://ja.wikipedia.org/wiki/日本}、【{https://a.org/b}】《{www.a.org}》{https://a.org/c}！{https://a.org/d}？",
    "请访问{https://example.org}网站，{https://例子.中国/路径}　{https://bücher.example/ü} и {https://пример.рф/путь}.",
    "انظر {https://example.org/a}، و {www.example.org}؟ देखें {https://हिन्दी.भारत/क}।",
    "README.md main.rs 1.2.3 a.b/c example.org node.js e.g.this",
    "xhttps://a.org 1www.a.org a.www.a.org www.a www.. www. https:// https://. http://a_b.org http://a.b_c.org",
    "{https://a_b.c.org} http://-_. müller@a.org a/b@c.org wwwww.a.org {https://a.org./b}",
    "{https://a.org/}\"b {https://a.org}>b {https://a.org/a|b}| {https://a.org/}'",
]


@pytest.mark.parametrize("written", LINKED)
def test_what_is_an_address_is_linked_and_nothing_else(written):
    text = re.sub("[{}]", "", written)
    found = [text[start:end] for start, (end, _address) in sorted(autolinks.found_in(text).items())]
    assert found == re.findall(r"\{(.*?)\}", written)


@pytest.mark.parametrize(
    ("markdown", "address", "words"),
    [
        ("www.a.org/b", "http://www.a.org/b", "www.a.org/b"),
        ("foo@bar.baz", "mailto:foo@bar.baz", "foo@bar.baz"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC", "https://bücher.example/ü"),
        ("https://a.org/?b=1&amp;c\\_d=2", "https://a.org/?b=1&amp;c_d=2", "https://a.org/?b=1&amp;c_d=2"),
        ("https://a.org/__init__.py", "https://a.org/__init__.py", "https://a.org/__init__.py"),
        ("snake_case_name@a.org", "mailto:snake_case_name@a.org", "snake_case_name@a.org"),
    ],
)
@pytest.mark.parametrize(
    ("render", "rel"),
    [
        (lambda markdown: render_post(markdown).html, "noopener"),
        (render_update, "noopener"),
        (render_comment, "nofollow ugc noopener"),
    ],
)
def test_a_bare_address_is_a_link_everywhere(markdown, address, words, render, rel):
    assert render(markdown) == f'<p dir="auto"><a href="{address}" rel="{rel}">{words}</a></p>\n'


@pytest.mark.parametrize(
    "markdown",
    [
        "`https://a.org www.a.org a@b.org`",
        "    https://a.org www.a.org a@b.org",
        "```\nhttps://a.org\n```",
        "<!-- https://a.org -->",
        "https\\://a.org www\\.a.org a\\@b.org",
    ],
)
def test_no_link_is_made_in_code_or_of_what_is_escaped(markdown):
    assert "<a" not in render_post(markdown).html


@pytest.mark.parametrize(
    "markdown",
    [
        "[https://a.org](https://b.org)",
        "[see www.a.org/x, *a@b.org*](https://b.org)",
        "<https://b.org>",
        "[www.a.org]\n\n[www.a.org]: https://b.org",
        '<a href="https://b.org">https://a.org **www.a.org**</a>',
        "[x](https://b.org 'https://a.org')",
        "[![www.a.org](https://a.org/b.png)](https://b.org)",
    ],
)
def test_no_link_is_made_inside_a_link(markdown):
    html = render_post(markdown).html
    assert re.findall('<a [^>]*href="([^"]*)"', html) == ["https://b.org"]


def test_an_address_before_a_footnote_or_in_a_table_ends_there():
    html = render_post("https://a.org[^1]\n\n| www.a.org | a@b.org |\n|-|-|\n\n[^1]: note").html
    assert html.count("<a href=") == 4
    assert '"https://a.org"' in html
    assert ">www.a.org<" in html


def test_an_image_keeps_its_words():
    assert 'alt="see www.a.org"' in render_post("![see www.a.org](https://a.org/b.png)").html


def test_html_that_a_reader_pastes_links_its_address_alone():
    assert 'href="https://a.org/b"' in render_comment('<a href="https://a.org/b">x</a>')


@pytest.mark.parametrize(
    "unit", ["https://[", "www.a_", "www.", "http://", "a@", "@", "a@b", "a@b.", "a.", "_", "https://a.b/)", "a@b.c_"]
)
@pytest.mark.parametrize("tail", ["", ")" * 50_000, ";" * 50_000, "&amp;" * 10_000, "_" * 50_000])
def test_the_search_takes_time_in_proportion_to_the_text(unit, tail):
    started = time.process_time()
    autolinks.found_in("https://a.b/" + unit * (100_000 // len(unit)) + tail)
    autolinks.found_in(unit * (100_000 // len(unit)) + tail)
    assert time.process_time() - started < 3  # seconds; 0.1 on an idle machine, minutes if it were quadratic
