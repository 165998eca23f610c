"""What opens and ends an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from opsloop_common.errors import Conflict
from opsloop_metrics.windows.rules import Span

BreachType = Literal["threshold", "change", "anomaly", "off_track", "no_data"]
Severity = Literal["info", "warning", "critical"]


EXPLAIN_JOB = "metrics.explain_incident"
"""Kind of the job that finds out what explains an incident, of a KPI that can be divided; its payload names the incident."""
MOST_AROUND = 20
USUAL_WINDOW = timedelta(days=1)
"""How far before an incident its surroundings begin, where its monitor has no window."""


class EndReason(StrEnum):
    """Why an incident is over."""

    RECOVERED = "recovered"
    CHANGED = "changed"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True)
class Opening:
    """What is known when a monitor fires; `threshold` is the number of its condition, `words` by language.

    `over` is the time whose value it is, `beside` the one to compare it with.
    """

    monitor_id: UUID
    kpi_id: UUID
    kpi: str
    kpi_name: str
    type: BreachType
    severity: Severity
    operator: Literal["lt", "le", "gt", "ge"] | None
    threshold: float | None
    unit: str | None
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    words: Mapping[str, str] | None
    last_seen_at: datetime | None
    started_at: datetime
    window: timedelta | None = None
    over: Span | None = None
    beside: Span | None = None
    is_divisible: bool = False
    """Whether its KPI has parts of which some may explain it."""


@dataclass(frozen=True)
class Opened:
    """What is known of an incident to those who explain it."""

    kpi_id: UUID
    over: Span
    beside: Span | None


class Moment(StrEnum):
    """What happened to an incident at a time."""

    PENDING = "pending"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"


@dataclass(frozen=True)
class Step:
    """A moment of an incident: by whom it was acknowledged, the value that opened or ended it, what was noted, why it ended."""

    at: datetime
    what: Moment
    by: str | None = None
    value: float | None = None
    note: str | None = None


def require_same(known: tuple[str, str | None], said: tuple[str, str | None]) -> None:
    """Raise Conflict for an acknowledgement, (by whom, note), that says something else than the one there is: it would be lost."""
    if said[0] != known[0] or said[1] not in (None, known[1]):
        raise Conflict(f"{known[0]} looks after this incident since before; take that back first (DELETE)")


def timeline(*steps: Step | None) -> list[Step]:
    """Return the moments that there were, in the order of time; the two of one instant in the order of an incident's life."""
    return sorted(
        (step for step in steps if step is not None), key=lambda step: (step.at, list(Moment).index(step.what))
    )


def surroundings(started_at: datetime, ended_at: datetime, window: timedelta | None) -> tuple[datetime, datetime]:
    """Return `[start, end)` of what happened around an incident: from one window before it until just after its end."""
    return started_at - (window or USUAL_WINDOW), ended_at + timedelta(microseconds=1)
