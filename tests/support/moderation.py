"""The desk's screen of comments, as a test reads it."""

from __future__ import annotations

import re

SCREEN = "/desk/comments"


def items(page: str) -> dict[str, str]:
    """The HTML of each comment on the screen by its id, from the top."""
    pieces = re.split(r'<div class="item[^"]*" id="([^"]+)"', page)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))
