"""Which language a text is in, guessed from its script."""

import pytest

from webapp.text.language import guess_language


@pytest.mark.parametrize(
    ("words", "default", "language"),
    [
        ("Flask 是一个轻量级的 Web 框架，适用于 RESTful API。", "en", "zh"),
        ("Web 框", "en", "zh"),
        ("これはペンです。漢字もあります。", "en", "ja"),
        ("안녕하세요, 세계! Flask 3.1 입니다", "en", "ko"),
        ("مرحبا بالعالم", "en", "ar"),
        ("این یک متن فارسی است که چند حرف ویژه دارد: پ چ ژ گ", "en", "fa"),
        ("שלום עולם", "en", "he"),
        ("Привет, мир", "en", "ru"),
        ("Їжак і ґава їдять її гриби", "en", "uk"),
        ("Здравей, свят", "bg", "bg"),
        ("Καλημέρα κόσμε", "en", "el"),
        ("नमस्ते दुनिया", "en", "hi"),
        ("สวัสดีชาวโลก", "en", "th"),
        ("Guten Tag", "de", "de"),
        ("Good morning", "zh", "en"),
        ("1234 😀", "fr", "fr"),
        ("短文。\n\n```python\nfor word in words: print(word)\n```\n`and more code here`", "en", "zh"),
    ],
)
def test_the_language_is_guessed_from_the_script(words, default, language):
    assert guess_language(words, default) == language
