"""The site's own pictures in a text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html.parser import HTMLParser

import pytest

from webapp.text.markdown import TextRefused
from webapp.text.pictures import Picture, names
from webapp.text.render import render_comment, render_post, render_update

NAME, OTHER, GONE = "0123456789abcdef", "fedcba9876543210", "1111111111111111"
KNOWN = {
    NAME: Picture(NAME, 1_200, 800, (480, 960, 1_200), "jpg", "#a1b2c3", "A goal", "At the derby", "Ada"),
    OTHER: Picture(OTHER, 300, 200, (300,), "webp", "#000000", "", "", ""),
}
SOURCE = (
    '<source type="image/webp" srcset="/media/0123456789abcdef-480.webp 480w, /media/0123456789abcdef-960.webp 960w, '
    '/media/0123456789abcdef-1200.webp 1200w" sizes="(min-width: 44rem) 36rem, 100vw">'
)


class Tags(HTMLParser):
    """All tags and attributes of some HTML, as a browser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _value in attrs}


def lookup(found: Collection[str]) -> Mapping[str, Picture]:
    return {name: KNOWN[name] for name in found if name in KNOWN}


def shown(alt: str) -> str:
    image = f'<img src="/media/{NAME}-960.jpg" alt="{alt}" width="960" height="640" loading="lazy" decoding="async"'
    return f'<picture>{SOURCE}{image} data-ground="#a1b2c3"></picture>'


def figure(alt: str, caption: str) -> str:
    words = f'<figcaption dir="auto">{caption} · <small class="picture__credit">Ada</small></figcaption>'
    return f'<figure class="picture"><a href="/media/{NAME}-1200.webp">{shown(alt)}</a>{words}</figure>'


def post(markdown: str) -> str:
    return render_post(markdown, lookup).html.strip()


def test_alone_it_is_a_figure() -> None:
    assert post(f"![](/media/{NAME})") == figure("A goal", "At the derby")


def test_what_the_text_says_counts_more_than_the_library() -> None:
    assert post(f'![A "save"](/media/{NAME} "In <b>May</b>")') == figure(
        "A &quot;save&quot;", "In &lt;b&gt;May&lt;/b&gt;"
    )


def test_several_alone_are_several_figures() -> None:
    one = figure("A goal", "At the derby")
    two = f"![](/media/{NAME})\n![](/media/{NAME})"
    assert post(two) == one + one
    assert render_update(two, lookup).strip() == one + one


def test_within_a_sentence_it_stays_there() -> None:
    assert post(f"See ![](/media/{NAME}) here.") == f'<p dir="auto">See {shown("A goal")} here.</p>'


def test_a_link_around_it_is_the_authors() -> None:
    html = post(f"[![](/media/{NAME})](https://example.org)")
    assert "<figure" not in html
    assert f'href="https://example.org" rel="noopener">{shown("A goal")}</a>' in html


def test_a_link_to_a_picture_without_alt_text_has_a_name() -> None:
    """That of its caption, or its size: a text may be in any language."""
    assert 'aria-label="300 × 200"' in post(f"![](/media/{OTHER})")
    assert 'aria-label="A &lt;b&gt; &quot;c&quot;"' in post(f"![](/media/{OTHER} 'A <b> \"c\"')")
    assert "aria-label" not in post(f"![](/media/{NAME})")


def test_an_element_of_the_authors_keeps_its_sources() -> None:
    source = '<source srcset="https://example.org/a.webp" type="image/webp">'
    html = post(f'<picture>{source}<img src="/media/{NAME}"></picture>')
    assert html.count("<picture>") == html.count("<source") == 1
    assert f'{source}<img src="/media/{NAME}-960.jpg" alt="A goal"' in html


def test_a_summary_has_no_figure_that_leads_elsewhere() -> None:
    html = post(f"<details><summary>\n\n![](/media/{NAME})\n\n</summary>\n\n![](/media/{NAME})\n\n</details>")
    summary = html.partition("</summary>")[0]
    assert shown("A goal") in summary and "<p" not in summary.replace("<picture", "")
    assert html.count("<figure") == 1 and "<figure" in html.partition("</summary>")[2]


def test_a_heading_of_a_picture_alone_is_no_entry_of_the_contents() -> None:
    toc = render_post(f"## ![](/media/{NAME})\n\n## Second\n\n## ![A goal](/media/{NAME})", lookup).toc
    assert [heading.text for heading in toc] == ["Second", "A goal"]


def test_an_animation_is_one_file() -> None:
    image = (
        '<img src="/media/fedcba9876543210-300.webp" alt="" width="300" height="200" loading="lazy" decoding="async"'
    )
    link = '<a href="/media/fedcba9876543210-300.webp" aria-label="300 × 200">'
    assert post(f"![](/media/{OTHER})") == f'<figure class="picture">{link}{image} data-ground="#000000"></a></figure>'


def test_one_that_is_gone_leaves_its_words() -> None:
    assert post(f"![A <b>save</b>](/media/{GONE})") == '<p dir="auto">A &lt;b&gt;save&lt;/b&gt;</p>'
    assert post(f"![](/media/{GONE})![](/media/{NAME})") == f'<p dir="auto">{shown("A goal")}</p>'


def test_one_that_is_gone_and_said_nothing_leaves_nothing() -> None:
    assert post(f"Before.\n\n![](/media/{GONE})\n\nAfter.") == '<p dir="auto">Before.</p>\n\n<p dir="auto">After.</p>'


def test_in_code_it_is_code() -> None:
    assert "<picture" not in post(f"`![](/media/{NAME})`\n\n    ![](/media/{NAME})")


def test_pictures_of_other_sites_and_of_the_sites_own_face_stay_as_they_are() -> None:
    html = post("![x](https://example.org/media/0123456789abcdef)\n\n![logo](/media/site/logo.svg)")
    assert "<picture" not in html
    assert html.count("<img ") == 2


def test_in_a_comment_it_is_a_link() -> None:
    assert "<img" not in render_comment(f"![x](/media/{NAME})")


@pytest.mark.parametrize(
    "attack",
    [
        f'<img src="/media/{NAME}" alt="&quot;><script>alert(1)</script>">',
        f'<img src="/media/{NAME}" title="&lt;script&gt;alert(1)&lt;/script&gt;">',
        f'<span title="<img src=" lang="/media/{NAME}">x</span>',
        f"<span title='<img src=\"/media/{NAME}\">'>x</span>",
        f'<span title="<p><img></p>" lang="<img src=">/media/{NAME}</span>',
        f'![" onerror="alert(1)](/media/{NAME} "\\" onload=\\"alert(1)")',
    ],
)
def test_words_stay_words(attack: str) -> None:
    tags = Tags(post(attack))
    assert "script" not in tags.names
    assert not {"onerror", "onload"} & tags.attributes


def test_names_of_all_that_a_text_speaks_of() -> None:
    text = f"![](/media/{OTHER}) ![](/media/{NAME}) /media/{OTHER}-480.webp /media/{NAME}0 /media/site/logo.png"
    assert names(text) == [OTHER, NAME]


def test_a_text_has_a_bound_of_pictures() -> None:
    render_update(f"![](/media/{NAME})\n" * 50, lookup)
    with pytest.raises(TextRefused, match="more than 50 pictures"):
        render_update(f"![](/media/{NAME})\n" * 51, lookup)
