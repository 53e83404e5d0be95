"""Where a form's `next` may lead: anywhere on the site, and never off it."""

from __future__ import annotations

from urllib.parse import urlsplit

from support.persons import Person

OTHER_SITES = [
    "//evil.example",
    "///evil.example",
    "//[",
    "//evil.example/%2f..",
    "/\\evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "HTTPS://evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    " //evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "/ok\r\nSet-Cookie: session=evil",
    "/\0/evil.example",
    "/\x0b/evil.example",
    "/\u2028/evil.example",
    "/\u200b/evil.example",
    "/" + "x" * 5000,
]
PATHS_OF_THE_SITE = [
    "/desk",
    "/post/7?page=2#update-9",
    "/user/%2F%2Fevil.example",
    "/%2F/evil.example",
    "/%5Cevil.example",
    "/%09/evil",
]


def test_it_never_leaves_the_site(anonymous: Person) -> None:
    """What a browser makes of these is another site, or nobody knows what."""
    for target in OTHER_SITES:
        assert anonymous.get("/login", query_string={"next": target}).status_code == 200
        answer = anonymous.log_in("ada", next=target)
        assert (answer.status_code, answer.location) == (302, "/desk"), target
        assert "evil" not in answer.headers.get("Set-Cookie", "")


def test_it_goes_to_any_path_of_the_site(anonymous: Person) -> None:
    for target in PATHS_OF_THE_SITE:
        answer = anonymous.log_in("ada", next=target)
        assert answer.location == target
        assert urlsplit(answer.location).netloc == ""
