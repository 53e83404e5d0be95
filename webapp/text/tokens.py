"""What a text is looked for by: its tokens, the same of a text and of a search for it.

A token is one of these, after `fold`:
- a word: letters, digits and the marks that belong to them. Anything else parts words, so `node.js`, `1.2.3`, `e-mail`
  and `get_user_by_id` are several, which a search takes for a phrase. The v of a version is one of its own.
- one character, with its marks, of a script that is written without spaces, or whose words are best found by parts.
- an emoji, a flag, or another symbol, such as € and →. What modifies an emoji is left out.
- a sign that makes another name of a word: + and # beside a word (C++, C#, #tag), and a dot before one (.NET).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer
from snowballstemmer.german_stemmer import GermanStemmer

from ..values import normalized

TOKEN_LENGTH = 64  # a longer word is several
SHORT = 8  # characters; longer runs beyond ASCII aren't cached: in Latin scripts a run is a letter or a quotation mark


def _ranges(categories: str, *blocks: tuple[int, int]) -> str:
    """The characters of these categories, as within a regular expression's brackets."""
    found = ""
    for first, last in blocks:
        start = None
        for point in range(first, last + 2):
            if point <= last and unicodedata.category(chr(point)) in categories.split():
                start = point if start is None else start
            elif start is not None:
                found += f"{re.escape(chr(start))}-{re.escape(chr(point - 1))}"
                start = None
    return found


# Python's \w has no marks. They are looked for where Unicode has them: reading all of its table takes long.
_MARKS = _ranges(
    "Mn Mc Me", (0x300, 0x309A), (0xA66F, 0xABEF), (0xFB1E, 0xFB1E), (0x10A01, 0x11FFF), (0x1E000, 0x1E95F)
)
_SYMBOLS = "$" + _ranges("So Sc Sm", (0xA2, 0x33FF), (0x4DC0, 0x4DFF), (0xFDFC, 0xFDFF), (0x1F000, 0x1F1E5))
_SYMBOLS += _ranges("So", (0x1F200, 0x1FBFF))
# Thai, Lao, Burmese, Khmer and others of Southeast Asia, kana, Han, bopomofo, Hangul.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1980-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_UNSEEN = (
    "\u00ad\u034f\u061c\u0640\u180b-\u180e\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u20e3\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0001-\U000e01ef"
)
_WORD = rf"(?![{_UNSPACED}])[^\W_][{_MARKS}]*"
_TOKEN = re.compile(
    rf"v(?=[0-9])|[a-z0-9]{{1,{TOKEN_LENGTH}}}(?![^\W_]|[{_MARKS}])|(?:{_WORD}){{1,{TOKEN_LENGTH}}}|[{_UNSPACED}][{_MARKS}]*"
    rf"|{_FLAG}|[{_SYMBOLS}]|(?<=[^\W_])[+#]|(?<=[+#])[+#]|[+#](?=[^\W_])|(?<![\w.])\.(?=[^\W\d_])"
)
# A character with all that may become one with it when it is folded: marks, jamo, the sound marks of narrow kana.
_CLUSTER = re.compile(rf"[^\x00-\x7f][{_MARKS}{_UNSEEN}\u1160-\u11ff\ud7b0-\ud7ff\uff9e\uff9f]*|[\x00-\x7f]+")
# What stands between two tokens of a folded text, as a rule, and never begins one: a pattern of several tokens has one
# way to match, however many symbols follow each other. Short, for it is compiled with every search.
BETWEEN = r"[\s_!\"%-*,-/:-@\[-^`{-~\u00ab\u00b7\u00bb\u2010-\u2043\u3001-\u3003\u3008-\u3011]*"
_UNSPACED_ONLY = re.compile(f"[{_UNSPACED}]")

_APOSTROPHES = re.compile("[’‘‛′´`ʼʻʹʾʿꞌꞋ＇׳״]")  # else some would be letters, or a space and a mark
_SPACES = re.compile("[™℠⁄]")
# Accents of Latin, Greek and Cyrillic; points of Hebrew; vowels, hamza and madda of Arabic. й and ў stay letters.
_ACCENTS = re.compile(
    "[\u0300-\u0305\u0307-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    f"\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff{_UNSEEN}]|(?<![иу])\u0306"
)
# Letters that Unicode doesn't take apart, and Arabic ones that differ by the keyboard.
_ALIKE = (
    {"ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n"}
    | {"ĸ": "k", "ƒ": "f", "ƀ": "b", "ɨ": "i", "ə": "e", "ǝ": "e", "⁄": " "}
    | {"ة": "ه", "ۃ": "ه", "ہ": "ه", "ھ": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ٱ": "ا"}
)
_LETTERS = re.compile(f"[{''.join(_ALIKE)}]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_STEMMERS = {"": EnglishStemmer, "en": EnglishStemmer, "de": GermanStemmer}
_STEMMED = re.compile("[a-z]{3,30}")


def fold(written: str) -> str:
    """Without case, accents, widths and other ways to write the same letter."""
    lower = written.lower()
    return lower if lower.isascii() else _BEYOND_ASCII.sub(lambda run: _fold(run[0]), lower)


@lru_cache(4_096)
def _fold_short(run: str) -> str:
    folded = normalized("NFKD", _SPACES.sub(" ", _APOSTROPHES.sub("'", run))).casefold()
    folded = _LETTERS.sub(lambda letter: _ALIKE[letter[0]], _ACCENTS.sub("", folded))
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), normalized("NFC", folded))


def _fold(run: str) -> str:
    return _fold_short(run) if len(run) <= SHORT else _fold_short.__wrapped__(run)


def tokens(written: str) -> list[str]:
    found: list[str] = _TOKEN.findall(fold(written))
    return found


def spans(written: str) -> Iterator[tuple[int, int, str]]:
    """Where the text, as it is written, has which token. For a short text: it takes several times as long."""
    folded, starts, ends = "", list[int](), list[int]()
    for cluster in _CLUSTER.finditer(written):
        start, end = cluster.span()
        piece = fold(cluster[0])
        folded += piece
        alone = len(piece) == end - start and cluster[0].isascii()
        starts += range(start, end) if alone else [start] * len(piece)
        ends += range(start + 1, end + 1) if alone else [end] * len(piece)
    for token in _TOKEN.finditer(folded):
        yield starts[token.start()], ends[token.end() - 1], token[0]


def is_unspaced(token: str) -> bool:
    return bool(_UNSPACED_ONLY.match(token))


@lru_cache(20_000)
def stem(word: str, language: str) -> str:
    """The stem of a folded word in a language, by BCP 47; English where it isn't known, the word itself in others."""
    stemmer = _STEMMERS.get(language.partition("-")[0].lower())
    return stemmer().stemWord(word) if stemmer and _STEMMED.fullmatch(word) else word


def stems(words: Iterable[str], language: str) -> list[str]:
    """Those that aren't among the words themselves, in alphabetical order."""
    distinct = set(words)
    return sorted({stem(word, language) for word in distinct} - distinct)
