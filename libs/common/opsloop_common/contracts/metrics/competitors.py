"""What is seen of competitors and markets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from opsloop_common.contracts.envelope import EventData


class CompetitorChanged(EventData):
    """A series' newest point differs from the one before by as much as somebody wants to be told of."""

    type = "competitor.changed"
    aggregate = "competitor"
    route = "/v1/competitors/{competitor_id}/series/{series}"

    competitor_id: UUID
    competitor: str
    series: str
    series_name: str | None = None
    unit: str | None = None
    value: float
    previous: float
    change: float | None = None
    """(value - previous) / |previous|; null where the point before was 0."""
    at: datetime
    previous_at: datetime


EVENTS: tuple[type[EventData], ...] = (CompetitorChanged,)
