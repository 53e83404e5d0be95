"""The Markdown dialect of this site: CommonMark with GFM's extensions, footnotes and admonitions.

The parser and renderer behind `render.py`, which alone should call them, for what comes out is not yet cleaned.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.parser_block import RuleFuncBlockType
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import blockquote as blockquote_rule
from markdown_it.rules_block import list_block as list_rule
from markdown_it.rules_block import reference as reference_rule
from markdown_it.rules_block import table as table_rule
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote import footnote_plugin

from ..values import normalized
from .cjk import CJK
from .highlight import highlighted
from .inline import Inline
from .raw_html import IMAGE_ATTRIBUTES, shown_as_image

MAX_COLUMNS = 50
MAX_PARAGRAPH = 20_000  # characters: inline parsing is quadratic in places, in the length of one paragraph
MAX_DEPTH = 20  # levels: a quote is one, a list two; what is deeper markdown-it-py drops without a word
MAX_DEPTH_OF_COMMENTS = 12  # each line of a quote is looked at once for each level
MARKS = "*_~`|<&[!\\"  # a token each, and what takes the parser's time

# A line may end and the next begin here without a space between; Korean puts spaces between its words.
_UNSPACED = re.compile(f"(?![\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff\uffa0-\uffdc])[{CJK}]")


class TextRefused(ValueError):
    """A text that passes a bound. The message is a sentence for its author.

    template: the English sentence with named `%(…)s` places, to be translated; also the message's id.
    values: what goes into the places.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template % values)
        self.template = template
        self.values = values


class _Html(RendererHTML):
    """A method per type of token that comes out unlike in plain CommonMark; `env` has "mark" (see `footnote_id`)."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        words = token.info.split(maxsplit=1) if options["highlight"] else []
        code = highlighted(token.content, words[0], env) if words else escapeHtml(token.content)
        # Code scrolls in its own box, which the keyboard can reach; it reads from the left in any language.
        return f'<pre dir="ltr" tabindex="0" translate="no"><code>{code}</code></pre>\n'

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.fence(tokens, idx, options, env)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<code dir="ltr" translate="no">{escapeHtml(tokens[idx].content)}</code>'

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="scroll" tabindex="0">' + self.renderToken(tokens, idx, options, env)

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def list_item_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        html = self.renderToken(tokens, idx, options, env)
        if "checked" not in tokens[idx].meta:
            return html
        # A character, which is read aloud in the reader's language; a disabled input would need a label.
        return html + f'<span class="task-box">{"☑" if tokens[idx].meta["checked"] else "☐"}</span> '

    def admonition_title(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        # With a `dir` of its own, or an Arabic text would run as its English title does.
        return f'<p class="admonition__title"><strong dir="auto">{tokens[idx].content}</strong></p>\n'

    def footnote_ref(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        number, ref = footnote_id(tokens[idx], env)
        href = f"#fn-{env['mark']}-{number}"
        return f'<sup class="footnote-ref"><a href="{href}" id="fnref-{ref}">{number}</a></sup>'

    def footnote_anchor(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        # U+FE0E keeps the arrow from becoming an emoji.
        ref = footnote_id(tokens[idx], env)[1]
        return f' <a class="footnote-back" href="#fnref-{ref}">\u21a9\ufe0e</a>'

    def footnote_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<li id="fn-{env["mark"]}-{footnote_id(tokens[idx], env)[0]}">'

    def footnote_block_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<section class="footnotes"><ol dir="auto">\n'

    def footnote_block_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</ol></section>\n"


class _Markdown(MarkdownIt):
    PLAIN = re.compile(r"(?:https?://|mailto:[\w.+-]+@)[a-z0-9.-]+(?:[/?#][\w/?#.~!*();:@&=+$,-]*)?", re.ASCII)

    def normalizeLink(self, url: str) -> str:
        """The address in ASCII. Most are already, which takes 1 µs instead of 30."""
        return url if self.PLAIN.fullmatch(url) else super().normalizeLink(url)

    def normalizeLinkText(self, link: str) -> str:
        """The words of `<https://a.org>`, which CommonMark shows as they were written."""
        return link


def footnote_id(token: Token, env: EnvType) -> tuple[int, str]:
    """A footnote's number, from 1, and the rest of its reference's id: (1, "5f0c1b2a-1"), then (1, "5f0c1b2a-1-2").

    Several texts stand on one page, hence `env["mark"]`, the same for the same text.
    """
    number, again = token.meta["id"] + 1, token.meta.get("subId", 0)
    return number, f"{env['mark']}-{number}" + (f"-{again + 1}" if again else "")


def _table(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    """The table rule, with bounds on columns and on cells: short rows are filled up, by 50 cells for two bytes."""
    if silent or not table_rule(state, startLine, endLine, True):
        return table_rule(state, startLine, endLine, silent)
    rule = state.getLines(startLine + 1, startLine + 2, 0, False).strip().strip("|")
    columns = rule.count("|") + 1
    if columns > MAX_COLUMNS:
        raise TextRefused("A table can’t have more than %(bound)s columns.", bound=MAX_COLUMNS)
    last = startLine + 2
    while last < endLine and not state.isEmpty(last):
        last += 1
    state.env["cells"] = state.env.get("cells", 0) + columns * (last - startLine)
    if state.env["cells"] > state.env["max_cells"]:
        raise TextRefused("Tables can’t have more than %(bound)s cells in total.", bound=state.env["max_cells"])
    return table_rule(state, startLine, endLine, silent)


def _counted(rule: RuleFuncBlockType) -> RuleFuncBlockType:
    """A rule for lists or quotes that counts them: `- - - - a` in each line makes more of them than a writer would."""

    def counted(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
        found = rule(state, startLine, endLine, silent)
        if found and not silent:
            state.env["containers"] = state.env.get("containers", 0) + 1
            if state.env["containers"] > state.env["max_containers"]:
                raise TextRefused("Lists and quotes are nested too deep.")
        return found

    return counted


def _reference(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    """The rule for `[label]: address`, which without the footnotes' own rule would take `[^1]: note` for one."""
    start = state.bMarks[startLine] + state.tShift[startLine]
    return not state.src.startswith("[^", start) and reference_rule(state, startLine, endLine, silent)


