"""HTTP shapes of forms."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from opsloop_common.contracts.feedback import Kind
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Slug, Timestamp, absent, in_words
from opsloop_common.limits import FORM_FIELDS, FORM_OPTIONS
from opsloop_feedback.forms.rules import Ask
from opsloop_feedback.shapes import Label, Tags
from opsloop_feedback.submissions.rules import readable

Accent = Annotated[str, *in_words(r"^#[0-9a-f]{6}$", "must be a colour such as #0b57d0", longest=7, like=str.lower)]
Name = Annotated[
    str, *in_words(r"^[a-z][a-z0-9_]{0,39}$", "must be a small letter, then small letters, digits and _", longest=40)
]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(readable)]
Spoken = Literal["en", "zh"]


class WordsIn(InModel):
    """Words in the languages of pages; who reads the other sees those there are."""

    en: ShortText | None = None
    zh: ShortText | None = None

    @model_validator(mode="after")
    def _some(self) -> WordsIn:
        if self.en is None and self.zh is None:
            raise ValueError("must say something in en or zh")
        return self


class OptionIn(InModel):
    """One of the answers to choose from; `value` is what is kept."""

    value: Label
    label: WordsIn


class FormFieldIn(InModel):
    """Something that is asked besides the text itself. `text`, `choice` and `yes` are kept in `attributes.answers`, under `name`."""

    ask: Ask
    name: Name | None = None
    label: WordsIn | None = Field(default=None, description="Instead of the words that the page has for it.")
    required: bool = False
    options: Annotated[list[OptionIn], Field(max_length=FORM_OPTIONS)] = Field(default_factory=list)


class FormTextIn(InModel):
    """What a form says in one language."""

    locale: Spoken
    title: ShortText
    intro: LongText | None = None
    asks: ShortText | None = Field(default=None, description="Over the field of the text itself.")
    thanks: LongText | None = None


def _once(texts: list[FormTextIn]) -> list[FormTextIn]:
    if len({text.locale for text in texts}) < len(texts):
        raise ValueError("must have one text for each language")
    return texts


Texts = Annotated[list[FormTextIn], Field(min_length=1, max_length=2), AfterValidator(_once)]
Fields = Annotated[list[FormFieldIn], Field(max_length=FORM_FIELDS)]


class FormIn(InModel):
    """A form. Its page is `/p/<workspace>/forms/<slug>`; `kind`, `area` and `tags` are those of the posts that it makes."""

    slug: Slug
    name: ShortText
    enabled: bool = True
    kind: Kind | None = None
    area: Label | None = None
    tags: Tags = Field(default_factory=list)
    accent: Accent | None = Field(
        default=None, description="The colour of the button; the words on it are what stands out."
    )
    texts: Texts
    fields: Fields = Field(default_factory=list)


class FormPatch(InModel):
    """What to change; fields left out stay. The slug stays, as it is in addresses."""

    name: ShortText = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)
    kind: Kind | None = None
    area: Label | None = None
    tags: Tags = Field(default_factory=absent)
    accent: Accent | None = None
    texts: Texts = Field(default_factory=absent)
    fields: Fields = Field(default_factory=absent)


class WordsOut(OutModel):
    """Words in the languages of pages."""

    en: str | None
    zh: str | None


class OptionOut(OutModel):
    """One of the answers to choose from."""

    value: str
    label: WordsOut


class FormFieldOut(OutModel):
    """Something that is asked besides the text itself."""

    ask: Ask
    name: str | None
    label: WordsOut | None
    required: bool
    options: list[OptionOut]


class FormTextOut(OutModel):
    """What a form says in one language."""

    locale: Spoken
    title: str
    intro: str | None
    asks: str | None
    thanks: str | None


class FormOut(OutModel):
    """A form."""

    id: UUID
    slug: str
    name: str
    enabled: bool
    kind: Kind | None
    area: str | None
    tags: list[str]
    accent: str | None
    texts: list[FormTextOut]
    fields: list[FormFieldOut]
    page: str = Field(description="The address of its page, below `OPSLOOP_PUBLIC_URL` where that is set.")
    created_at: Timestamp
    updated_at: Timestamp


class FormDayOut(OutModel):
    """What became of what was sent by a form in a day (UTC): posts, and what was taken for spam."""

    day: date
    received: int
    honeypot: int
    too_fast: int


class FormCountsOut(OutModel):
    """What became of what was sent by a form, of the last 90 days those that had something, the newest first."""

    days: list[FormDayOut]
