"""The tables. Their verbs stand beside them: posts, updates, comments, events, people.

Every time is a whole number of milliseconds since 1970, UTC, in a column named `…_at`.
`n` of an update or comment is the number of the event that brought it: it names the item in URLs and pages.
`position` counts a post's updates (or comments) from 1, withdrawn ones included, so that older pages never shift.
"""

from .accounts import ROLES, Attempt, LoginSession, OldName, OneTimeLink, User
from .base import ITEMS_PER_PAGE, Base, page_of
from .imports import Import, ImportedFile, OldAddress
from .items import SHOWN_COLUMNS, Comment, Earlier, Editing, ShownComment, ShownUpdate, Update
from .pictures import OriginalPiece, Picture, PictureUse
from .posts import FRONT, About, Post, Tag, post_author, post_tag
from .record import SEARCH_TABLE, Event, Page, Revision

__all__ = [
    "FRONT",
    "ITEMS_PER_PAGE",
    "ROLES",
    "SEARCH_TABLE",
    "SHOWN_COLUMNS",
    "About",
    "Attempt",
    "Base",
    "Comment",
    "Earlier",
    "Editing",
    "Event",
    "Import",
    "ImportedFile",
    "LoginSession",
    "OldAddress",
    "OldName",
    "OneTimeLink",
    "OriginalPiece",
    "Page",
    "Picture",
    "PictureUse",
    "Post",
    "Revision",
    "ShownComment",
    "ShownUpdate",
    "Tag",
    "Update",
    "User",
    "now_ms",
    "page_of",
    "post_author",
    "post_tag",
]
