"""What a name or an e-mail address may be."""

import re
import unicodedata

from ..errors import Refused
from ..i18n import gettext as _
from ..values import INVISIBLE, normalized

RESERVED = frozenset(
    (
        "about accent account administrator all anonymous api assets atom author bot community deleted desk draft "
        "edit editor everyone feed front guest hello help home index invite live login logout mail me media "
        "moderator new news nobody none null official page password post press pressroom register reset robots root "
        "rss search security settings site sitemap staff static support system tag team undefined update user users "
        "webmaster"
    ).split()
)
# How the names begin of those who speak in a demo, by its language.
DEMO = {"en": "demo-", "zh": "演示-"}
RESERVED_BEGINNINGS = ("deleted-", *DEMO.values())
# Scripts that are written together, and with one alphabet besides, as their Unicode names begin.
EASTERN = frozenset(("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"))
# Unicode's recommended scripts, as their letters' names begin (UAX 31, table 5). In others, such as Lisu and Cherokee,
# whole words look like ASCII.
SCRIPTS = EASTERN | frozenset(
    "LATIN GREEK CYRILLIC ARMENIAN HEBREW ARABIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA "
    "MALAYALAM SINHALA THAI LAO TIBETAN MYANMAR GEORGIAN ETHIOPIC KHMER THAANA".split()
)
# Latin letters that languages are written in: no clicks, small capitals, signs of phonetics.
LATIN = re.compile("[A-Za-z\u00aa-\u0183\u0186-\u01bf\u01c4-\u024f\u1e00-\u1effɓɔɖɗəɛɠɣɨɩɯɲʉʋʒ]")
# Letters that look like ASCII's, small or as capitals, by the confusables of UTS 39; Latin, Cyrillic, Greek, Armenian.
LOOK_ALIKES = str.maketrans(
    "ıɩɪɑɡʋʏᴄᴏᴠᴡᴢꜱасеоірхуѕјԁһԛԝѵӏүвкмнтορνικγχυαεβζητμօոսցհյզ",
    "iiiaguycovwzsaceoipxysjdhqwvlybkmhtopvikgxuaebzntmonughjq",
)
EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}")


def username_key(name: str) -> str:
    """What makes two names the same: no difference of case or of compatible characters."""
    return normalized("NFKC", name).casefold()


def look(name: str) -> str:
    """The key of the name in ASCII that this one can be taken for; in part its own letters where it can't."""
    return username_key(name).translate(LOOK_ALIKES)


def _script(char: str) -> str:
    """As Unicode names begin: "ARABIC", also of "ARABIC-INDIC DIGIT ONE" and "EXTENDED ARABIC-INDIC DIGIT ONE"."""
    return re.split("[ -]", unicodedata.name(char, "").removeprefix("EXTENDED "))[0]


def checked_username(name: str) -> str:
    """The name as it will be kept. Raises Refused with the reason."""
    name = normalized("NFKC", name.strip())
    if not 2 <= len(name) <= 40 or not all(c.isalnum() or c in "_-" for c in name) or set(name) & set(INVISIBLE):
        raise Refused(_("Use 2 to 40 letters, digits, “_” or “-”, without spaces."))
    scripts = {_script(c) for c in name if c.isalpha()}
    digits = {_script(c) for c in name if not c.isalpha() and c.isalnum() and not c.isascii()}
    if len(scripts - EASTERN) > 1 or not digits <= scripts:
        raise Refused(_("A username can’t mix alphabets, because some letters look the same."))
    if scripts - SCRIPTS or any(_script(char) == "LATIN" and not LATIN.fullmatch(char) for char in name):
        raise Refused(_("A username can’t have this letter, because it looks like another."))
    if {username_key(name), look(name)} & RESERVED or username_key(name).startswith(RESERVED_BEGINNINGS):
        raise Refused(_("This username is reserved. Choose another."))
    return name


def checked_email(email: str) -> str | None:
    """None for none. Raises Refused when it can't be an address."""
    email = email.strip()
    if email and not EMAIL.fullmatch(email):
        raise Refused(_("This doesn’t look like an email address."))
    return email or None
