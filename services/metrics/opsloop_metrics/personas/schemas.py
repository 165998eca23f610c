"""HTTP shapes of personas."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, said

Summary = Annotated[str, StringConstraints(min_length=1, max_length=4_000), AfterValidator(said)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(said)]
Lines = Annotated[list[Line], Field(max_length=50)]


class QuoteIn(InModel):
    """What somebody said, and in which feedback."""

    feedback_id: UUID
    text: Line


class PersonaIn(InModel):
    """What the people of a segment are like: what they need, what hurts them, and what they said."""

    title: ShortText
    summary: Summary | None = None
    needs: Lines = Field(default_factory=list)
    pains: Lines = Field(default_factory=list)
    quotes: Annotated[list[QuoteIn], Field(max_length=50)] = Field(default_factory=list)


class QuoteOut(OutModel):
    """What somebody said, and in which feedback."""

    feedback_id: UUID
    text: str


class _Written(OutModel):
    """What is written of people."""

    version: int
    title: str
    summary: str | None
    needs: list[str]
    pains: list[str]
    quotes: list[QuoteOut]


class PersonaOut(_Written):
    """What the people of a segment are like."""

    segment_id: UUID
    created_at: Timestamp
    updated_at: Timestamp


class PersonaVersionOut(_Written):
    """A persona as it was written once, and by whom."""

    written_at: Timestamp
    actor: str
