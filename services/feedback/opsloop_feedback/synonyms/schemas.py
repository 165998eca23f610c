"""HTTP shapes of synonyms."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, Timestamp, absent, said
from opsloop_feedback.synonyms.rules import TERM_CHARACTERS, TERMS_PER_GROUP

Term = Annotated[str, StringConstraints(min_length=2, max_length=TERM_CHARACTERS), AfterValidator(said)]
Terms = Annotated[list[Term], Field(min_length=1, max_length=TERMS_PER_GROUP)]


class SynonymsIn(InModel):
    """Words in any language that mean one thing: 闪退, crash, 崩溃.

    One that is known already brings the others into its group. A single word is kept whole: the name of a product.
    """

    terms: Terms


class SynonymsPatch(InModel):
    """Other words instead of those that there are."""

    terms: Terms = Field(default_factory=absent)


class SynonymsOut(OutModel):
    """Words that mean one thing. `job_id` reads all posts again by them; a later change of any group replaces it by its own."""

    id: UUID
    terms: list[str]
    job_id: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
