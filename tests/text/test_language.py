"""Which language a text is in, guessed from its script and its words."""

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
        ("Der Hafen öffnet am Montag wieder, und die Fähren fahren über die Brücke.", "en", "de"),
        ("Le port rouvre lundi et les ferries passent sous le pont.", "en", "fr"),
        ("El puerto vuelve a abrir el lunes y los ferris pasan bajo el puente.", "de", "es"),
        ("Il porto riapre lunedì e i traghetti passano sotto il ponte.", "en", "it"),
        ("O porto reabre na segunda-feira e os barcos passam sob a ponte.", "pt-BR", "pt-BR"),
        ("De haven gaat maandag weer open en de veerboten varen onder de brug.", "en", "nl"),
        ("Hamnen öppnar igen på måndag och färjorna går under bron.", "en", "sv"),
        ("Port otwiera się ponownie w poniedziałek, a promy płyną pod mostem.", "en", "pl"),
        ("Přístav se v pondělí znovu otevře a trajekty plují pod mostem.", "en", "cs"),
        ("Liman pazartesi günü yeniden açılıyor ve vapurlar köprünün altından geçiyor.", "en", "tr"),
        ("Cảng mở cửa lại vào thứ Hai và các chuyến phà đi dưới cầu.", "en", "vi"),
        ("Satama aukeaa jälleen maanantaina ja lautat kulkevat sillan alta.", "en", "fi"),
        ("The harbour reopens on Monday, and the ferries pass under the bridge.", "de", "en"),
        ("بندرگاہ پیر کو دوبارہ کھلے گی اور کشتیاں پل کے نیچے سے گزریں گی۔", "en", "ur"),
        ("Пристанището отваря отново в понеделник и фериботите минават под моста.", "ru", "bg"),
        ("बंदर सोमवारी पुन्हा उघडेल आणि फेरी पुलाखालून जातील.", "en", "mr"),
        ("Live: Derby", "de", "de"),
        ("Test", "fr", "fr"),
        ("Havnen åpner igjen på mandag, og fergene går under broen som før.", "nb", "nb"),
        ("Havnen åpner igjen på mandag, og fergene går under broen som før.", "en", "no"),
        ("海港星期一重新开放。", "yue", "yue"),
        ("短文。\n\n```python\nfor word in words: print(word)\n```\n`and more code here`", "en", "zh"),
    ],
)
def test_the_language_is_guessed(words, default, language):
    assert guess_language(words, default) == language


NOTES = """## 설치

`pip install flask` 를 실행합니다. [문서](https://example.org/getting-started/installation-guide) 참고.

- Docker 이미지 sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945 확인
- nginx.conf 의 proxy_pass 설정, user@example.org 에 문의
- README.md, uwsgi.ini, webapp/config.py 수정

```sh
for name in one two three four five six seven eight nine ten; do echo "$name"; done
```

    curl --location --output archive.tar.gz https://example.org/archive.tar.gz
"""


def test_code_links_and_checksums_are_no_prose() -> None:
    assert guess_language(NOTES, "en") == "ko"
    assert guess_language("```\nder die das und nicht\n```\nShort words of a language.", "de") == "en"


def test_names_and_terms_in_another_script_are_no_other_language() -> None:
    assert guess_language("يدعم Pressroom الآن Markdown وFlask وuWSGI وgevent في الموقع الجديد", "en") == "ar"
    assert guess_language("The poem 静夜思 by 李白 is among the best known of those written in China.", "de") == "en"