_CONTAINERS = frozenset({"blockquote_open", "list_item_open", "footnote_reference_open"})


# Where a link may begin: between brackets or bare.
_LINKS = re.compile(r"(?:\]\(\s*<?)?(?:https?://(?:www\.)?|mailto:[^\s@]{0,64}@|www\.|(?<=\w)@)|\]\(", re.IGNORECASE)


def _lookups(paragraph: str) -> int:
    """Each `[` looks through the marks that follow it for its `]`; that takes about 1 µs a mark. Each `](` looks
    through the characters that follow it for a `)`, up to three times; that takes about 0.1 µs each."""
    found = paragraph.count("[") * sum(map(paragraph.count, MARKS))
    if begun := paragraph.count("]("):
        found += begun * max(map(len, paragraph.split())) // 3
    return found


def _check_blocks(state: StateCore) -> None:
    """Refuse what would take too long from here on, or has been cut off."""
    left, links = state.env["max_lookups"], state.env["max_links"]
    for token in state.tokens:
        if token.type == "inline":
            left -= _lookups(token.content)
            links -= sum(1 for _link in _LINKS.finditer(token.content))
        if left < 0:
            raise TextRefused("A paragraph has too many square brackets.")
        if links < 0:
            raise TextRefused("The text has more than %(bound)s links.", bound=state.env["max_links"])
        if token.level >= state.md.options["maxNesting"] - 1 and token.type in _CONTAINERS:
            raise TextRefused("Lists and quotes are nested too deep.")
        if token.type == "inline" and len(token.content) > MAX_PARAGRAPH:
            raise TextRefused("A paragraph can’t be longer than %(bound)s characters.", bound=MAX_PARAGRAPH)


# GitHub's, in English and Chinese.
ADMONITIONS = {
    "note": ("Note", "说明"),
    "tip": ("Tip", "提示"),
    "important": ("Important", "重要"),
    "warning": ("Warning", "警告"),
    "caution": ("Caution", "注意"),
}
_ADMONITION = re.compile(rf"\[!({'|'.join(ADMONITIONS)})\][ \t]*(?:\n[ \t]*|\Z)", re.IGNORECASE)
_HAN, _KANA = re.compile("[\u3400-\u9fff]"), re.compile("[\u3041-\u30ff]")
_LATIN = re.compile("(?<![A-Za-z!])[A-Za-z]+")  # a mark as [!NOTE] isn't of the text


