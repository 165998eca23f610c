"""HTTP shapes of bulk changes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_common.http.schemas import InModel, OutModel, Timestamp, UserId, absent
from opsloop_feedback.bulk_changes.rules import BulkOutcome, Stage
from opsloop_feedback.shapes import FiltersIn, Label, Tags

NextStatus = Literal["open", "pending", "snoozed", "resolved", "closed"]


class BulkChanges(InModel):
    """What to change in each post; what is left out stays, null empties."""

    status: NextStatus = Field(default_factory=absent)
    assignee: UserId | None = None
    team: Label | None = None
    severity: Severity = Field(default_factory=absent)
    area: Label | None = None
    kind: Kind = Field(default_factory=absent)
    add_tags: Tags = Field(default_factory=absent)
    remove_tags: Tags = Field(default_factory=absent)


class BulkChangeIn(InModel):
    """Which posts, by filters or by ids, and what to change in each."""

    filters: FiltersIn | None = None
    ids: Annotated[list[UUID], Field(min_length=1, max_length=1_000)] | None = None
    changes: BulkChanges

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.filters is None) is (self.ids is None):
            raise ValueError("takes either filters or ids")
        return self

    def document(self) -> dict[str, Any]:
        """Return the filters as they are kept."""
        return {} if self.filters is None else self.filters.document()

    def changed(self) -> dict[str, Any]:
        """Return what is said of each field."""
        return self.changes.model_dump(exclude_unset=True)


class BulkSampleOut(OutModel):
    """What would become of one post."""

    feedback_id: UUID
    number: int
    changes: dict[str, JsonValue]
    refusal: str | None = Field(description="`status`: it may not follow; `tags`: there would be too many.")


class BulkPreviewOut(OutModel):
    """What a bulk change would make of posts."""

    looked_at: int = Field(description="By rising number, at most 1,000.")
    is_whole: bool = Field(description="False: there are more than were looked at.")
    would_change: int
    would_stay: int = Field(description="These are so already.")
    refused: dict[str, int] = Field(description="How many could not be changed, by reason.")
    sample: list[BulkSampleOut] = Field(description="At most 20.")


class BulkChangeOut(OutModel):
    """A bulk change, and how far it is."""

    id: UUID
    filters: dict[str, JsonValue]
    ids: list[UUID] | None
    changes: dict[str, JsonValue]
    stage: Stage
    job_id: UUID | None = Field(description="For `/v1/jobs/{id}`: of the change, later of its undoing.")
    changed: int
    refused: int
    undone: int
    skipped: int = Field(description="Left alone by undoing: somebody has changed all of it since, or it is gone.")
    created_at: Timestamp
    updated_at: Timestamp


class BulkPostOut(OutModel):
    """What became of one post."""

    feedback_id: UUID
    number: int
    outcome: BulkOutcome
    before: dict[str, JsonValue]
    after: dict[str, JsonValue]
    kept: list[str] = Field(description="Fields that undoing left as somebody has made them since.")
    reason: str | None = Field(description="Why it was refused: `status` or `tags`.")
