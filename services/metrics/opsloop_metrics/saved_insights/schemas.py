"""HTTP shapes of saved insights."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, said
from opsloop_metrics.saved_insights.rules import InsightKind

Description = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
Query = dict[str, JsonValue]


class SavedInsightIn(InModel):
    """A question to keep: `query` is the body that `POST /v1/insights/<kind>` takes, and is held to its schema."""

    name: ShortText
    description: Description | None = None
    kind: InsightKind
    query: Query


class SavedInsightPatch(InModel):
    """What to change; fields left out stay. The kind stays what it is."""

    name: ShortText = Field(default_factory=absent)
    description: Description | None = None
    query: Query = Field(default_factory=absent)


class SavedInsightOut(OutModel):
    """A saved insight."""

    id: UUID
    name: str
    description: str | None
    kind: InsightKind
    query: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp


class AnsweredInsightOut(OutModel):
    """What a saved insight came to: `answer` is what `POST /v1/insights/<kind>` answers, at most a minute old."""

    kind: InsightKind
    answered_at: Timestamp
    answer: dict[str, Any]