def _name_admonitions(state: StateCore) -> None:
    """Turn quotes that begin with a line `[!NOTE]` into admonitions, with a title in the text's language."""
    out: list[Token] = []
    named: list[bool] = []  # of the quotes that are open
    skipped = 0
    chinese = "[!" in state.src and _is_chinese(state.tokens)
    for at, token in enumerate(state.tokens):
        if skipped:
            skipped -= 1
            continue
        out.append(token)
        if token.type == "blockquote_open":
            inline = state.tokens[at + 2] if state.tokens[at + 1].type == "paragraph_open" else token
            kind = _ADMONITION.match(inline.content)
            text = inline.content[kind.end() :] if kind else ""
            named.append(bool(kind) and bool(text or state.tokens[at + 4].type != "blockquote_close"))
            if kind and named[-1]:
                name = kind[1].lower()
                token.tag, token.attrs = "aside", {"class": f"admonition admonition--{name}"}
                title = ADMONITIONS[name][chinese]
                out.append(Token("admonition_title", "", 0, content=title, level=token.level + 1))
                inline.content = text
                skipped = 0 if text else 3
        elif token.type == "blockquote_close" and named.pop():
            token.tag = "aside"
    state.tokens = out


def _is_chinese(tokens: list[Token]) -> bool:
    text = "\n".join(token.content for token in tokens if token.type == "inline")
    han, kana, latin = (len(script.findall(text)) for script in (_HAN, _KANA, _LATIN))
    return han > max(latin, 5 * kana)


def _dress(state: StateCore) -> None:
    """Turn the tokens into those of this site: direction, alignment by class, images, joined CJK lines."""
    for index, token in enumerate(state.tokens):
        # The outermost blocks find their direction from their first letter, and what is inside follows them: a
        # list's marks and a quote's border must be on the side where its text begins. Code, which has a `dir`
        # of its own, is passed over in this, so a sentence may begin with it.
        if token.level == 0 and token.nesting == 1 and token.tag in _DIRECTED:
            token.attrSet("dir", "auto")
        if style := token.attrGet("style"):
            token.attrs = {"class": f"align-{str(style).removeprefix('text-align:')}"}
        if token.type == "th_open" and not state.tokens[index + 1].content:
            token.tag = state.tokens[index + 2].tag = "td"  # an empty heading says nothing to a screen reader
        if token.type == "list_item_open" and "checked" in token.meta:
            token.attrs = {"class": "task"}
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            token.attrs.pop("class", None)
        elif token.type == "inline":
            token.children = _dressed(token.children or [], state.md.options)


_DIRECTED = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "aside", "table"})


def _dressed(children: list[Token], options: OptionsDict) -> list[Token]:
    out: list[Token] = []
    links = 0
    images, joined = options["images"], not options["breaks"]
    for index, token in enumerate(children):
        if (
            joined
            and token.type == "softbreak"
            and _joins(children[index - 1 : index], children[index + 1 : index + 2])
        ):
            continue
        if token.type == "image" and not (images and shown_as_image(str(token.attrs["src"]))):
            out += _linked(token, inside_link=links > 0)
            continue
        if token.type == "image":
            token.attrs |= IMAGE_ATTRIBUTES
        if token.tag == "s":
            token.tag = "del"
        links += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        out.append(token)
    return out


def _joins(before: list[Token], after: list[Token]) -> bool:
    """Whether the line break between two tokens is none to the reader: a browser would show it as a space."""
    ends = [*(token.content[-1:] for token in before), *(token.content[:1] for token in after)]
    return len(ends) == 2 and all(_UNSPACED.match(end) for end in ends)


def _linked(image: Token, inside_link: bool) -> list[Token]:
    """An image that isn't shown, as a link to it; only its words inside another link."""
    words = Token("text", "", 0, content=text_of(image.children or []) or str(image.attrs["src"]))
    if inside_link or not image.attrs["src"]:
        return [words]
    title = {"title": image.attrs["title"]} if "title" in image.attrs else {}
    opening = Token("link_open", "a", 1, attrs={"href": image.attrs["src"], **title})
    return [opening, words, Token("link_close", "a", -1)]


def text_of(children: list[Token]) -> str:
    """The words of an inline token's children, without markup."""
    return "".join(
        text_of(token.children) if token.children else " " if token.type.endswith("break") else token.content
        for token in children
        if token.type != "html_inline"
    )


