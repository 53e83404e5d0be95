"""The part of a text where it was found, marked, however it is written there."""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

from markupsafe import Markup, escape

from ..text.summary import breaks
from ..text.tokens import fold, is_unspaced, spans, stem
from .search_query import LANGUAGES, Term

LENGTH = 160
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
        self.stem_beginnings = tuple({_common(term) for term in loose})
        self.prefixes = tuple(term.tokens[0] for term in terms if term.prefix and len(term.tokens) == 1)
        beginnings = sorted({_beginning(term) for term in terms})
        # Within another word it is only of a script without spaces, or after the v of a version.
        spaced = "" if any(is_unspaced(term.tokens[0]) for term in terms) else "(?<![^\\W_v])"
        self.likely = re.compile(f"{spaced}(?:{'|'.join(beginnings)})")

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


def _beginning(term: Term) -> str:
    """A pattern of all its tokens, or of how the only one begins, with its stems."""
    return r"[\W_]*".join(map(re.escape, (_common(term), *term.tokens[1:])))


def _common(term: Term) -> str:
    """What its first token, its stems and all words of these begin with: `sky` and `skies`, `die` and `dying`."""
    word = term.tokens[0]
    for other in term.stems:
        while not other.startswith(word):
            word = word[:-1]
    return (re.sub("(?:ie|[iy])$", "", word) or word) if term.is_loose else word


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
    piece, marked, end = written[start:stop].strip(), Markup(), 0
    for begin, over in marker.hits(piece):
        if begin < end:
            continue
        marked += escape(piece[end:begin]) + Markup("<mark>{}</mark>").format(piece[begin:over])
        end = over
    marked += escape(piece[end:])
    return escape("…" if start else "") + marked + ("…" if stop < len(written) else "")


def _first(written: str, marker: Marker) -> int:
    """Where the first word is found; 0 when none is. What is likely is looked for piece by piece, and then exactly."""
    tries = TRIES
    for start in range(0, len(written), PIECE - OVERLAP):
        piece = written[start : start + PIECE]
        folded = fold(piece)
        if tries and (likely := marker.likely.search(folded)):
            tries -= 1
            near = max(0, likely.start() - OVERLAP)
            for before in (near, 0) if len(folded) != len(piece) else (near,):  # else letters may stand elsewhere
                if hit := next(marker.hits(piece[before:]), None):
                    return start + before + hit[0]
    return 0
