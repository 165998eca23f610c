"""HTTP shapes of heartbeats."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import Duration, InModel, OutModel, ShortText, Timestamp, absent
from opsloop_notifications.shapes import Labels

Every = Annotated[Duration, Field(ge=timedelta(seconds=30), le=timedelta(days=31))]
Grace = Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=7))]


class HeartbeatIn(InModel):
    """A job that says `every` so often that it lives. When it is late by more than `grace`, the alert HeartbeatMissed fires, with the
    labels `heartbeat` (its name) and `labels`, until it is heard again."""

    name: ShortText
    every: Every
    grace: Grace = timedelta(minutes=1)
    labels: Labels = Field(default_factory=dict)
    enabled: bool = True


class HeartbeatPatch(InModel):
    """What to change; fields left out stay."""

    every: Every = Field(default_factory=absent)
    grace: Grace = Field(default_factory=absent)
    labels: Labels = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)


class HeartbeatOut(OutModel):
    """A heartbeat; `state` is by the clock. It is waited for from its first beat on."""

    id: UUID
    name: str
    every: Duration
    grace: Duration
    labels: dict[str, str]
    enabled: bool
    beat_at: Timestamp | None
    state: Literal["new", "alive", "missed", "paused"]
    created_at: Timestamp
    updated_at: Timestamp
