"""What opens and ends an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

BreachType = Literal["threshold", "change", "anomaly", "off_track", "no_data"]
Severity = Literal["info", "warning", "critical"]


class EndReason(StrEnum):
    """Why an incident is over."""

    RECOVERED = "recovered"
    CHANGED = "changed"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True)
class Opening:
    """What is known when a monitor fires; `threshold` is the number of its condition, `words` by language."""

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
