"""HTTP shapes of routing rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from opsloop_common.filters import Filter
from opsloop_common.http.schemas import (
    Duration,
    FilterTermOut,
    InModel,
    OutModel,
    ShortText,
    Timestamp,
    UserId,
    absent,
)
from opsloop_feedback.routing_rules.rules import Pick

Position = Annotated[int, Field(ge=0, le=10_000)]


def _waited(value: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= value <= timedelta(days=90):
        raise ValueError("must be between PT1M and P90D of working time")
    return value


Patience = Annotated[Duration, AfterValidator(_waited)]


class RoutingRuleIn(InModel):
    """Who gets posts. Of the rules that are enabled the first counts, by `position`, whose conditions `when` all hold (none: for all).

    A post goes to the team, and to the assignee or to whom of the team `pick` chooses: nobody who is away, and `within_hours` only
    somebody who works now; if nobody may get it, it is the team's alone. What somebody has taken already is left alone. A post
    that nobody has answered `escalate_after` so much working time of its team goes on to another team, to somebody, or both.
    """

    name: ShortText
    position: Position = 100
    enabled: bool = True
    when: Filter = Field(default_factory=list)
    team_id: UUID | None = None
    assignee: UserId | None = None
    pick: Pick = Pick.NOBODY
    within_hours: bool = True
    escalate_after: Patience | None = None
    escalate_team_id: UUID | None = None
    escalate_assignee: UserId | None = None


class RoutingRulePatch(InModel):
    """What to change, for posts to come; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    position: Position = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)
    when: Filter = Field(default_factory=absent)
    team_id: UUID | None = None
    assignee: UserId | None = None
    pick: Pick = Field(default_factory=absent)
    within_hours: bool = Field(default_factory=absent)
    escalate_after: Patience | None = None
    escalate_team_id: UUID | None = None
    escalate_assignee: UserId | None = None


class RoutingRuleOut(OutModel):
    """A routing rule."""

    id: UUID
    name: str
    position: int
    enabled: bool
    when: list[FilterTermOut]
    team_id: UUID | None
    assignee: str | None
    pick: Pick
    within_hours: bool
    escalate_after: Duration | None
    escalate_team_id: UUID | None
    escalate_assignee: str | None
    created_at: Timestamp
    updated_at: Timestamp