def _parser(options: Mapping[str, Any], *plugins: Callable[[MarkdownIt], None]) -> MarkdownIt:
    md = _Markdown("commonmark", renderer_cls=_Html)
    md.inline = inline = Inline()
    md.configure("commonmark", {"maxNesting": MAX_DEPTH, "xhtmlOut": False, "tasklists": True, **options})
    md.enable(["table", "strikethrough"])
    md.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    md.block.ruler.at("reference", _reference)
    md.block.ruler.at(
        "blockquote", _counted(blockquote_rule), {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    md.block.ruler.at("list", _counted(list_rule), {"alt": ["paragraph", "reference", "blockquote"]})
    md.core.ruler.after("block", "check_blocks", _check_blocks)
    md.core.ruler.after("check_blocks", "admonitions", _name_admonitions)
    for plugin in plugins:
        plugin(md)
    md.core.ruler.push("dress", _dress)
    inline.compile()
    return md


def _move_notes(state: StateCore) -> None:
    """Move notes to the end, in the order of their numbers, from wherever they stand: lists, quotes, other notes.

    The plugin's own rule for this takes a note within a note apart. What nothing refers to is left out, as on GitHub.
    """
    notes: dict[str, list[Token]] = {}
    labels, texts = list[str](), [list[Token]()]  # of what is open: the page's text, a note's, that of a note within
    emptied = set[int]()  # lists, items and quotes that had a note at their beginning: the ids of their tokens
    for token in state.tokens:
        text = texts[-1]
        if token.type == "footnote_reference_open":
            emptied |= {id(last) for last in text[-1:] if last.nesting > 0}
            labels.append(token.meta["label"])
            texts.append([])
        elif token.type == "footnote_reference_close":
            notes.setdefault(labels.pop(), texts.pop())
        elif token.nesting < 0 and text and id(text[-1]) in emptied:
            text.pop()
            emptied |= {id(last) for last in text[-1:] if last.nesting > 0}
        else:
            text.append(token)
    state.tokens = texts[0]
    numbered = state.env.get("footnotes", {}).get("list", {})
    if numbered:
        inside = [token for number in numbered for token in _note(number, numbered[number], notes)]
        state.tokens += [Token("footnote_block_open", "", 1), *inside, Token("footnote_block_close", "", -1)]


def _note(number: int, note: Mapping[str, Any], notes: Mapping[str, list[Token]]) -> list[Token]:
    tokens = notes[note["label"]]
    back = [Token("footnote_anchor", "", 0, meta={"id": number, "subId": again}) for again in range(note["count"])]
    at = len(tokens) - 1 if tokens and tokens[-1].type == "paragraph_close" else len(tokens)
    opening = Token("footnote_open", "", 1, meta={"id": number})
    return [opening, *tokens[:at], *back, *tokens[at:], Token("footnote_close", "", -1)]


def _footnotes(md: MarkdownIt) -> None:
    renderer = md.renderer
    assert isinstance(renderer, _Html)  # noqa: S101
    ours = {name: rule for name, rule in renderer.rules.items() if name.startswith("footnote_")}
    footnote_plugin(md, inline=False, move_to_end=False)
    md.core.ruler.after("inline", "move_notes", _move_notes)
    renderer.rules.update(ours)


_OWN_ID = re.compile(r"(?<!\\)\{#([^\s{}\"'<>&]+)(?:\s[^{}]*)?\}")


def _take_ids(state: StateCore) -> None:
    """Take `{#id}` off the end of headings; `anchors` reads it in `meta`."""
    for opening, inline in pairwise(state.tokens):
        if opening.type == "heading_open" and inline.content.endswith("}"):
            at = inline.content.rfind("{#")
            if at > 0 and (match := _OWN_ID.fullmatch(inline.content, at)):
                inline.content = inline.content[:at].rstrip()
                opening.meta["id"] = normalized("NFC", match[1])


def _own_ids(md: MarkdownIt) -> None:
    md.core.ruler.after("block", "own_ids", _take_ids)


_AUTHORS = {"html": True, "images": True, "highlight": highlighted}
FOR_POSTS = _parser(_AUTHORS, _footnotes, _own_ids)
# Enter is a line break, as in every other box for a few words.
FOR_UPDATES = _parser(_AUTHORS | {"breaks": True}, _footnotes, _own_ids)
FOR_COMMENTS = _parser(
    {"html": False, "images": False, "highlight": None, "breaks": True, "maxNesting": MAX_DEPTH_OF_COMMENTS}
)
