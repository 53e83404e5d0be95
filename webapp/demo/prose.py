"""The demos' sentences in another order: texts of realistic lengths, as many as a load test wants."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from random import Random

from . import script

# In words, two Chinese characters counting as one. Lengths are spread around a median by a log-normal distribution.
ARTICLE_WORDS = 400
PARAGRAPH_WORDS = 60
HALF_SENTENCE = 5
SPREAD = 0.6

_WORD = re.compile("[\u3400-\u9fff]{1,2}|[\\w’]+")
_LIST_TABLE_QUOTE = ("- ", "1. ", "|", ">")
_MARKUP = re.compile(r"\*+|\[|\]\(#\w+\)")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[.!?]”)\s+|(?<=[。！？])(?!”)|(?<=[。！？]”)")
_END = (".", "!", "?", ".”", "!”", "?”", "。", "！", "？", "。”", "！”", "？”")
_CODE = '''\
```python
def highest(readings: list[float]) -> float:
    """In metres; 0 when nobody has read the gauge yet."""
    return max(readings, default=0.0)
```'''


def count_words(written: str) -> int:
    return len(_WORD.findall(written))


@dataclass(frozen=True)
class Prose:
    """What `random` makes of one demo's `sentences`, `titles` and `tags`."""

    random: Random
    language: str
    sentences: list[str]
    titles: list[str]
    tags: list[str]

    def passage(self, words: int) -> str:
        """About so many words, and at least one sentence."""
        passages: list[str] = []
        while not passages or words > HALF_SENTENCE:
            passages.append(self.random.choice(self.sentences))
            words -= count_words(passages[-1])
        return ("" if self.language == "zh" else " ").join(passages)

    def length(self, median_words: int) -> int:
        return round(self.random.lognormvariate(math.log(median_words), SPREAD))

    def article(self) -> str:
        """Paragraphs under headings, a list, a quotation and sometimes code, in Markdown."""
        # The list, the quotation and the headings are about as long as one paragraph and a half.
        count = max(1, round(self.length(ARTICLE_WORDS) / PARAGRAPH_WORDS - 1.5))
        lead, *blocks = [self.passage(PARAGRAPH_WORDS) for _ in range(count)]
        blocks += ["\n".join(f"- {self.passage(10)}" for _ in range(4)), f"> {self.passage(20)}"]
        if self.random.random() < 0.2:
            blocks.append(_CODE)
        self.random.shuffle(blocks)
        for place in reversed(range(0, len(blocks), 3)):
            blocks.insert(place, f"## {self.random.choice(self.titles)}")
        return "\n\n".join([lead, *blocks])


def prose(language: str, random: Random) -> Prose:
    read = script(language)
    texts = [read["text"], *(step["text"] for step in read["steps"] if "text" in step)]
    blocks = [block for text in texts for block in text.split("\n\n") if not block.startswith(_LIST_TABLE_QUOTE)]
    plain = [_MARKUP.sub("", block).replace("\n", " ") for block in blocks]
    sentences = [sentence.strip() for block in plain for sentence in _BETWEEN_SENTENCES.split(block)]
    titles = [step["title"] for step in read["steps"] if "title" in step]
    return Prose(random, language, list(filter(_is_whole, sentences)), titles, read["tags"])


def _is_whole(sentence: str) -> bool:
    """Neither half of a quotation, nor an answer to somebody."""
    paired = all(sentence.count(begin) == sentence.count(end) for begin, end in ("“”", "（）"))
    return paired and sentence.endswith(_END) and "@" not in sentence
