"""The same questions to SQLite's index and to PostgreSQL's, with the same answers but for those in DIFFERENT."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from support import postgresql
from support.apps import Client, close, populate, settings_for
from support.persons import Person
from webapp import create_app
from webapp.system import instance

pytestmark = pytest.mark.skipif(not postgresql.IS_USED, reason="make test-postgresql runs it")

# Title, summary, text, tags; published in this order.
POSTS = [
    ("The derby ends in a draw", "", "Both teams played well. The referee gave a red card, and fans sang.", "Football"),
    ("Election night", "Results as they come", "The election was close. Voters elected a new mayor.", "Politics"),
    ("Café Zürich reopens", "", "The café in Zürich serves crème brûlée again. Naïve guests were told off.", "Food"),
    ("Node.js 1.2.3 is out", "", "The e-mail said: node.js and C++ are well-known. state-of-the-art.", "Software"),
    ("试用新的搜索", "", "我们的搜索支持中文。北京和上海的读者可以搜索路由。", "中文"),
    ("試合は八時に始まる", "", "東京ドームで試合があります。カタカナ と ひらがな。", "日本語"),
    ("Goal! ⚽ in minute 90", "", "A goal ⚽ by the captain 🎉 after 1,000 matches; 3.14 is pi.", "Football"),
    ("To be or not to be", "", "That is the question. The the the.", "Culture"),
    ("Die Wahlen in Österreich", "", "Die Wähler haben gewählt. Straße und Häuser, Fußball im Stadion.", "Politik"),
    ("Long read", "", "goal " * 40 + "and once the derby. " + "Other words stand here. " * 60, "Football"),
    ("Short", "", "The derby.", ""),
    ("Матч начинается", "", "Матч начинается в восемь. Игроки готовы.", "Футбол"),
    ("O’Brien’s guide", "", "It's O'Brien's. Don't repeat: rock'n'roll.", ""),
    ("Running and runners", "", "She runs, he ran, they were running. The runner won.", "Sport"),
    ("Ping", "", "ping " * 300 + "pong", ""),
    ("An almanac", "", ("x " * 2_000 + "\n\n") * 9 + "hidden treasure", ""),
    ("Zebra", "", "Of animals.", "Zoo"),
    ("Animals", "A zebra in the summary.", "A lion, a lion and a lion.", "Zoo"),
    ("Lions", "", "One lion. " + "There is more to be told of other animals. " * 20, "Zoo"),
    ("A lion and a zebra", "", "Of a zoo.", ""),
    ("More of them", "", "The lion and the zebra, the lion, the zebra and the okapi.", ""),
    ("Okapi", "", "An okapi, no lion.", ""),
    ("Supercalifragilisticexpialidocious" * 3, "", "A very long word stands in the title.", ""),
]  # fmt: skip
QUERIES = {
    "words": ["derby", "DERBY", "goal", "red card", "card red", "the", "the derby", "to be or not to be", "football"],
    "order": ["zebra", "lion", "okapi", "zoo", "animals", "lion zebra", "zebra okapi", "lion animals",
        "goal derby", "an okapi", "a lion"],
    "places": ['"ping pong"', "ping pong", '"hidden treasure"', "hidden treasure", "treasure", "ping"],
    "stems": ["elections", "elected", "running", "runs", "Wähler", "Wahl", "häuser", "played"],
    "phrases": ['"red card"', '"card red"', '"to be"', '"the the"', '"draw both"', '"goal goal goal"',
        '"derby ends" fans'],
    "excluded": ["derby -goal", 'goal -"minute 90"', "-goal", "derby -derby", "football -long"],
    "prefixes": ["der", "de", "elec", "super", "sup", "nod", "Mat", "мат", "run"],
    "Chinese, Japanese": ["搜索", "路由", "北京", "索搜", "搜 索", "試合", "東京ドーム", "カタカナ", "かたかな",
        "搜索 上海", "中文"],
    "accents": ["cafe", "CAFÉ", "zurich", "creme brulee", "naive", "strasse", "Straße", "österreich", "osterreich"],
    "hyphens and dots": ["e-mail", "email", "node.js", "nodejs", "state-of-the-art", "well-known", "C++", "c",
        "o'brien", "O’Brien"],
    "numbers": ["90", "1,000", "1000", "3.14", "1.2.3", "v1.2.3", "1.2", "9"],
    "emoji": ["⚽", "🎉", "goal ⚽", "🎈", "⚽⚽"],
    "long": ["supercalifragilisticexpialidocious" * 3, "word " * 60, "goal" * 60, '"' + "goal " * 30 + '"'],
    "typos": ["derbi", "eletcion", "refere", "futbol", "матчч", "cafee", "minut", "zurch goal", "questoin"],
    "odd": ["'", '"', "\\", "&|!:*", "<->", "a&b", "goal:*", "!goal", "(derby)", "derby AND goal",
        "derby OR goal", "NEAR(derby goal)"],
}  # fmt: skip
# What is left: docs/how-it-works.md.
DIFFERENT = {
    **dict.fromkeys(['"ping pong"', '"hidden treasure"'], "found"),
    **dict.fromkeys(["goal", "goal:*", "!goal", "the", "lion", "animals", '"to be"'], "order"),
}


@pytest.fixture(scope="module")
def sites(password_hash: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Person]]:
    """On SQLite and on PostgreSQL."""
    apps: list[Flask] = []
    authors = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("search") / "instance"
        instance.prepare(folder)
        settings = settings_for(folder, LIMITS="off")
        if not apps:
            settings["DATABASE_URL"] = f"sqlite:///{folder / 'pressroom.db'}"
        populate(settings, password_hash)
        apps.append(create_app(settings))
        apps[-1].test_client_class = Client
        authors.append(Person(apps[-1], "ada"))
        for title, summary, body, tags in POSTS:
            authors[-1].write_post(title=title, summary=summary, body=body, tags=tags)
    yield authors
    for app in apps:
        close(app)


def answers(person: Person, query: str) -> tuple[list[str], list[str], list[str]]:
    """What is found, the best first, and the newest first; and what was meant."""
    pages = [person.client.get("/search", query_string={"q": query, "order": order}).text for order in ("", "date")]
    best, newest = (re.findall(r'<h2 class="result__title"><a href="([^"]+)"', page) for page in pages)
    return best, newest, re.findall(r"Did you mean <a href=\"([^\"]+)\"", pages[0])


@pytest.mark.parametrize("kind", QUERIES)
def test_both_databases_find_the_same(sites: list[Person], kind: str) -> None:
    different = {}
    for query in QUERIES[kind]:
        (best, *rest), (other_best, *other_rest) = (answers(person, query) for person in sites)
        if rest != other_rest:
            different[query] = "found"
        elif best != other_best:
            different[query] = "order"
    assert different == {query: DIFFERENT[query] for query in QUERIES[kind] if query in DIFFERENT}
