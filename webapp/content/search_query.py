"""What any text that somebody searches for asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..text.tokens import is_unspaced, spans, stem, tokens

QUERY_LENGTH = 200
TERMS, TOKENS = 8, 20  # further words don't count, nor do those of a phrase
PREFIX_LENGTH = 3  # letters from which the last word may go on
LANGUAGES = ("en", "de")  # whose stems a word stands for: nobody says what language a query is in
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"') | {"－": "-", "−": "-"})
_PART = re.compile(
    r'(?<!\w)(?P<minus>(?<!\S)-)?"(?P<phrase>[^"]*)"|(?<!\S)(?P<without>-(?=[^\s"-])[^\s"]*)|(?P<words>[^\s"]+)'
)
# Between the words of one name: node.js, e-mail, get_user_by_id, std::vector, AT&T, O’Brien, and/or.
_CONNECTOR = re.compile(r"[._'’‘ʼ`´/@&:＠．＆－-]|::|->|\+?")


@dataclass(frozen=True)
class Term:
    """Tokens that follow each other. One word also stands for its `stems`, and as a `prefix` for all that go on."""

    tokens: tuple[str, ...]
    stems: frozenset[str] = frozenset()
    exact: bool = False
    prefix: bool = False

    @property
    def is_loose(self) -> bool:
        """Whether other forms of the word count."""
        return len(self.tokens) == 1 and not self.exact


@dataclass(frozen=True)
class Query:
    """What was asked: all of `wanted`, none of `excluded`."""

    wanted: tuple[Term, ...]
    excluded: tuple[Term, ...] = ()

    @property
    def without_prefix(self) -> Query:
        return replace(self, wanted=tuple(replace(term, prefix=False) for term in self.wanted))


def parse(query: str) -> Query:
    """What any text asks for: "exact words" and names such as node.js are phrases, and -word is excluded.

    The last word is also the beginning of others, while it isn't in quotes.
    """
    wanted: list[Term] = []
    excluded: list[Term] = []
    for part in _PART.finditer(query[:QUERY_LENGTH].translate(_QUOTES)):
        if part["phrase"] is not None:
            words = tuple(tokens(part["phrase"])[:TOKENS])
            (excluded if part["minus"] else wanted).extend([Term(words, exact=True)] if words else [])
        elif part["without"]:
            excluded += [Term(term.tokens, exact=True) for term in _names(part["without"][1:])]
        else:
            wanted += _names(part["words"])
    last = wanted[-1] if wanted else None
    distinct = list(dict.fromkeys(wanted))[:TERMS]
    if last in distinct and _goes_on(last):
        distinct[distinct.index(last)] = replace(last, prefix=True)
    return Query(tuple(distinct), tuple(dict.fromkeys(excluded))[:TERMS])


def _goes_on(term: Term) -> bool:
    word = term.tokens[-1]
    return not term.exact and len(word) >= PREFIX_LENGTH and word[0].isalnum() and not is_unspaced(word)


def _names(chunk: str) -> Iterator[Term]:
    """Of a text without spaces: its words, each with those that are tied to it."""
    name: list[str] = []
    end = 0
    for start, stop, token in spans(chunk):
        if name and (len(name) == TOKENS or not _is_tied(chunk[end:start], name[-1], token)):
            yield term_of(name)
            name = []
        name.append(token)
        end = stop
    if name:
        yield term_of(name)


def _is_tied(between: str, before: str, after: str) -> bool:
    if is_unspaced(before) or is_unspaced(after):
        return not between and is_unspaced(before) and is_unspaced(after)
    if between in (",", "，"):
        return before.isdigit() and after.isdigit()
    return bool(_CONNECTOR.fullmatch(between))


def term_of(name: list[str]) -> Term:
    own = {stem(name[0], language) for language in LANGUAGES} - {name[0]} if len(name) == 1 else set()
    return Term(tuple(name), frozenset(own))
