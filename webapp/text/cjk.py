"""The characters of Chinese, Japanese and Korean, for a set of a regular expression."""

# Han, kana, Hangul, bopomofo, and the punctuation and wide forms that go with them.
CJK = "\u1100-\u11ff\u2e80-\u303f\u3040-\u31ff\u3200-\u4dbf\u4e00-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f"
CJK += "\uff00-\uffef\U00016fe0-\U00018dff\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
