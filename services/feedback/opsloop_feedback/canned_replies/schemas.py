"""HTTP shapes of canned replies."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, Locale, OutModel, ShortText, Timestamp, absent
from opsloop_feedback.submissions.rules import readable


class TextIn(InModel):
    """What is said in one language, with places for what stands in the post: `{{ author.name | there }}`."""

    locale: Locale
    body: Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(readable)]


def _once(texts: list[TextIn]) -> list[TextIn]:
    if len({text.locale.casefold() for text in texts}) < len(texts):
        raise ValueError("must have one text for each language")
    return texts


Texts = Annotated[list[TextIn], Field(min_length=1, max_length=20), AfterValidator(_once)]


class CannedReplyIn(InModel):
    """A canned reply. Who speaks none of its languages gets the first text."""

    name: ShortText
    texts: Texts


class CannedReplyPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    texts: Texts = Field(default_factory=absent)


class TextOut(OutModel):
    """What is said in one language."""

    locale: str
    body: str


class CannedReplyOut(OutModel):
    """A canned reply."""

    id: UUID
    name: str
    texts: list[TextOut]
    created_at: Timestamp
    updated_at: Timestamp
