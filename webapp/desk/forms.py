"""The forms of writing: their fields, bounds and what they say when one of them doesn't fit."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import Optional

from ..content import about, pictures, rendering
from ..content.posts import LANGUAGE_LENGTH, TAG_LENGTH, TAGS_PER_POST, split_names, tag_key
from ..http.forms import Form, Once, at_most, refused_text, required, shown, stripped
from ..i18n import gettext as _
from ..i18n import lazy_gettext as _l
from ..text.markdown import TextRefused
from ..text.pictures import names as picture_names
from ..values import language_tag


class UpdateForm(Once):
    title = StringField(_l("Title"), description=_l("Optional."), filters=[stripped, shown], validators=[at_most(200)])
    body = TextAreaField(_l("Update"), validators=[required()], render_kw={"rows": 5})
    key = BooleanField(_l("Key moment"))
    next = HiddenField()


class EditUpdateForm(Form):
    title = StringField(_l("Title"), description=_l("Optional."), filters=[stripped, shown], validators=[at_most(200)])
    body = TextAreaField(_l("Update"), validators=[required()], render_kw={"rows": 8})
    version = HiddenField(validators=[Optional()])


class CorrectUpdateForm(EditUpdateForm):
    note = StringField(
        _l("Correction note"),
        description=_l("A short note, shown to readers next to the update."),
        filters=[stripped],
        validators=[required(), at_most(300)],
    )


class PostForm(Once):
    title = StringField(_l("Title"), filters=[stripped], validators=[required(), at_most(200)])
    summary = TextAreaField(
        _l("Summary"),
        description=_l("One or two sentences, shown in lists and under the title."),
        filters=[stripped, shown],
        validators=[at_most(500)],
        render_kw={"rows": 2},
    )
    body = TextAreaField(
        _l("Text"),
        description=_l("Markdown: **bold**, ## heading, [link](https://…), ![picture](https://…)."),
        render_kw={"rows": 20},
    )
    cover = StringField(
        _l("Cover picture"),
        description=_l(
            "For lists and links: a picture’s address from Desk → Pictures. Empty: the first one of the text."
        ),
        filters=[stripped, shown],
        validators=[at_most(300)],
        render_kw={"autocapitalize": "none"},
    )
    tags = StringField(_l("Tags"), description=_l("Separate with commas."), validators=[at_most(1200)])
    language = StringField(
        _l("Language"),
        description=_l("A code such as en, zh or pt-BR. Leave empty to detect it from the text."),
        filters=[stripped],
        validators=[at_most(LANGUAGE_LENGTH)],
        render_kw={"autocapitalize": "none"},
    )
    authors = StringField(_l("Authors"), description=_l("Usernames, separated by commas."), validators=[at_most(1000)])
    live = BooleanField(_l("Live: add updates as the event happens"))
    comments = SelectField(
        _l("Comments"),
        choices=[
            SelectChoice("open", _l("Open")),
            SelectChoice("slow", _l("Slow mode: one per person every five minutes")),
            SelectChoice("closed", _l("Closed")),
        ],
        default="open",
    )
    version = HiddenField(validators=[Optional()])

    def validate_body(self, field: Any) -> None:
        try:
            self.rendered = rendering.post(field.data or "")
        except TextRefused as error:
            raise ValidationError(str(refused_text(error))) from None

    def validate_cover(self, field: Any) -> None:
        """An address or Markdown becomes the picture's name."""
        written = field.data or ""
        names = picture_names(written) or [written]
        field.data = names[0]
        if written and not pictures.lookup(names):
            raise ValidationError(_("There is no such picture. Copy its line from Desk → Pictures."))

    def validate_tags(self, field: Any) -> None:
        names = self.tag_names()
        if len(names) > TAGS_PER_POST:
            raise ValidationError(_("Use %(max)d tags or fewer.", max=TAGS_PER_POST))
        for name in names:
            if not tag_key(name) or len(name) > TAG_LENGTH:
                raise ValidationError(_("“%(tag)s” can’t be used as a tag.", tag=name[:40]))

    def validate_language(self, field: Any) -> None:
        try:
            field.data = language_tag(field.data.replace("_", "-")) if field.data else ""
        except ValueError:
            raise ValidationError(_("Use a language code such as en, zh or pt-BR.")) from None

    def tag_names(self) -> list[str]:
        return split_names(self.tags.data)

    def author_names(self) -> list[str]:
        return split_names(self.authors.data)


class PictureForm(Form):
    alt = TextAreaField(
        _l("Alt text"),
        description=_l("What the picture shows, for people who can’t see it."),
        filters=[stripped, shown],
        validators=[at_most(pictures.ALT_LENGTH)],
        render_kw={"rows": 2},
    )
    decorative = BooleanField(_l("Decorative: it adds nothing to the text"))
    caption = StringField(_l("Caption"), filters=[stripped, shown], validators=[at_most(pictures.CAPTION_LENGTH)])
    credit = StringField(_l("Credit"), filters=[stripped, shown], validators=[at_most(pictures.CREDIT_LENGTH)])


class AboutForm(Form):
    name = StringField(
        _l("Address"),
        description=_l("Small letters, digits and “-”, such as imprint. The page is /about/imprint."),
        filters=[stripped],
        validators=[required(), at_most(about.NAME_LENGTH)],
        render_kw={"autocapitalize": "none"},
    )
    title = StringField(_l("Title"), filters=[stripped], validators=[required(), at_most(200)])
    body = TextAreaField(_l("Text"), validators=[required()], render_kw={"rows": 16})
    version = HiddenField(validators=[Optional()])

    def validate_name(self, field: Any) -> None:
        if not about.NAME.fullmatch(field.data or ""):
            raise ValidationError(_("Use lowercase letters, digits and “-”."))
