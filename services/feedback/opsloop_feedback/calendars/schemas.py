"""HTTP shapes of calendars."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.schemas import Duration, InModel, OutModel, ShortText, Timestamp, absent, in_words
from opsloop_feedback.calendars.rules import Weekday
from opsloop_feedback.shapes import Day

Hour = Annotated[str, *in_words(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "must be a time of day such as 09:00", longest=5)]
EndHour = Annotated[
    str,
    *in_words(r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "must be a time of day such as 18:00, or 24:00", longest=5),
]


class WindowIn(InModel):
    """Working time from `start` until `end`, which is no part of it. Through the night it is two: until 24:00, and from 00:00."""

    start: Hour
    end: EndHour

    @model_validator(mode="after")
    def _lasts(self) -> WindowIn:
        if self.start >= self.end:
            raise ValueError("must end after it starts, at 24:00 at most")
        return self


def _distinct(days: list[Weekday]) -> list[Weekday]:
    return list(dict.fromkeys(days))


class WeekWindowIn(WindowIn):
    """Working time of some days of the week; several such windows make a day with a break."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7), AfterValidator(_distinct)]


class SpecialDayIn(InModel):
    """Days that are unlike their weekday: a holiday without windows, a shorter day with some, a make-up workday that `works_as` another.

    `last_day` is one of them, and `first_day` when left out.
    """

    first_day: Day
    last_day: Day | None = None
    name: ShortText
    works_as: Weekday | None = None
    windows: Annotated[list[WindowIn], Field(max_length=10)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_one_thing(self) -> SpecialDayIn:
        if self.last_day is not None and self.last_day < self.first_day:
            raise ValueError("last_day must not be before first_day")
        if self.last_day is not None and self.last_day - self.first_day > timedelta(days=366):
            raise ValueError("must be about 366 days at most")
        if self.works_as is not None and self.windows:
            raise ValueError("must either work as another day or have windows of its own")
        return self


Week = Annotated[list[WeekWindowIn], Field(min_length=1, max_length=50)]
Days = Annotated[list[SpecialDayIn], Field(max_length=500)]


class CalendarIn(InModel):
    """When is worked, by the clock of `time_zone`: windows of the week, and days that are unlike their weekday (the last counts)."""

    name: ShortText
    time_zone: TimeZone
    week: Week
    days: Days = Field(default_factory=list)


class CalendarPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    time_zone: TimeZone = Field(default_factory=absent)
    week: Week = Field(default_factory=absent)
    days: Days = Field(default_factory=absent)


class WindowOut(OutModel):
    """Working time of a day."""

    start: str
    end: str


class WeekWindowOut(WindowOut):
    """Working time of some days of the week."""

    days: list[Weekday]


class SpecialDayOut(OutModel):
    """Days that are unlike their weekday."""

    first_day: Day
    last_day: Day
    name: str
    works_as: Weekday | None
    windows: list[WindowOut]


class CalendarOut(OutModel):
    """A calendar."""

    id: UUID
    name: str
    time_zone: str
    week: list[WeekWindowOut]
    days: list[SpecialDayOut]
    created_at: Timestamp
    updated_at: Timestamp


class DueOut(OutModel):
    """When so much working time will have passed. `due_at` null: not within three years."""

    start: Timestamp
    working: Duration
    due_at: Timestamp | None
    is_open: bool = Field(description="Whether `start` is working time.")
