"""HTTP shapes of policies."""

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
    absent,
)


def _promised(value: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= value <= timedelta(days=90):
        raise ValueError("must be between PT1M and P90D of working time")
    return value


Promise = Annotated[Duration, AfterValidator(_promised)]
Position = Annotated[int, Field(ge=0, le=10_000)]
Percent = Annotated[int, Field(ge=1, le=99)]


class SlaPolicyIn(InModel):
    """Within how much working time of a calendar (null: round the clock) posts get a first reply, the next ones, and are resolved.

    Of the policies that are enabled the first counts, by `position`, whose conditions `when` all hold (none: for every post). Conditions
    are on `data.severity`, `data.channel`, `data.kind`, `data.tags`, `data.team`, `data.attributes.tier` …: what stands in a post.
    """

    name: ShortText
    position: Position = 100
    enabled: bool = True
    when: Filter = Field(default_factory=list)
    calendar_id: UUID | None = None
    first_reply: Promise | None = None
    next_reply: Promise | None = None
    resolution: Promise | None = None
    approaching_percent: Percent = Field(
        default=80, description="Of a target's working time, after which a breach approaches."
    )


class SlaPolicyPatch(InModel):
    """What to change, for posts to come; fields left out stay. Null takes a target away."""

    name: ShortText = Field(default_factory=absent)
    position: Position = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)
    when: Filter = Field(default_factory=absent)
    calendar_id: UUID | None = None
    first_reply: Promise | None = None
    next_reply: Promise | None = None
    resolution: Promise | None = None
    approaching_percent: Percent = Field(default_factory=absent)


class SlaPolicyOut(OutModel):
    """A policy."""

    id: UUID
    name: str
    position: int
    enabled: bool
    when: list[FilterTermOut]
    calendar_id: UUID | None
    first_reply: Duration | None
    next_reply: Duration | None
    resolution: Duration | None
    approaching_percent: int
    created_at: Timestamp
    updated_at: Timestamp
