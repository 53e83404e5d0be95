"""Markdown files read for import: front matter of every kind, and which files are found."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from webapp.content import importing, old_addresses

OPTIONS = importing.Options(ZoneInfo("Europe/Berlin"))


@pytest.fixture
def read(folder: Path) -> Callable[..., importing.Source]:
    def read(text: str | bytes, name: str = "a-file.md") -> importing.Source:
        path = folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return importing.read(importing.File(path, name), OPTIONS)

    return read


def matter(**fields: Any) -> str:
    return "---\n" + "".join(f"{name}: {value}\n" for name, value in fields.items()) + "---\n\nThe text.\n"


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


# Front matter


def test_every_field_is_read(read: Callable[..., importing.Source]) -> None:
    source = read(
        matter(title="A title", summary="In short.", tags="[one, two]", language="en", date="2026-03-01T20:41:00Z")
    )
    writing = source.writing
    assert (writing.title, writing.summary, writing.body) == ("A title", "In short.", "The text.")
    assert (writing.tags, writing.language, source.at_ms) == (["one", "two"], "en", utc(2026, 3, 1, 20, 41))
    assert ">The text.</p>" in writing.rendered.html


def test_nothing_is_needed(read: Callable[..., importing.Source]) -> None:
    source = read("The text.")
    writing = source.writing
    assert (writing.title, writing.body, writing.tags, source.at_ms) == ("a-file", "The text.", [], None)


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        ("# The heading\n\nText.", "The heading", "Text."),
        ("\n\n#  The heading  ##\nText.", "The heading", "Text."),
        ("---\ntitle: The heading\n---\n# The heading\n\nText.", "The heading", "Text."),
        ("---\ntitle: Another\n---\n# The heading\n\nText.", "Another", "# The heading\n\nText."),
        ("---\ntitle:\n---\n# The heading\n\nText.", "The heading", "Text."),
        ("---\ntitle: 2026\n---\nText.", "2026", "Text."),
        ('---\ntitle: "two\\nlines\\0"\n---\nText.', "two lines", "Text."),
        ("## Smaller\n\nText.", "a-file", "## Smaller\n\nText."),
        ("#hashtag\n\nText.", "a-file", "#hashtag\n\nText."),
        ("Text.\n\n# Later", "a-file", "Text.\n\n# Later"),
        ("# Only this", "Only this", ""),
        ("", "a-file", ""),
        ("\ufeff---\ntitle: With a mark\n---\nText.", "With a mark", "Text."),
        ("---\r\ntitle: From Windows\r\n---\r\nOne.\r\nTwo.\r\n", "From Windows", "One.\nTwo."),
    ],
)
def test_the_title_is_found(read: Callable[..., importing.Source], text: str, title: str, body: str) -> None:
    writing = read(text).writing
    assert (writing.title, writing.body) == (title, body)


def test_a_long_title_is_cut_to_what_the_form_takes(read: Callable[..., importing.Source]) -> None:
    writing = read(matter(title="x" * 300, summary="y" * 900)).writing
    assert (len(writing.title), len(writing.summary)) == (200, 500)


@pytest.mark.parametrize(
    ("written", "at_ms"),
    [
        ("2026-03-01", utc(2026, 3, 1, 11)),  # noon in Berlin
        ("2026-03-01 20:41", utc(2026, 3, 1, 19, 41)),
        ("2026-03-01 20:41:30", utc(2026, 3, 1, 19, 41, 30)),
        ("2026-07-01 20:41:00", utc(2026, 7, 1, 18, 41)),
        ("2026-03-01T20:41:00Z", utc(2026, 3, 1, 20, 41)),
        ("2026-03-01T20:41:00+08:00", utc(2026, 3, 1, 12, 41)),
        ("2026-03-01 20:41:00 +0800", utc(2026, 3, 1, 12, 41)),
        ('"2026-03-01T20:41"', utc(2026, 3, 1, 19, 41)),
        ("1955-03-01", utc(1955, 3, 1, 11)),
        ("2020/07/21", utc(2020, 7, 21, 10)),
        ("2013-11-22 5:00:00 +0000", utc(2013, 11, 22, 5)),
        ("2013-11-22 15:00:00 UTC", utc(2013, 11, 22, 15)),
        ("2013-11-22 15:00 America/New_York", utc(2013, 11, 22, 20)),
        ("Fri, 22 Nov 2013 15:00:00 +0100", utc(2013, 11, 22, 14)),
        ("Monday, 5 March 2014", utc(2014, 3, 5, 11)),
        ("Mar 5th, 2014 3:04 pm", utc(2014, 3, 5, 14, 4)),
        ("2001-12-14t21:59:43.10-05:00", utc(2001, 12, 15, 2, 59, 43)),
        ("", None),
    ],
)
def test_dates_are_in_the_sites_zone_unless_they_say_another(
    read: Callable[..., importing.Source], written: str, at_ms: int | None
) -> None:
    assert read(matter(date=written)).at_ms == at_ms


@pytest.mark.parametrize(
    "written",
    ["yesterday", "2026-13-45", "2026-02-30 10:00:00", "20260301", "[2026, 3, 1]", "12:30", "2026-03-01 25:00",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-12:00", "07/21/2020", "01-02-2003", "2026-03-01 10:00 No/Where"],
)  # fmt: skip
def test_a_date_that_is_none_is_refused(read: Callable[..., importing.Source], written: str) -> None:
    with pytest.raises(importing.CannotImport):
        read(matter(date=written))


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("[one, two words]", ["one", "two words"]),
        ("one, two words", ["one", "two words"]),
        ("\n  - one\n  - two", ["one", "two"]),
        ("海边，指南、赶海", ["海边", "指南", "赶海"]),
        ("[one, one, '', ' ', '!!!', ~]", ["one"]),
        ("[2026, 1.5, true]", ["2026", "1.5", "true"]),
        ("2026", ["2026"]),
        ("", []),
        ("[]", []),
        ("\n  - [a, b]\n  - {name: c}\n  - 2020", ["a", "b", "c", "2020"]),
        ("'one, \"two\"'", ["one", '"two"']),
        (f"[{'x' * 101}, short]", ["short"]),
        (f"[{', '.join(f'tag{n}' for n in range(30))}]", [f"tag{n}" for n in range(10)]),
    ],
)
def test_tags_are_a_list_or_have_commas(read: Callable[..., importing.Source], written: str, tags: list[str]) -> None:
    assert read(matter(tags=written)).writing.tags == tags


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (matter(language="de"), "de"),
        (matter(lang="pt_BR"), "pt-BR"),
        (matter(language="no"), "no"),
        (matter(language="'\"><script>'"), "en"),
        (matter(language="x" * 40), "en"),
        ("Простой русский текст.", "ru"),
        ("今天的潮汐表，适合去海边。", "zh"),
        ("A plain English text.", "en"),
        ("---\nlanguage: en\n---\n今天的潮汐表。", "en"),
        ("```python\nprint(1)\n```\n\n今天去海边", "zh"),
    ],
)
def test_the_language_is_taken_or_guessed(read: Callable[..., importing.Source], text: str, language: str) -> None:
    assert read(text).writing.language == language


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("---\n\nA rule.\n\n---\n\nMore.", "---\n\nA rule.\n\n---\n\nMore."),
        ("---\n\nTo do: rest.\n\n---\n\nMore.", "---\n\nTo do: rest.\n\n---\n\nMore."),
        ("---\n- a\n- b\n---\nb", "---\n- a\n- b\n---\nb"),
        ("{% include x %}\nText.", "{% include x %}\nText."),
        ('{"error": "not found"}\n\nis what it said.', '{"error": "not found"}\n\nis what it said.'),
        ("https://a.org: a site\nSee: it\n\nText.", "https://a.org: a site\nSee: it\n\nText."),
        ("He said: go.\nThey went.\n\nText.", "He said: go.\nThey went.\n\nText."),
        ("+++ What a day +++\nText.", "+++ What a day +++\nText."),
        ("Note: hi\n---\nText.", "Note: hi\n---\nText."),
        ("Title: a story\n\nText.", "Title: a story\n\nText."),
        ("Text.\n\n---\n\nMore.\n\n---\n\nEnd.", "Text.\n\n---\n\nMore.\n\n---\n\nEnd."),
        ("---\nnever closed", "---\nnever closed"),
        ("a\0b", "ab"),
        ("Status: it rains.\n\nText.", "Status: it rains.\n\nText."),
        ("-----\nA story\n-----\nText.", "-----\nA story\n-----\nText."),
        ("<!-- note -->\n\nText.", "<!-- note -->\n\nText."),
        ("x = 3 and y = 4.\n\nText.", "x = 3 and y = 4.\n\nText."),
        ("{so it goes}\n\nText.", "{so it goes}\n\nText."),
    ],
)  # fmt: skip
def test_text_that_only_looks_like_front_matter_is_kept(
    read: Callable[..., importing.Source], text: str, body: str
) -> None:
    assert read(text).writing.body == body


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("---\ndate: 2026-03-01\ntitle: [open\n---\nText.", "line 3: invalid YAML"),
        ("---\n\tindented: by a tab\n---\nText.", "line 2: invalid YAML"),
        ("---\ntitle: x\n\nText.", "line 1: the front matter is not closed"),
        ("+++\ntitle = 'x'\nText.", "line 1: the front matter is not closed"),
        ("+++\ntitle = 'x'\ndate = x\n+++\nText.", "line 3: invalid TOML"),
        ('{\n"title": "x",\n}\nText.', "line 3: invalid JSON"),
        ('{"a":' + "[" * 19_000, "invalid JSON: nested too deep"),
        ("---\na: &a b\nb: *a\n---\nText.", "line 3: aliases"),
        ("---\na: b: c\nb: " + "[" * 9_000 + "\n---\nText.", "line 3: aliases .* and more than 10 levels"),
        ("---\na: b: c\nb: '\\ud83d\n---\nText.", "line 3: invalid YAML"),
        ("Zwölf".encode("latin-1"), "not UTF-8"),
        ("今天".encode("gbk"), "not UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8"),
        ("x" * 2_000_000, "longer than"),
    ],
)
def test_what_can_not_be_read_says_why_in_one_line(
    read: Callable[..., importing.Source], text: str | bytes, said: str
) -> None:
    with pytest.raises(importing.CannotImport, match=said) as refused:
        read(text)
    assert "\n" not in str(refused.value)


TAGS = ["harbour", "history"]


@pytest.mark.parametrize(
    "head",
    [
        "---\ntitle: A: title\ndate: 2020-04-05 09:00\ntags: [harbour, history]\n---\n",
        "---\nTitle: 'A: title'\nDATE: 2020-04-05T09:00\nTags:\n- harbour\n- history\n...\n",
        "title: 'A: title'\ndate: 2020/4/5 9:00:00\ncategories:\n- [harbour]\ntags: history\n---\n",
        "+++\ntitle = 'A: title'\ndate = 2020-04-05T09:00:00+02:00\n[taxonomies]\ntags = ['harbour', 'history']\n+++\n",
        "+++\ntitle = 'A: title'\npublishDate = 2020-04-05T09:00:00\ntags = ['harbour', 'history']\n+++\n\n",
        '{\n  "title": "A: title", "date": "Sun, 05 Apr 2020 09:00:00 +0200", "tags": ["harbour", "history"]\n}\n\n',
        "Title: A: title\nDate: 2020-04-05 09:00\nCategory: harbour\nTags: history\n\n",
        "Title:    A:\n          title\nAuthor:   Ada\nPubdate:  April 5, 2020 9:00 am\nTags:     harbour, history\n\n",
    ],
)
def test_front_matter_of_every_kind_says_the_same(read: Callable[..., importing.Source], head: str) -> None:
    source = read(head + "The ferry leaves at nine.")
    assert (source.writing.title, source.writing.body) == ("A: title", "The ferry leaves at nine.")
    assert sorted(source.writing.tags) == TAGS
    assert source.at_ms == utc(2020, 4, 5, 7)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("No", "No"),
        ("007", "007"),
        ("2026-13-45", "2026-13-45"),
        ('@home with "x"', '@home with "x"'),
        ("'Fish &amp; chips &#8211; `code` <em>x</em>'", "Fish & chips – code x"),
        ("Using <code> in HTML # a comment", "Using <code> in HTML"),
        ("!!python/object/apply:os.system [true]", "a-file"),
        ("!!bool x", "x"),
        ("~", "a-file"),
    ],
)
def test_a_title_is_what_is_written(read: Callable[..., importing.Source], written: str, title: str) -> None:
    assert read(matter(title=written)).writing.title == title


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"draft": "true"}, "draft: true"),
        ({"Draft": "Yes"}, "draft: yes"),
        ({"draft": "perhaps"}, "draft: perhaps"),
        ({"draft": "[true]"}, "draft"),
        ({"published": "false"}, "published: false"),
        ({"status": "private"}, "status: private"),
        ({"status": "[draft]"}, "status: draft"),
        ({"status": "[draft, live]"}, "status: more than one word"),
        ({"status": "auto-draft"}, "status: auto-draft"),
        ({"visibility": "members"}, "visibility: members"),
        ({"isDraft": "true"}, "isdraft: true"),
        ({"is_published": "false"}, "is_published: false"),
        ({"permalink": "false"}, "permalink: false"),
        ({"scheduled": "2999-01-01"}, "its date, 2999-01-01, is to come"),
        ({"Status": "hidden"}, "status: hidden"),
        ({"visible": "false"}, "visible: false"),
        ({"render": "false"}, "render: false"),
        ({"state": "draft"}, "state: draft"),
        ({"members_only": "true"}, "members_only: true"),
        ({"publish": "never"}, "publish: never"),
        ({"public": "[false]"}, "public: false"),
        ({"post_password": "abc"}, "it has a password"),
        ({"embargo_until": "2099-01-01"}, "its date, 2099-01-01, is to come"),
        ({"draft": "false", "extra": "{draft: true}"}, "draft: more than one word"),
        ({"Draft": "false", "draft": "true"}, "draft: more than one word"),
        ({"params": "{flags: {draft: true}}"}, "draft: true"),
        ({"expiryDate": "2018-02-01"}, "it expired, 2018-02-01"),
        ({"headless": "true"}, "headless: true"),
        ({"build": "{render: never, list: never}"}, "it was never a page"),
        ({"eleventyExcludeFromCollections": "true"}, "eleventyexcludefromcollections: true"),
        ({"visibility": "private"}, "visibility: private"),
        ({"password": "secret"}, "it has a password"),
        ({"date": "2999-01-01"}, "its date, 2999-01-01, is to come"),
        ({"date": "2020-01-01", "publishDate": "2999-01-01"}, "its date, 2999-01-01, is to come"),
    ],
)
def test_what_is_not_for_readers_is_not_published(
    read: Callable[..., importing.Source], fields: dict[str, str], reason: str
) -> None:
    assert read(matter(title="x", **{"date": "2020-01-01"} | fields)).reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        '---json\n{"title": "T", "draft": true}\n---\nText.',
        "---yaml\ntitle: T\ndraft: true\n---\nText.",
        "---toml\ntitle = 'T'\ndraft = true\n---\nText.",
        "Title:My\nDate:2020-01-01\nStatus:draft\n\nText.",
        "Date: 2020-01-01\nStatus: draft\n\nText.",
        "---\n3d: true\ndraft: true\n---\nText.",
        '---\n"@type": x\ndraft: true\n---\nText.',
        "---\n!!map {title: x, draft: true}\n---\nText.",
        "foo: 1\ntitle: T\ndraft: true\n---\nText.",
        "draft: true\n---\nText.",
        '{"draft": true}\nText.',
        ' {"draft": true}\nText.',
        " \n---\ntitle: T\ndraft: true\n---\nText.",
        "\u00a0---\ntitle: T\ndraft: true\n---\nText.",
        "\u200b---\ntitle: T\ndraft: true\n---\nText.",
        "<!-- by hand -->\n---\ntitle: T\ndraft: true\n---\nText.",
        "<!--\n.. title: T\n.. status: draft\n-->\n\nText.",
        "Title: S\nStatus: draft\n \nText.",
        "status: draft\n\nText.",
        "private: true\n\nText.",
        "password: hunter2\n\nText.",
    ],
)
def test_a_draft_in_any_front_matter_is_not_published(read: Callable[..., importing.Source], text: str) -> None:
    assert read(text).reason not in ("", importing.NO_DATE)


@pytest.mark.parametrize(
    "text",
    [
        "+++\nweight = 0x" + "f" * 4500 + "\n+++\nText.",
        "+++\ntags" + ".a" * 5000 + " = 1\n+++\nText.",
        "+++\n[date" + ".a" * 5000 + "]\n+++\nText.",
        ';;;\n"title": "x"\n;;;\nText.',
        '---js\n{ title: "x" }\n---\nText.',
        "----\ntitle: T\ndraft: true\n----\nText.",
        "---\n\ntitle: T\ndraft: true\n\nText.",
        "---\n@type: x\ndraft: true\n---\nText.",
        "draft = true\n\nText.",
        "Title: S\nStatus: draft\nText without an empty line above.",
        '{ // a comment\n"draft": true }\nText.',
    ],
)
def test_hostile_front_matter_is_refused(read: Callable[..., importing.Source], text: str) -> None:
    with pytest.raises(importing.CannotImport):
        read(text)


def test_what_is_for_readers_is_published(read: Callable[..., importing.Source]) -> None:
    open_to_all = {"draft": "false", "published": "true", "status": "publish", "visibility": "public", "hidden": "no"}
    assert read(matter(date="2020-04-05", **open_to_all)).reason == ""
    assert read(matter(published="2020-04-05")).at_ms == utc(2020, 4, 5, 10)


@pytest.mark.parametrize("name", ["_drafts/idea.md", "_drafts/2024/03/09/2024-03-09-idea.md", "private/idea.md"])
def test_a_draft_by_its_folder_is_not_published(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("An idea.")
    [file] = importing.files([folder])[0]
    assert importing.read(file, OPTIONS).reason == "it is in a folder of drafts"


def test_a_draft_by_its_name_is_not_published(read: Callable[..., importing.Source]) -> None:
    assert read("Text.", "2020-01-01-idea.draft.md").reason == "its name says that it is a draft"


def test_without_a_date_it_is_a_draft_unless_somebody_says_otherwise(folder: Path) -> None:
    (folder / "a.md").write_text("Text.")
    os.utime(folder / "a.md", (1_600_000_000, 1_600_000_000))
    file = importing.File(folder / "a.md", "a.md")
    assert importing.read(file, OPTIONS).reason == importing.NO_DATE
    assert importing.read(file, replace(OPTIONS, undated=True)).reason == ""
    dated = importing.read(file, replace(OPTIONS, from_mtime=True))
    assert (dated.reason, dated.at_ms) == ("", 1_600_000_000_000)


# What else is read


@pytest.mark.parametrize(
    ("fields", "authors"),
    [
        ({"author": "Ada Lovelace"}, ("Ada Lovelace",)),
        ({"authors": "[ada, Jane Doe]"}, ("ada", "Jane Doe")),
        ({"author": "{name: Ada, email: ada@example.org}"}, ("Ada",)),
        ({"authors": "\n  - name: Ada\n    url: https://example.org\n  - Bob"}, ("Ada", "Bob")),
        ({"author": ""}, ()),
    ],
)
def test_authors_are_names(
    read: Callable[..., importing.Source], fields: dict[str, str], authors: tuple[str, ...]
) -> None:
    assert read(matter(**fields)).authors == authors


@pytest.mark.parametrize(
    ("fields", "image"),
    [
        ({"image": "/a.jpg"}, "/a.jpg"),
        ({"cover": "{alt: A map, image: map.png}"}, "map.png"),
        ({"images": "[one.png, two.png]"}, "one.png"),
        ({"image": "true"}, ""),
    ],
)
def test_its_image_is_kept(read: Callable[..., importing.Source], fields: dict[str, str], image: str) -> None:
    assert read(matter(**fields)).image == image


@pytest.mark.parametrize(
    ("fields", "addresses"),
    [
        ({"permalink": "/2014/03/harbour/"}, ("/2014/03/harbour",)),
        ({"permalink": "/harbour/index.html"}, ("/harbour",)),
        ({"permalink": "https://old.example.org/harbour.html?x#y"}, ("/harbour.html",)),
        ({"url": "https://elsewhere.example.org/what-we-link-to"}, ()),
        ({"url": "/blog/caf%C3%A9"}, ("/blog/café",)),
        ({"aliases": "[/a, b/c, 'https://old.example.org/d']"}, ("/a", "/b/c", "/d")),
        ({"redirect_from": "\n  - /x/\n  - /y/"}, ("/x", "/y")),
        ({"permalink": "/:categories/:title"}, ()),
        ({"permalink": "pretty"}, ()),
        ({"permalink": "/"}, ()),
        ({"permalink": f"/{'x' * 600}"}, ()),
        ({"slug": "harbour"}, ()),
    ],
)
def test_old_addresses_are_paths(
    read: Callable[..., importing.Source], fields: dict[str, str], addresses: tuple[str, ...]
) -> None:
    assert read(matter(**fields)).addresses == addresses


@pytest.mark.parametrize(
    ("pattern", "name", "address"),
    [
        ("jekyll", "2014-03-09-harbour-opens.md", "/town/2014/03/09/harbour-opens.html"),
        ("hexo", "2014-03-09-harbour-opens.md", "/2014/03/09/harbour-opens"),
        ("hugo", "posts/harbour/index.md", "/posts/harbour"),
        ("/:year/:title", "undated.md", None),
        ("hugo", "content/posts/harbour.md", "/posts/harbour"),
        ("hugo", "content/posts/harbour.fr.md", "/fr/posts/harbour"),
    ],
)
def test_a_pattern_says_where_posts_were(folder: Path, pattern: str, name: str, address: str | None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(matter(category="Town"))
    options = replace(OPTIONS, pattern=old_addresses.checked_pattern(pattern))
    [file] = importing.files([folder])[0]
    assert importing.read(file, options).addresses == ((address,) if address else ())
    path.write_text(matter(category="Town", slug="other", date="2014-03-09", permalink="/own"))
    assert importing.read(file, options).addresses == ("/own",)


@pytest.mark.parametrize("pattern", ["blog/:slug", "/:nothing", "jekyl"])
def test_a_pattern_that_is_none_says_what_one_is(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"isn't one of :year|expected one of jekyll"):
        old_addresses.checked_pattern(pattern)


def test_what_stands_above_the_mark_is_the_summary(read: Callable[..., importing.Source]) -> None:
    text = "The *first* part.\n\n<!--more-->\n\nThe rest."
    assert read(text).writing.summary == "The first part."
    assert read(matter(summary="Its own.") + text).writing.summary == "Its own."
    assert "more" not in read(text).writing.rendered.html


def test_jekylls_tags_are_separated_by_spaces(read: Callable[..., importing.Source]) -> None:
    assert read(matter(layout="post", tags="a b c")).writing.tags == ["a", "b", "c"]
    assert read(matter(tags="two words")).writing.tags == ["two words"]


@pytest.mark.parametrize(
    ("name", "at_ms"),
    [
        ("2014-03-09-harbour-opens.md", utc(2014, 3, 9, 11)),
        ("2014-3-9.md", utc(2014, 3, 9, 11)),
        ("2014-03-09-harbour/index.md", utc(2014, 3, 9, 11)),
        ("2014-13-40-harbour.md", None),
        ("20140309.md", None),
    ],
)
def test_the_name_has_the_date_where_the_text_has_none(
    read: Callable[..., importing.Source], folder: Path, name: str, at_ms: int | None
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    assert read("Text.", name).at_ms == at_ms
    assert read(matter(date="2020-04-05"), name).at_ms == utc(2020, 4, 5, 10)


# Files and folders


def test_folders_are_searched_and_hidden_files_left_alone(folder: Path) -> None:
    wanted = ["b.md", "a.markdown", "deep/er/C.MD"]
    others = ["notes.txt", ".hidden.md", ".git/x.md", "deep/.obsidian/x.md", "page.md.bak", "md"]
    for name in (*wanted, *others):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Text.")
    (folder / "folder.md").mkdir()
    (folder / "dangling.md").symlink_to(folder / "nowhere")
    (folder / "same.md").symlink_to(folder / "b.md")
    found = importing.files([folder, folder / "b.md", folder / "deep"])
    assert found == ([(folder / name, name) for name in sorted(wanted)], [])
    assert importing.files([folder / ".hidden.md"])[0] == [(folder / ".hidden.md", ".hidden.md")], "named, it is wanted"


def test_a_hidden_folder_that_is_named_is_searched(folder: Path) -> None:
    (folder / ".notes").mkdir()
    (folder / ".notes" / "a.md").write_text("Text.")
    assert importing.files([folder]) == ([], [])
    assert importing.files([folder / ".notes"])[0] == [(folder / ".notes" / "a.md", "a.md")]
