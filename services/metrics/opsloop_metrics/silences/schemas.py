"""HTTP shapes of silences."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, plain_text
from opsloop_metrics.shapes import LongText
from opsloop_metrics.silences.rules import WindowState

Key = Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(plain_text)]
Keys = Annotated[list[Key], Field(max_length=100)]
Tags = Annotated[list[ShortText], Field(max_length=20)]


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
    """When, and whose monitors keep quiet: of KPIs named by key or by one of their tags, of all where neither names any."""

    name: ShortText
    starts_at: Timestamp
    ends_at: Timestamp
    kpis: Keys = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)


class MaintenanceWindowPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    starts_at: Timestamp = Field(default_factory=absent)
    ends_at: Timestamp = Field(default_factory=absent)
    kpis: Keys = Field(default_factory=absent)
    tags: Tags = Field(default_factory=absent)


class MaintenanceWindowOut(OutModel):
    """A maintenance window: active from `starts_at` until just before `ends_at`."""

    id: UUID
    name: str
    starts_at: Timestamp
    ends_at: Timestamp
    kpis: list[str]
    tags: list[str]
    state: WindowState
    created_at: Timestamp
    updated_at: Timestamp
