"""HTTP shapes of silences."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, plain_text
from opsloop_metrics.shapes import Day, LongText
from opsloop_metrics.silences.rules import Weekday, WindowState

Key = Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(plain_text)]
Keys = Annotated[list[Key], Field(max_length=100)]
Tags = Annotated[list[ShortText], Field(max_length=20)]
Weekdays = Annotated[list[Weekday], Field(max_length=7)]


class MuteIn(InModel):
    """Until when, at most 30 days ahead."""

    until: Timestamp
    reason: LongText | None = None


class MuteOut(OutModel):
    """Until when a monitor keeps quiet; one whose time is over keeps nothing quiet."""

    until: Timestamp
    reason: str | None
    muted_by: str
    created_at: Timestamp
    updated_at: Timestamp


class MaintenanceWindowIn(InModel):
    """When, and whose monitors keep quiet: of KPIs named by key or by one of their tags, of all where neither names any.

    With `repeats_on` it comes again on these days of the week, by the clock of the workspace's zone, at the latest on `last_day`.
    """

    name: ShortText
    starts_at: Timestamp
    ends_at: Timestamp
    kpis: Keys = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)
    repeats_on: Weekdays = Field(default_factory=list)
    last_day: Day | None = None


class MaintenanceWindowPatch(InModel):
    """What to change; fields left out stay. Without days in `repeats_on` it comes once; `last_day` null: for ever."""

    name: ShortText = Field(default_factory=absent)
    starts_at: Timestamp = Field(default_factory=absent)
    ends_at: Timestamp = Field(default_factory=absent)
    kpis: Keys = Field(default_factory=absent)
    tags: Tags = Field(default_factory=absent)
    repeats_on: Weekdays = Field(default_factory=absent)
    last_day: Day | None = None


class MaintenanceWindowOut(OutModel):
    """A maintenance window: active from `starts_at` until just before `ends_at`, and again where it repeats.

    `next_starts_at` to `next_ends_at` is the time that runs, else the one that comes next; null when it is past.
    """

    id: UUID
    name: str
    starts_at: Timestamp
    ends_at: Timestamp
    kpis: list[str]
    tags: list[str]
    repeats_on: list[Weekday]
    last_day: date | None
    next_starts_at: Timestamp | None
    next_ends_at: Timestamp | None
    state: WindowState
    created_at: Timestamp
    updated_at: Timestamp
