"""What becomes of an alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from opsloop_common import limits
from opsloop_common.contracts.envelope import Event
from opsloop_notifications.labels.rules import Labels, fingerprint

FLAPPING_FIRINGS = 5
FLAPPING_WINDOW = timedelta(hours=1)
FLAPPING_QUIET = timedelta(minutes=10)
"""An alert that fired five times within an hour ends only when it was quiet for so long."""
ENTRIES_SHOWN = 200
TOO_MANY = f"a workspace has at most {limits.ALERTS_FIRING:,} alerts that fire"


class AlertStatus(StrEnum):
    """Whether it fires now."""

    FIRING = "firing"
    RESOLVED = "resolved"


class EntryKind(StrEnum):
    """What the log of an alert tells of."""

    FIRED = "fired"
    FLAPPING = "flapping"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    ASSIGNED = "assigned"
    NOTED = "noted"
    NOTIFIED = "notified"
    ESCALATED = "escalated"


class EndReason(StrEnum):
    """Why an alert ended: its source said so, nobody said for too long that it fires, or a person did."""

    RECOVERED = "recovered"
    EXPIRED = "expired"
    BY_HAND = "by_hand"


UNATTENDED = "nobody ended it in time"
"""Why an acknowledgement was taken back by the clock."""


@dataclass(frozen=True)
class Signal:
    """Somebody says of a set of labels that it fires, or that it no longer does.

    `ends_at`: of one that fires, when it ends unless that is said again (None: never by itself); of one that ended, when.
    `incident`: the end of another incident than the one that fires is no end of it.
    """

    labels: Labels
    fires: bool
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = ""
    incident: str | None = None
    event_type: str | None = None
    cause: Event | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Return what names the labels."""
        return fingerprint(self.labels)


def is_flapping(firings: Sequence[datetime], now: datetime) -> bool:
    """Say whether an alert began to fire too often lately for each of its ends to count at once."""
    return len([at for at in firings if now - at < FLAPPING_WINDOW]) >= FLAPPING_FIRINGS


def ends_what_fires(signal: Signal, incident: str | None) -> bool:
    """Say whether the end that a signal tells is that of the incident which fires."""
    return signal.incident is None or incident is None or signal.incident == incident


def ended_at(signal: Signal, starts_at: datetime, now: datetime) -> datetime:
    """Return when an alert ended by what a signal says; nothing ends before it began."""
    return max(signal.ends_at or now, min(starts_at, now))
