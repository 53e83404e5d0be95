"""What a text says: its language, its bare words, its beginning."""

import re

# A character of these counts as a word, for they are written without spaces (Hangul's words have about three).
_CJK_SCRIPTS = {
    "han": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    "kana": re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f]"),
    "ko": re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
# Scripts with words, and the languages that are written in them, the likeliest first.
_ALPHABETS = {
    "A-Za-z\u00aa-\u024f\u1e00-\u1eff": (),
    "\u0400-\u052f": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg"),
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
# Letters that tell a language from the likeliest one of its script.
_TELLTALES = {"uk": re.compile("[іїєґІЇЄҐ]"), "fa": re.compile("[پچژگ]"), "yi": re.compile("[ױײװ]")}
_CODE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)|`[^`\n]*`|<[^<>]*>|https?://\S+", re.DOTALL | re.MULTILINE)


def guess_language(text: str, default: str) -> str:
    """The language of a text, from its script alone: "zh", "ja", "ko", "ar", "he", "ru", "el", "hi" …

    text: Markdown; its code and addresses don't count. A Chinese character counts as much as a Latin word.
    default: the answer when there are no letters, or when it is itself written in the script that was found
        ("de", "fa", "uk"). Latin text where the default is of another script is taken for English.
    """
    prose = _CODE.sub(" ", text[:100_000])
    words = {name: len(letters.findall(prose)) for name, letters in _CJK_SCRIPTS.items()}
    words["ko"] //= 3
    words["th"] //= 5
    alphabets = {languages: len(letters.findall(prose)) for languages, letters in _LETTERS.items()}
    languages, most = max(alphabets.items(), key=lambda item: item[1])
    east = words["han"] + words["kana"] + words["ko"] + words["th"]
    if not east + most:
        return default
    return _of_alphabet(languages, prose, default) if most > east else _eastern(words)


def _eastern(words: dict[str, int]) -> str:
    if max(words["ko"], words["th"]) > words["han"] + words["kana"]:
        return "ko" if words["ko"] > words["th"] else "th"
    # Japanese prose is half kana; a Chinese text has a の here and there.
    return "ja" if words["kana"] * 5 > words["han"] else "zh"


def _of_alphabet(languages: tuple[str, ...], prose: str, default: str) -> str:
    base = default.partition("-")[0]
    if not languages:  # Latin
        others = {"zh", "ja", "ko", "th", *(language for group in _LETTERS for language in group)}
        return "en" if base in others else default
    if base in languages:
        return default
    told = (name for name in languages if name in _TELLTALES and len(_TELLTALES[name].findall(prose)) > 3)
    return next(told, languages[0])
