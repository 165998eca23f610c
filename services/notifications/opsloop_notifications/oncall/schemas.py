"""HTTP shapes of schedules, overrides and shifts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.schemas import GivenId, InModel, OutModel, ShortText, Timestamp, absent


def _local(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if not 2000 <= moment.year <= 2200:
        raise ValueError("must lie between the years 2000 and 2200")
    return text


LocalTime = Annotated[
    str,
    StringConstraints(max_length=16, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$"),
    AfterValidator(_local),
]


class RotationIn(InModel):
    """People who take turns from `begins` on, a time of the schedule's zone as its clock on the wall shows it.

    Shifts last `length` days, weeks or hours (4 at least). Days and weeks hand over at the same time of the clock.
    """

    users: Annotated[list[GivenId], Field(min_length=1, max_length=50)]
    begins: LocalTime
    unit: Literal["hours", "days", "weeks"] = "weeks"
    length: Annotated[int, Field(ge=1, le=720)] = 1

    @model_validator(mode="after")
    def _is_long_enough(self) -> RotationIn:
        if self.unit == "hours" and self.length < 4:
            raise ValueError("shifts last four hours at least")
        return self


class RotationOut(OutModel):
    """People who take turns."""

    users: list[str]
    begins: str
    unit: Literal["hours", "days", "weeks"]
    length: int


Rotations = Annotated[list[RotationIn], Field(min_length=1, max_length=5)]


class ScheduleIn(InModel):
    """Who is on call when: of the rotations the last that has begun counts, unless an override holds."""

    name: ShortText
    time_zone: TimeZone = "UTC"
    rotations: Rotations


class SchedulePatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    time_zone: TimeZone = Field(default_factory=absent)
    rotations: Rotations = Field(default_factory=absent)


class ScheduleOut(OutModel):
    """A schedule."""

    id: UUID
    name: str
    time_zone: str
    rotations: list[RotationOut]
    created_at: Timestamp
    updated_at: Timestamp


class OverrideIn(InModel):
    """Who takes over, and for how long. Without `starts_at` from now on."""

    user_id: GivenId
    starts_at: Timestamp | None = None
    ends_at: Timestamp


class OverrideOut(OutModel):
    """Somebody takes over for a while; of several the last that was made counts."""

    id: UUID
    user_id: str
    starts_at: Timestamp
    ends_at: Timestamp
    created_at: Timestamp


class ShiftOut(OutModel):
    """Somebody's time on call."""

    user: str
    starts_at: Timestamp
    ends_at: Timestamp
    is_override: bool


class ShiftsOut(OutModel):
    """Who is on call, in order; times with nobody are left out."""

    shifts: list[ShiftOut]
