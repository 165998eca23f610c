"""HTTP shapes of learning."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import OutModel, Timestamp

Learnt = Literal["kind", "severity", "area"]


class TriageModelOut(OutModel):
    """How well what was learnt of a field does."""

    field: Learnt
    active: bool = Field(
        description="Whether it is believed: unseen, it gets more of this workspace's posts right than the rules."
    )
    corrections: int
    lessons: int = Field(description="Corrections, and posts that people worked on and left as they were.")
    rules_score: float = Field(description="Which share of them the rules get right, 0…1.")
    learner_score: float = Field(description="Which share is right with what was learnt from the others.")
    trained_at: Timestamp


class CorrectionOut(OutModel):
    """What a person says a post is, and what triage had said."""

    feedback_id: UUID
    field: Learnt
    said: str | None
    label: str | None
    corrected_by: str
    corrected_at: Timestamp
