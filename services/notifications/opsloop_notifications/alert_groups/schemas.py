"""HTTP shapes of routes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AliasChoices, Field, StringConstraints

from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.schemas import Duration, InModel, OutModel, ShortText, Timestamp, absent
from opsloop_notifications.alert_groups.rules import GROUP_BY, GROUP_INTERVAL, GROUP_WAIT, REPEAT_INTERVAL
from opsloop_notifications.shapes import MatcherIn, MatcherOut

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Clock = Annotated[str, StringConstraints(max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
GroupBy = Annotated[
    list[Annotated[str, StringConstraints(max_length=100, pattern=r"^([a-zA-Z_][a-zA-Z0-9_]*|\.\.\.)$")]],
    Field(max_length=20),
]
Wait = Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))]
Interval = Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))]
Repeat = Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=5))]
Position = Annotated[int, Field(ge=0, le=10_000)]
RouteMatchers = Annotated[list[MatcherIn], Field(max_length=20)]


class MuteTimeIn(InModel):
    """Hours in which nothing is told. Without `days` every day; `end` before `start` is of the next day, both alike a whole day."""

    days: Annotated[list[Day], Field(max_length=7)] = Field(default_factory=list)
    start: Clock
    end: Clock
    time_zone: TimeZone = "UTC"


class MuteTimeOut(OutModel):
    """Hours in which nothing is told."""

    days: list[str]
    start: str
    end: str
    time_zone: str


MuteTimes = Annotated[list[MuteTimeIn], Field(max_length=20)]


class RouteIn(InModel):
    """A route. It takes alerts that all matchers hold for (none: every alert) unless one before it did.

    `receiver` is a webhook that is about alerts; without one all of those are told. With `continue` the routes after it are asked
    too. `group_by` `...` makes a group of each alert.
    """

    name: ShortText
    position: Position = 100
    matchers: RouteMatchers = Field(default_factory=list)
    group_by: GroupBy = Field(default_factory=lambda: list(GROUP_BY))
    group_wait: Wait = GROUP_WAIT
    group_interval: Interval = GROUP_INTERVAL
    repeat_interval: Repeat = REPEAT_INTERVAL
    receiver: UUID | None = None
    goes_on: bool = Field(default=False, alias="continue")
    send_resolved: bool = True
    mute_times: MuteTimes = Field(default_factory=list)


class RoutePatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    position: Position = Field(default_factory=absent)
    matchers: RouteMatchers = Field(default_factory=absent)
    group_by: GroupBy = Field(default_factory=absent)
    group_wait: Wait = Field(default_factory=absent)
    group_interval: Interval = Field(default_factory=absent)
    repeat_interval: Repeat = Field(default_factory=absent)
    receiver: UUID | None = None
    goes_on: bool = Field(default_factory=absent, alias="continue")
    send_resolved: bool = Field(default_factory=absent)
    mute_times: MuteTimes = Field(default_factory=absent)


class RouteOut(OutModel):
    """A route."""

    id: UUID
    name: str
    position: int
    matchers: list[MatcherOut]
    group_by: list[str]
    group_wait: Duration
    group_interval: Duration
    repeat_interval: Duration
    receiver: UUID | None
    goes_on: bool = Field(validation_alias=AliasChoices("continue", "goes_on"), serialization_alias="continue")
    send_resolved: bool
    mute_times: list[MuteTimeOut]
    created_at: Timestamp
    updated_at: Timestamp
