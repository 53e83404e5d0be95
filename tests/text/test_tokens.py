"""Tokens: what is written alike has the same, and what is another word has others."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.text.tokens import TOKEN_LENGTH, fold, spans, stem, stems, tokens


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("C++ and C# in .NET: a+b", "c + + and c # in . net a + b"),
        ("node.js v1.2.3, CVE-2024-27280", "node js v 1 2 3 cve 2024 27280"),
        ("get_user_by_id O’Brien AT&T", "get user by id o brien at t"),
        ("Łódź İstanbul straße ﬁ Ⅳ ＡＢＣ Ёлка новый", "lodz istanbul strasse fi iv abc елка новый"),
        ("أبوابَه آلة ٢٠٢٤ שָׁלוֹם", "ابوابه اله 2024 שלום"),
        ("हिन्दी काल कुल", "हिन्दी काल कुल"),
        ("東京ﾀﾜｰ 한국", "東 京 タ ワ ー 한 국"),
        ("ข้าว ข่าว", "ข้ า ว ข่ า ว"),
        ("👩‍👧 👍🏽 🇩🇪🇫🇷 ❤️ 1️⃣ 20 €", "👩 👧 👍 🇩🇪 🇫🇷 ❤ 1 20 €"),
        ("น้ำท่วม ทำงาน ນ້ຳ ๒๕a", "น้ํ า ท่ ว ม ทํ า ง า น น้ํ า 25a".replace("น้ํ า 25", "ນ້ໍ າ 25")),
        ("50㎡ №5 Ｃ＋＋ Ｃ＃", "50m2 no5 c + + c #"),
        ("… “ ” — ... a - b", "a b"),
    ],
)
def test_these_are_the_tokens(written: str, expected: str) -> None:
    assert tokens(written) == expected.split()
    assert tokens(unicodedata.normalize("NFD", written)) == tokens(unicodedata.normalize("NFC", written))
    assert [token for _, _, token in spans(written)] == tokens(written)


ODD = "ทำຳกะ㎡№＋＃Cc+#.v1ﾀﾞﾟ한한йé́İßﬁ㍿👩‍👧🇨🇳½™’-_ क्षকো"


@given(st.text(st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"]), max_size=12))
def test_where_a_token_stands_is_what_became_it(written: str) -> None:
    found = list(spans(written))
    assert [token for _, _, token in found] == tokens(written)
    for start, stop, token in found:
        assert 0 <= start < stop <= len(written)
        assert fold(token) in fold(written[start:stop]) or token in "+#."


@given(st.text())
def test_a_token_is_no_syntax_and_stays_what_it_is(written: str) -> None:
    for token in tokens(written):
        assert 0 < len(token.encode()) <= TOKEN_LENGTH * 40
        assert not {*token} & {*' "*^():{}=\0'}
        assert tokens(token) in ([token], []), "a sign needs its word"


@given(st.text(max_size=200))
def test_folding_once_is_enough(written: str) -> None:
    assert tokens(fold(written)) == tokens(written)


def test_stems_are_of_the_texts_language() -> None:
    assert [stem("elections", language) for language in ("", "en", "en-GB", "fr", "zh-Hans")] == [
        "elect", "elect", "elect", "elections", "elections"
    ]  # fmt: skip
    assert stem("wahlen", "de") == "wahl"
    assert stems(["election", "elections", "vote", "2024"], "en") == ["elect"]
