"""What is inside a paragraph: markdown-it's rules, each asked only where its character stands, and bare links."""

import re
from bisect import bisect_left
from collections import defaultdict

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline, RuleFuncInlineType
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

from . import autolinks
from .cjk import CJK

_CJK = re.compile(f"[{CJK}]")
_CHARACTERS = {
    "autolink": "<",
    "backticks": "`",
    "emphasis": "*_",
    "entity": "&",
    "escape": "\\",
    "footnote_ref": "[",
    "html_inline": "<",
    "image": "!",
    "link": "[",
    "newline": "\n",
    "strikethrough": "~",
    "text": "",
}
_NOT_TEXT = re.compile(r"[\n!&*<\[\\_`~]")
_NOT_LABEL = re.compile(r"[\n!&*<\[\\\]_`~]")  # `]` ends a link's words


class _State(StateInline):
    """Lets `**` and `~~` open and close next to CJK, which has no spaces: `**注（见下）**后`.

    Source: https://github.com/tats-u/markdown-cjk-friendly, an amendment proposed for CommonMark.
    """

    def __init__(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> None:
        super().__init__(src, md, env, tokens)
        self.links = autolinks.found_in(src)
        self.links_at = sorted(self.links)

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        scanned = super().scanDelims(start, canSplitWord)
        end = start + scanned.length
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        if canSplitWord and (_CJK.match(before) or _CJK.match(after)):
            return Scanned(not after.isspace(), not before.isspace(), scanned.length)
        return scanned

    def push_text(self) -> None:
        """All up to the next character of a rule, or to the next bare link, and then that."""
        place = bisect_left(self.links_at, self.pos)
        linked = not self.linkLevel and place < len(self.links_at) and self.links_at[place] < self.posMax
        start = self.links_at[place] if linked else self.posMax
        stop = _NOT_TEXT.search(self.src, self.pos, start)
        end = stop.start() if stop else start
        self.append_pending(self.src[self.pos : end])
        self.pos = end
        if not linked or end < start:
            return
        self.pos, address = self.links[start]
        link = self.push("link_open", "a", 1)
        link.attrs = {"href": self.md.normalizeLink(autolinks.unescaped(address))}
        self.push("text", "", 0).content = autolinks.unescaped(self.src[start : self.pos])
        self.push("link_close", "a", -1)


class Inline(ParserInline):
    """As markdown-it's, which asks all rules at each of two dozen characters."""

    def compile(self) -> None:
        """To be called when all rules are known."""
        self._rules = defaultdict[str, list[RuleFuncInlineType]](list)
        for name, rule in zip(self.ruler.get_active_rules(), self.ruler.getRules(""), strict=True):
            for character in _CHARACTERS[name]:
                self._rules[character].append(rule)

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens

    def tokenize(self, state: StateInline) -> None:
        assert isinstance(state, _State)  # noqa: S101
        end = state.posMax
        if state.level >= state.md.options["maxNesting"]:
            state.append_pending(state.src[state.pos : end])
            state.pos = end
        while state.pos < end:
            character = state.src[state.pos]
            if not _NOT_TEXT.match(character):
                state.push_text()
            elif not any(rule(state, False) for rule in self._rules.get(character, ())):
                state.append_pending(character)
                state.pos += 1
        if state.pending:
            state.pushPending()

    def skipToken(self, state: StateInline) -> None:
        """Go past one token, without making it. Every `[` asks this of all that follows, so the cache comes first."""
        start = state.pos
        if known := state.cache.get(start):
            state.pos = known
            return
        assert isinstance(state, _State)  # noqa: S101
        if state.level >= state.md.options["maxNesting"]:
            state.pos = state.posMax
        elif not _NOT_LABEL.match(state.src[start]):
            stop = _NOT_LABEL.search(state.src, start, state.posMax)
            state.pos = stop.start() if stop else state.posMax
        else:
            state.level += 1
            found = any(rule(state, True) for rule in self._rules.get(state.src[start], ()))
            state.level -= 1
            state.pos += not found
        state.cache[start] = state.pos
