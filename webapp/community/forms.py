"""The form of a comment."""

from __future__ import annotations

from wtforms import TextAreaField

from ..http.forms import Once, required
from ..i18n import lazy_gettext as _l


class CommentForm(Once):
    body = TextAreaField(
        _l("Your comment"),
        description=_l("Markdown works: *emphasis*, `code`, lists, links."),
        validators=[required()],
        render_kw={"rows": 6},
    )
