"""Which language a text is in."""

import re
from functools import cache
from typing import Any

# A character of these counts as a word, for they are written without spaces (Hangul's words have about three).
_CJK_SCRIPTS = {
    "han": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    "kana": re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f]"),
    "ko": re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
LATIN = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "nn", "fi", "is", "fo", "af", "fy", "lb", "ca", "gl"),
    *("eu", "oc", "br", "ga", "cy", "mt", "la", "eo", "pl", "cs", "sk", "sl", "hr", "bs", "hu", "ro", "sq", "et", "lv"),
    *("lt", "tr", "az", "uz", "ku", "vi", "id", "ms", "tl", "sw", "so", "ha", "yo", "zu", "xh"),
)
# Scripts with words, and the languages that are written in them, the likeliest first.
_ALPHABETS = {
    "A-Za-z\u00aa-\u024f\u1e00-\u1eff": LATIN,
    "\u0400-\u052f": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg", "tt", "ba"),
    "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc": ("ar", "fa", "ur", "ps", "ckb", "ug", "sd"),
    "\u0590-\u05ff\ufb1d-\ufb4f": ("he", "yi"),
    "\u0370-\u03ff\u1f00-\u1fff": ("el",),
    "\u0900-\u097f": ("hi", "mr", "ne"),
    "\u0980-\u09ff": ("bn", "as"),
    "\u0b80-\u0bff": ("ta",),
    "\u0c00-\u0c7f": ("te",),
    "\u10a0-\u10ff": ("ka",),
    "\u0530-\u058f": ("hy",),
}
_LETTERS = {languages: re.compile(f"[{letters}]+") for letters, languages in _ALPHABETS.items()}
# What is no prose: code, tags, what links lead to, addresses, and words that no language has, such as checksums.
_CODE = re.compile(
    r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)|`[^`\n]*`|<[^<>]*>|\]\([^()\s]*\)",
    re.DOTALL | re.MULTILINE,
)
_RUN, _ADDRESS = re.compile("[!-~]+"), re.compile("[!-~](?:://|[@./_=])[!-~]")
_NO_WORD = re.compile(r"\b(?=\w*[0-9])(?=\w*[A-Za-z])\w+\b|\b[A-Z]{2,}\b")
TEXT_LENGTH = 20_000  # characters that are looked at
# Languages that are told by the name of others.
SAME = {"nb": "no", "fil": "tl", "yue": "zh", "cmn": "zh", "iw": "he", "in": "id"}
SURE = 0.5  # of 1; a few words are in many languages


def guess_language(text: str, default: str) -> str:
    """The language of a text: "en", "de", "zh", "ja" …, by its script and, within that, by its letters' n-grams.

    text: Markdown; its code and addresses don't count. A Chinese character counts as much as a Latin word. Another
        script than Latin counts twice: names and terms are Latin everywhere.
    default: a tag; the answer when there are no letters, when the text is in its language ("pt" for "pt-BR"), or when
        it is of its script and too short to tell. A short text of another script is in the likeliest of its languages.
    """
    prose = _prose(text)
    words = {name: len(letters.findall(prose)) for name, letters in _CJK_SCRIPTS.items()}
    words["ko"] //= 3
    words["th"] //= 5
    alphabets = {languages: len(letters.findall(prose)) * 2 for languages, letters in _LETTERS.items()}
    alphabets[LATIN] //= 2
    languages, most = max(alphabets.items(), key=lambda item: item[1])
    east = 2 * (words["han"] + words["kana"] + words["ko"] + words["th"])
    if not east + most:
        return default
    found = _of_alphabet(languages, prose, default) if most > east else _eastern(words)
    spoken = default.partition("-")[0]
    return default if found == SAME.get(spoken, spoken) else found


_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+")
_OTHER_WAY = re.compile("[A-Za-z\u00aa-\u058f\u0900-\ufaff]+")


def runs_from_the_right(text: str) -> bool:
    """Whether most of its words do, names and terms apart: of a text whose language nobody has told."""
    prose = _prose(text)
    return 2 * len(_RIGHT_TO_LEFT.findall(prose)) > len(_OTHER_WAY.findall(prose))


def _prose(text: str) -> str:
    prose = _RUN.sub(lambda run: " " if _ADDRESS.search(run[0]) else run[0], _CODE.sub(" ", text[:TEXT_LENGTH]))
    return _NO_WORD.sub(" ", prose)


def _eastern(words: dict[str, int]) -> str:
    if max(words["ko"], words["th"]) > words["han"] + words["kana"]:
        return "ko" if words["ko"] > words["th"] else "th"
    # Japanese prose is half kana; a Chinese text has a の here and there.
    return "ja" if words["kana"] * 5 > words["han"] else "zh"


def _of_alphabet(languages: tuple[str, ...], prose: str, default: str) -> str:
    if len(languages) == 1:
        return languages[0]
    ranked: list[tuple[str, float]] = _identifier().rank(prose)
    likely = {language: score for language, score in ranked if language in languages}
    best = max(likely, key=lambda language: likely[language])
    if likely[best] >= SURE * sum(likely.values()):
        return best
    return default if default.partition("-")[0] in languages else languages[0]


@cache
def _identifier() -> Any:
    """Loaded when it is first asked: it takes 0.6 s of CPU and 95 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
