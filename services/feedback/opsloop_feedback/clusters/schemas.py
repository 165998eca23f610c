"""HTTP shapes of clusters."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.feedback import Severity
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent
from opsloop_feedback.states.rules import Status


class ClusterPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText | None = Field(default=None, description="What people call it; null for what its posts say.")
    is_dismissed: bool = Field(default_factory=absent, description="Left out of the list, also when more is said.")


class SeverityMix(OutModel):
    """How many posts have each severity."""

    s1: int
    s2: int
    s3: int
    s4: int


class ClusterOut(OutModel):
    """A topic. Its numbers are of the last five weeks, without what was excluded."""

    id: UUID
    name: str | None
    terms: list[str] = Field(description="What tells it best, as its posts put it, in either language.")
    examples: list[UUID] = Field(description="Posts that are most like all of it.")
    posts: int
    this_week: int = Field(description="Posts of the last seven days.")
    before: int = Field(description="Posts of the four weeks before: with `this_week` these are all.")
    rising: float = Field(description="How much more is said this week than in one of the four before; 0: the same.")
    authors: int = Field(description="People who said it; each post without an author counts as one.")
    severities: SeverityMix
    first_at: Timestamp
    last_at: Timestamp
    is_dismissed: bool
    came_from_id: UUID | None = Field(description="The cluster that it was part of before.")
    merged_into_id: UUID | None = Field(description="The cluster that its posts belong to since; its own are none.")
    created_at: Timestamp
    updated_at: Timestamp


class ClusterPost(InModel):
    """Which post."""

    feedback_id: UUID


class ClusterMemberOut(OutModel):
    """A post of a cluster."""

    feedback_id: UUID
    number: int
    status: Status
    title: str | None
    excerpt: str = Field(description="The first 200 characters of its body.")
    severity: Severity
    said_at: Timestamp
    is_excluded: bool = Field(description="Somebody took it out: it counts nowhere and joins no other.")
