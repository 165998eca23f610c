"""HTTP shapes of previews."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_common.http.schemas import InModel, OutModel
from opsloop_feedback.shapes import TriageRuleIn


class PreviewIn(InModel):
    """A rule to try out, in the place of the one that it `replaces` or beside all."""

    rule: TriageRuleIn
    replaces: UUID | None = None


class SortedOut(OutModel):
    """How a post is sorted."""

    kind: Kind
    severity: Severity
    area: str | None
    tags: list[str]


class MovedOut(OutModel):
    """A post that would be sorted otherwise, and in which fields."""

    feedback_id: UUID
    number: int
    fields: list[str]
    now: SortedOut
    then: SortedOut


class MovedFieldsOut(OutModel):
    """How many posts would be otherwise in each field."""

    kind: int
    severity: int
    area: int
    tags: int


class PreviewOut(OutModel):
    """What a rule would move. `now` is how a post is sorted by what holds today, not what a person made of it since."""

    looked_at: int = Field(description="The newest posts, at most 1,000.")
    moved: int
    fields: MovedFieldsOut
    items: list[MovedOut] = Field(description="Newest first, at most 100.")
