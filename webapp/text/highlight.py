"""Program text with Pygments' classes, each with the prefix `c-` (`static/css/code.css`)."""

import re
import time
from collections.abc import MutableMapping
from functools import lru_cache
from html import escape
from itertools import groupby
from operator import itemgetter
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class, get_all_lexers
from pygments.token import STANDARD_TYPES, Comment, Generic, Keyword, Name, Number, Operator, String, Token

PREFIX = "c-"
MAX_BLOCK = 10_000  # characters
MAX_SECONDS = 0.5  # of processor time for one text; ordinary code takes about 1 ms for 1,000 characters

# Only these are told apart; all else (names, punctuation, spaces) is bare text, which keeps pages small.
STYLED = frozenset(
    [Comment, Comment.Preproc, Keyword, Keyword.Type, Number, Operator.Word, String, String.Escape]
    + [String.Interpol, Name.Attribute, Name.Builtin, Name.Class, Name.Constant, Name.Decorator, Name.Entity]
    + [Name.Exception, Name.Function, Name.Tag, Name.Variable, Generic.Deleted, Generic.Heading]
    + [Generic.Inserted, Generic.Output, Generic.Prompt, Generic.Subheading, Generic.Traceback]
)
CLASSES = frozenset(PREFIX + STANDARD_TYPES[kind] for kind in STYLED)

# Pygments knows some 600 languages, each a set of regular expressions, and some never end on hostile text. These
# were tried with it. Skipped are also those that hand parts of a text to a lexer that the text names.
LANGUAGES = """
    Bash; Bash Session; Batchfile; C; C#; C++; CMake; CSS; Clojure; Dart; Diff; Docker; Elixir; Erlang; Fortran; Go;
    GraphQL; Groovy; HTML; HTML+Django/Jinja; Haskell; INI; JSON; Java; JavaScript; Julia; Kotlin; Lua; Makefile;
    Nginx configuration file; Objective-C; PHP; Perl; PowerShell; Protocol Buffer; Python;
    Python console session; Ruby; Rust; S; SCSS; SQL; Scala; Swift; TOML; TeX; TypeScript; XML; YAML; Zig;
    Django/Jinja
"""
# In these the look for a function's name is cubic in the length of a run without any of the characters here.
_C_FAMILY = frozenset({"C", "C#", "C++", "Groovy", "Java", "Objective-C"})
_LONG_RUN = re.compile(r"[^;{}()=,\"#<>]{500}")
# In others, such as INI, a token that doesn't come is looked for at each of the blanks before it.
_LONG_BLANK = re.compile(r"[^\S\n]{200}")


def highlighted(code: str, language: str, env: MutableMapping[str, Any]) -> str:
    """The code as HTML with `<span class="c-…">`; escaped only, if the language is unknown or a bound is reached.

    language: as written after the fence, in any case ("python", "py", "C++").
    env: one text's own; "highlight_seconds" counts the time used so far.
    """
    lexer = _lexer(language.lower()) if len(code) <= MAX_BLOCK else None
    spent = env.get("highlight_seconds", 0) > MAX_SECONDS
    if lexer is None or spent or _LONG_BLANK.search(code) or (lexer.name in _C_FAMILY and _LONG_RUN.search(code)):
        return escape(code, quote=False)
    started = time.thread_time() - env.get("highlight_seconds", 0)
    pieces = []
    for kind, text in lexer.get_tokens(code):
        pieces.append((_class(kind), text))
        env["highlight_seconds"] = time.thread_time() - started
        if env["highlight_seconds"] > MAX_SECONDS:
            return escape(code, quote=False)
    groups = groupby(pieces, key=itemgetter(0))
    html = "".join(_span(name, escape("".join(text for _, text in group), quote=False)) for name, group in groups)
    # Lists of digits come out thirty times their size; better plain than refused.
    return html if len(html) < 8 * len(code) + 1000 else escape(code, quote=False)


def _span(name: str, text: str) -> str:
    return f'<span class="{name}">{text}</span>' if name else text


@lru_cache(maxsize=1000)
def _class(kind: Any) -> str:
    while kind not in STYLED:
        if kind is Token:
            return ""
        kind = kind.parent
    return PREFIX + STANDARD_TYPES[kind]


@lru_cache(maxsize=1)
def _aliases() -> dict[str, str]:
    wanted = {name.strip() for name in LANGUAGES.split(";")}
    lexers = get_all_lexers(plugins=False)
    return {alias.lower(): name for name, aliases, _, _ in lexers if name in wanted for alias in aliases}


def _lexer(language: str) -> Lexer | None:
    # Not Pygments' own look-up by alias: for an unknown one that searches all installed packages each time.
    name = _aliases().get(language)
    lexer = find_lexer_class(name) if name else None
    return lexer(stripnl=False, ensurenl=False) if lexer else None
