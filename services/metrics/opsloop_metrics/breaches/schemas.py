"""HTTP shapes of breaches."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_metrics.annotations.rules import AnnotationSource
from opsloop_metrics.breaches.rules import BreachType, Moment
from opsloop_metrics.shapes import LongText


class BreachOut(OutModel):
    """An incident of a monitor. `started_at` is when the condition began to hold, `opened_at` when it had held long enough.

    `threshold` is the number of the condition: of a `change` a share, of `off_track` how far behind is too far. `expected`: what
    the value was compared with instead, an anomaly's bounds and words beside it.
    """

    incident_id: UUID
    monitor_id: UUID
    kpi: str
    type: BreachType
    state: Literal["open", "closed"]
    severity: Literal["info", "warning", "critical"]
    operator: Literal["lt", "le", "gt", "ge"] | None
    threshold: float | None
    unit: str | None
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    words: dict[str, str] | None
    last_seen_at: Timestamp | None
    started_at: Timestamp
    opened_at: Timestamp
    ended_at: Timestamp | None
    end_reason: Literal["recovered", "changed", "disabled", "deleted"] | None
    end_value: float | None
    acknowledged_at: Timestamp | None
    acknowledged_by: str | None


class AcknowledgeIn(InModel):
    """What to note, if anything."""

    note: LongText | None = None


class AcknowledgementOut(OutModel):
    """Who looks after an incident, and since when."""

    acknowledged_by: str
    acknowledged_at: Timestamp
    note: str | None


class StepOut(OutModel):
    """A moment of an incident. `value` is what opened or ended it, `note` what was said, or why it ended."""

    at: Timestamp
    what: Moment
    by: str | None
    value: float | None
    note: str | None


class AroundOut(OutModel):
    """An annotation."""

    id: UUID
    at: Timestamp
    text: str
    link: str | None
    source: AnnotationSource


class BreachDetailOut(BreachOut):
    """An incident with its moments, and at most 20 annotations from one window (else a day) before it to its end.

    `explanation` is what `GET /v1/kpis/{key}/explanation` says of the times that its monitor compared: null until it is found out,
    and where there is none.
    """

    timeline: list[StepOut]
    around: list[AroundOut]
    explanation: dict[str, JsonValue] | None
