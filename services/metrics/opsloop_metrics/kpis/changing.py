"""Which KPIs an event can change, so that nobody else looks at theirs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_metrics.events.rules import changes
from opsloop_metrics.kpi_measures.rules import read_measure
from opsloop_metrics.kpis import queries


async def ids_changed_by(session: AsyncSession, events: Sequence[Event]) -> list[UUID]:
    """Return the ids of the KPIs whose value one of the events can change."""
    of_type: dict[str, list[Event]] = {}
    for event in events:
        of_type.setdefault(event.type, []).append(event)
    return [
        kpi_id
        for kpi_id, measure in await queries.reading(session, sorted(of_type))
        if any(changes(event, part) for part in read_measure(measure).parts for event in of_type.get(part.event, ()))
    ]
