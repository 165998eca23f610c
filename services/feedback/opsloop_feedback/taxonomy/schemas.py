"""HTTP shapes of the taxonomy."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, Timestamp, absent, said
from opsloop_feedback.shapes import Label

Word = Annotated[str, StringConstraints(min_length=1, max_length=60), AfterValidator(said)]
Words = Annotated[
    list[Word],
    Field(
        max_length=50,
        description="A post with one of them is about the area: up to three Latin words or eight Chinese characters each.",
    ),
]


class TaxonomyAreaIn(InModel):
    """An area. A post whose sender names none is about the one most of whose words it has."""

    name: Label
    parent_id: UUID | None = None
    words: Words = Field(default_factory=list)


class TaxonomyAreaPatch(InModel):
    """What to change; fields left out stay."""

    parent_id: UUID | None = None
    words: Words = Field(default_factory=absent)


class TaxonomyAreaOut(OutModel):
    """An area."""

    id: UUID
    name: str
    parent_id: UUID | None
    words: list[str]
    created_at: Timestamp
    updated_at: Timestamp
