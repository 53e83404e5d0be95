"""Measure what a stranger's comment may cost: the processor time of hostile texts of 10 kB, the slowest first.

`python -m tools.hostile` renders each as a comment and counts the best of five. Of a text that is refused the longest
beginning that isn't counts too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from webapp.text.markdown import MARKS, TextRefused
from webapp.text.render import render_comment

SIZE = 9_990  # bytes
ENOUGH = 0.025  # seconds: what takes less isn't tried again
SHOWN = 20
WORDS = """
    [ ![ [a]( [a] []( ![a](b) [a](b) [a](é) [a](< [[a]](b) [^a] * ** *a_ a* ***a**b* a**b *_~ *_a_* ~~a ~~a~~ `a` ``a`
    < <<< <a> <!-- <? <b> </b> <a_b=" <![CDATA[ <https://a.b> <https://é.é> <a@b.c> "<a@b.c> <https: & &amp; &#1; &a \\
    \\* | |a - 1. > # ``` https://[ https:// http://a_b. www. www.a_ www.a.b/* https://a.b/) https://a.b/(
    https://a.b/&amp; https://a.b/(&amp;) https://a.b。 www.中 (www.a.b) *www.a.b* a@ @ a@b mailto: xmpp:a@b.c/ ) .
    &amp;) ; _ ] ]( 中 😀 " {
"""
LINES = """
    *a~*a~**b  _a~__b  a@b.c  www.a.b  www.é.é  https://a.b  https://a/%zz  *a@b.c*  "a@b.c  <a@b.c>  [a]:~b  [^a]:~b
    >~a  >~-~a  -~a  -~[~]~a  -~`a`  1.~a  #~a  #~a@b.c  |a|b|  -|-  ~~~~a  a~~
"""
TABLE = "|a|b|c|d|e\n|-|-|-|-|-\n"
NESTED = [("- ", 9), ("1. ", 9), ("> - ", 5), (">", 18), ("> ", 9), (">", 4)]
BRACKETS = ["[", "![", "[a ", "[`", "[*", "[<", "[](", "[a]["]
MAX_MARKS, MAX_LOOKUPS = 2_000, 40_000  # of a comment (webapp/text/render.py)


def texts() -> Iterator[str]:
    words, lines = WORDS.split(), [line.replace("~", " ") for line in LINES.split()]
    for unit in [*words, *(line + " " for line in lines), *(line + "\n" for line in lines)]:
        for before in ("", "https://a.b/", "[a](", "> ", "- ", "[a]: b\n\n", TABLE, "[^a]: b\n\n"):
            yield filled(before, unit)
        yield from (filled("", unit, 5_000) + filled("", closing, 4_900) for closing in "a])*>\n`")
        yield "\n\n".join([filled("", unit, 60)] * 160)
        yield TABLE + filled("", f"|{unit.strip()}" * 5 + "|\n", 9_000)
        yield from (lookups(bracket, unit, count) for bracket in BRACKETS for count in (10, 30, 100, 240))
    for mark, depth in NESTED:
        for line in ("a\n", "a\n\n", "`a`\n", "<a@b.c>\n"):
            yield filled("", mark * depth + line)
            yield filled(mark * depth, line)


def filled(before: str, unit: str, size: int = SIZE) -> str:
    return before + unit * ((size - len(before)) // len(unit.encode()))


def lookups(bracket: str, unit: str, count: int) -> str:
    """As many units as may stand behind so many brackets."""
    marks = [sum(map(text.count, MARKS)) for text in (bracket, unit)]
    units = (SIZE - len(bracket) * count) // len(unit.encode())
    while units and (
        (total := count * marks[0] + units * marks[1]) > MAX_MARKS
        or total * (count * bracket.count("[") + units * unit.count("[")) > MAX_LOOKUPS
    ):
        units = units * 9 // 10
    return bracket * count + unit * units


def accepted(text: str) -> str:
    """A beginning of the text that isn't refused, as long as possible within a fortieth."""
    fits, refused = 0, 40
    while refused - fits > 1:
        part = (fits + refused) // 2
        if is_accepted(text[: len(text) * part // 40]):
            fits = part
        else:
            refused = part
    return text[: len(text) * fits // 40]


def is_accepted(text: str) -> bool:
    try:
        render_comment(text)
    except TextRefused:
        return False
    return True


def seconds(text: str) -> float:
    best = 60.0
    for _ in range(5):
        started = time.process_time()
        is_accepted(text)
        best = min(best, time.process_time() - started)
        if best < ENOUGH:
            break
    return best


def main() -> None:
    results = []
    for text in dict.fromkeys(texts()):
        results.append((seconds(text), text))
        if not is_accepted(text):
            shorter = accepted(text)
            results.append((seconds(shorter), shorter))
    for taken, text in sorted(results, reverse=True)[:SHOWN]:
        print(f"{taken * 1000:6.1f} ms  {text[:50]!r} … {text[-20:]!r}")
    print(f"{len(results)} texts")


if __name__ == "__main__":
    main()
