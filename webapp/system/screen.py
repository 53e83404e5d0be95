"""What our commands print. Names, titles and versions in it come from others, and none is a terminal's command."""

from __future__ import annotations

import re
import sys
from typing import TextIO, cast

# C0 but for a line's end and tabs, DEL and C1, what turns the direction of text, line ends of Unicode, half characters.
_COMMANDS = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]"
)
_LINE_ENDS = re.compile("[\t\n]")


def printable(text: object) -> str:
    """What somebody else named, in a line of ours: all on this line, and what would not be seen as Python writes it."""
    return _LINE_ENDS.sub(_seen, _shown(str(text)))


def _shown(text: str) -> str:
    return _COMMANDS.sub(_seen, text)


def _seen(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


class _Screen:
    """A stream's text without commands for the terminal. It has no `buffer`, by which click would pass it by."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.encoding, self.errors = stream, stream.encoding or "utf-8", "backslashreplace"

    def write(self, text: str) -> int:
        self.stream.write(_shown(text).encode(self.encoding, self.errors).decode(self.encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()


def guard() -> None:
    """From here on all that this process prints passes `_Screen`, also what click or Python says of an error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Screen):
            setattr(sys, name, _Screen(stream))


def unguarded() -> TextIO:
    """Standard error for a progress bar, which goes back to the begin of its line, and says nothing of others."""
    return cast(TextIO, getattr(sys.stderr, "stream", sys.stderr))
