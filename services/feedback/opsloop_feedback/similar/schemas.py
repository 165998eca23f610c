"""HTTP shapes of what is similar."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.feedback import Channel, Kind, Severity
from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_feedback.states.rules import Status


class SimilarOut(OutModel):
    """A feedback that is like what was asked about."""

    id: UUID
    number: int
    status: Status
    title: str | None
    excerpt: str = Field(description="The first 200 characters of its body.")
    kind: Kind
    severity: Severity
    channel: Channel
    area: str | None
    created_at: Timestamp
    score: float = Field(ge=0, le=1, description="How alike they are: 1 says the same words.")
    shared: list[str] = Field(
        description="Why: what both speak of, in the words of the question, what says most first."
    )


class SimilarList(OutModel):
    """What is most alike, the best first."""

    items: list[SimilarOut]
