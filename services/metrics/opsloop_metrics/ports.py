"""What rooms of metrics reach without knowing it; found with `ports_of`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.store.port import EventStore


class Watching(Protocol):
    """Who watches KPIs, and is told within the transaction of a change, under the KPI's lock.

    Monitors know KPIs; a KPI knows of nobody who looks at it, or the two rooms would be one.
    """

    async def on_value_reported(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """Look at the KPI soon."""

    async def on_measured_anew(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """Start anew on another measure; raises Conflict for one that cannot be watched so."""

    async def on_deleted(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """End what is open of a KPI that is about to go."""


@dataclass(frozen=True)
class MetricsPorts:
    """What the service keeps at hand for as long as it runs."""

    watching: Watching
    store: EventStore
