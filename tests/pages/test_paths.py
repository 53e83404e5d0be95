"""Where a page's files are: always inside of the store."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.pages.paths import PagePath, page_path

PARTS = st.one_of(
    st.sampled_from(
        ["post", "user", "tag", "page", "about", "updates", "comments", "feed.atom", "feed.json", "update"]
    ),
    st.sampled_from(
        ["", ".", "..", "...", ".versions", ".under", ".retired", "7", "ada", "\0", "a\\b", "x" * 201, "足" * 67]
    ),
    st.text(max_size=12),
    st.text(st.characters(codec=None), max_size=4),  # lone surrogates too
)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(parts=st.lists(PARTS, max_size=5), lead=st.sampled_from(["/", "/", "/", "//", "", "/.."]))
def test_no_place_is_outside_of_the_store(parts: list[str], lead: str) -> None:
    root = "/srv/instance/pages"
    path = lead + "/".join(parts)
    place = page_path(path)
    if place is None:
        return
    assert os.path.normpath(f"{root}/{place.link}") == f"{root}/{place.link}".rstrip("/")
    names = place.link.split("/") if place.link else []
    assert all(0 < len(os.fsencode(name)) <= 255 for name in names)
    assert not any(name.startswith(".") for name in (names[1:] if names[:1] == [".under"] else names))
    target = place.in_version("v" * 32)
    assert os.path.normpath(f"{root}/{place.folder}/{target}").startswith(f"{root}/.under/.versions/{'v' * 32}")
    assert "/" + place.link.removeprefix(".under/") == path, "two paths never share a place"


@pytest.mark.parametrize(
    "path",
    ["", "x", "//", "/..", "/.", "/post/", "/post/..", "/post/7/", "/.versions/x", "/a\0", "/a/b/c/d", "/post/7/x",
     "/page/2/updates", "/a\\b", "/" + "x" * 201, "/tag/" + "足" * 67, "/tag/\udcff", "/tag/\ud800", "/tag/\u202e",
     "/tag/a:b", "/tag/a*", "/about/a/b", "/..\\x", "/tag/a\nb"],
)  # fmt: skip
def test_what_cannot_be_a_safe_file_name_has_no_place(path: str) -> None:
    assert page_path(path) is None


def test_what_can_be_a_safe_file_name_has_its_place() -> None:
    assert page_path("/") == PagePath("", "")
    assert page_path("/feed.atom") == PagePath("", "feed.atom")
    assert page_path("/post/7") == PagePath("post", "7")
    assert page_path("/tag/足球") == PagePath("tag", "足球")
    assert page_path("/post/7/updates/3") == PagePath(".under/post/7/updates", "3")
