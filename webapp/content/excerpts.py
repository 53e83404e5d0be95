"""The part of a text where it was found, marked, however it is written there."""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

from markupsafe import Markup, escape

from ..text.summary import breaks
from ..text.tokens import BETWEEN, fold, is_unspaced, spans, stem
from .search_query import LANGUAGES, Term

LENGTH = 160
LIKELY = 4  # tokens that a phrase is looked for by, before it is compared as a whole
# A text is looked through in pieces that overlap; so many may turn out to have only what looks alike.
PIECE, OVERLAP, TRIES = 1_000, 100, 8


class Marker:
    """Finds terms in a text as it is written."""

    def __init__(self, terms: tuple[Term, ...]) -> None:
        self.by_first: dict[str, list[Term]] = {}
        for term in terms:
            self.by_first.setdefault(term.tokens[0], []).append(term)
        self.longest = max(len(term.tokens) for term in terms)
        loose = [term for term in terms if term.is_loose]
        self.stems = frozenset[str]().union(*({*term.stems, term.tokens[0]} for term in loose))
        self.stem_beginnings = tuple({beginning for term in loose for beginning in _beginnings(term)})
        self.prefixes = tuple(term.tokens[0] for term in terms if term.prefix and len(term.tokens) == 1)
        beginnings = sorted({beginning for term in terms for beginning in _beginnings(term)})
        # Within another word it is only of a script without spaces, or after the v of a version.
        spaced = "" if any(is_unspaced(term.tokens[0]) for term in terms) else "(?<![^\\W_v])"
        end_of_word = r"(?![^\W_])" if spaced else ""
        self.likely = re.compile(f"{spaced}(?:{'|'.join(map(_spread, beginnings))})")
        # What is exactly that is looked for first: `ai` is likely in many words.
        whole = "|".join(_spread(" ".join(term.tokens)) + ("" if term.prefix else end_of_word) for term in terms)
        self.whole = re.compile(f"{spaced}(?:{whole})")

    def hits(self, written: str) -> Iterator[tuple[int, int]]:
        """From where to where each is, in order."""
        coming = spans(written)
        words = deque(islice(coming, self.longest))
        while words:
            start, stop, token = words[0]
            over = 0
            for term in self.by_first.get(token, ()):
                following = list(islice(words, len(term.tokens)))
                if _is_there(term, [word[2] for word in following]):
                    over = max(over, following[-1][1])
            if not over and (token.startswith(self.prefixes) or self._has_stem(token)):
                over = stop
            if over:
                yield start, over
            words.popleft()
            words.extend(islice(coming, 1))

    def _has_stem(self, token: str) -> bool:
        begins = token.startswith(self.stem_beginnings)
        return begins and any(stem(token, language) in self.stems for language in LANGUAGES)


def _is_there(term: Term, words: list[str]) -> bool:
    if tuple(words) == term.tokens:
        return True
    same = len(words) == len(term.tokens) and tuple(words[:-1]) == term.tokens[:-1]
    return term.prefix and same and words[-1].startswith(term.tokens[-1])


def _beginnings(term: Term) -> set[str]:
    """What its words begin with: of one word all that have its stem too, as `sky` and `skies`, `die` and `dying`."""
    if not term.is_loose:
        return {" ".join(term.tokens)}
    beginnings = {term.tokens[0], *term.stems}
    for word in list(beginnings):
        for end, other in (("ie", "y"), ("i", "y"), ("y", "i")):
            if word.endswith(end):
                beginnings.add(word.removesuffix(end) + other)
    return beginnings


def _spread(words: str) -> str:
    return BETWEEN.join(map(re.escape, words.split(" ")[:LIKELY]))


def excerpt(written: str, marker: Marker) -> Markup:
    """The text around the first word that is found, with every found word marked."""
    written = " ".join(written.split())
    first = _first(written, marker)
    start = max(0, first - LENGTH // 3)
    while 0 < start < first and not breaks(written, start):
        start += 1
    stop = min(len(written), start + LENGTH)
    while start + LENGTH // 2 < stop < len(written) and not breaks(written, stop):
        stop -= 1
    piece = marked(written[start:stop].strip(), marker)
    return escape("…" if start else "") + piece + ("…" if stop < len(written) else "")


def marked(written: str, marker: Marker) -> Markup:
    shown, end = Markup(), 0
    for begin, over in marker.hits(written):
        if begin >= end:
            shown += escape(written[end:begin]) + Markup("<mark>{}</mark>").format(written[begin:over])
            end = over
    return shown + escape(written[end:])


def _first(written: str, marker: Marker) -> int:
    """Where the first word is found; 0 when none is. What is likely is looked for piece by piece, and then exactly."""
    pieces = [written[start : start + PIECE + OVERLAP] for start in range(0, len(written), PIECE)]
    folded: list[str] = []
    for pattern in (marker.whole, marker.likely):
        tries = TRIES
        for number, piece in enumerate(pieces):
            if number == len(folded):
                folded.append(fold(piece))
            likely = pattern.search(folded[number])
            if not tries or not likely or likely.start() > PIECE:  # the next piece has it whole
                continue
            tries -= 1
            near = max(0, likely.start() - OVERLAP)
            for before in (near, 0) if len(piece) != len(folded[number]) else (near,):  # letters may stand elsewhere
                hit = next(marker.hits(piece[before:]), None)
                if hit and before + hit[0] <= PIECE:
                    return number * PIECE + before + hit[0]
    return 0
