"""HTTP shapes of escalation policies."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import Duration, GivenId, InModel, OutModel, ShortText, Timestamp, absent
from opsloop_notifications.shapes import MatcherIn, MatcherOut

Kind = Literal["user", "schedule", "webhook"]


class TargetIn(InModel):
    """A user, who gets a mail; a schedule, of which whoever is on call does; or a webhook that is about alerts."""

    kind: Kind
    id: GivenId


class TargetOut(OutModel):
    """Whom a step tells."""

    kind: Kind
    id: str


class StepIn(InModel):
    """Told `after` the step before, the first after the alert began; PT0S is at once. A repeat comes a minute later at least."""

    after: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=7))]
    targets: Annotated[list[TargetIn], Field(min_length=1, max_length=10)]


class StepOut(OutModel):
    """A step."""

    after: Duration
    targets: list[TargetOut]


Position = Annotated[int, Field(ge=0, le=10_000)]
PolicyMatchers = Annotated[list[MatcherIn], Field(max_length=20)]
Steps = Annotated[list[StepIn], Field(min_length=1, max_length=10)]
Repeats = Annotated[int, Field(ge=0, le=5)]
ReopensAfter = Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))]


class PolicyIn(InModel):
    """A policy. Of an alert that begins to fire the first counts, by `position`, whose matchers all hold (none: for every alert).

    Its steps are taken while nobody has acknowledged the alert, all of them `repeats` times more, and not while it is silenced or
    inhibited. With `reopens_after` an acknowledgement counts for so long; then it begins at the first step again.
    """

    name: ShortText
    position: Position = 100
    matchers: PolicyMatchers = Field(default_factory=list)
    steps: Steps
    repeats: Repeats = 0
    reopens_after: ReopensAfter | None = None


class PolicyPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    position: Position = Field(default_factory=absent)
    matchers: PolicyMatchers = Field(default_factory=absent)
    steps: Steps = Field(default_factory=absent)
    repeats: Repeats = Field(default_factory=absent)
    reopens_after: ReopensAfter | None = None


class PolicyOut(OutModel):
    """A policy."""

    id: UUID
    name: str
    position: int
    matchers: list[MatcherOut]
    steps: list[StepOut]
    repeats: int
    reopens_after: Duration | None
    created_at: Timestamp
    updated_at: Timestamp
