"""What is asked of incidents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.errors import NotFound
from opsloop_common.versions import Precondition
from opsloop_metrics.breaches.models import Acknowledgement, Incident

MOST_SHOWN = 100
NEWEST_FIRST = (Incident.opened_at.desc(), Incident.id.desc())


async def get_incident(session: AsyncSession, incident_id: UUID) -> Incident:
    """Return an incident; raises NotFound."""
    incident = await session.get(Incident, incident_id)
    if incident is None:
        raise NotFound.of("breach")
    return incident


async def lock_open_incidents(
    session: AsyncSession, *, monitor_id: UUID | None = None, kpi_id: UUID | None = None
) -> Sequence[Incident]:
    """Lock the open incidents of a monitor, or of all monitors of a KPI."""
    open_ones = select(Incident).where(Incident.ended_at.is_(None)).order_by(Incident.id).with_for_update()
    if monitor_id is not None:
        open_ones = open_ones.where(Incident.monitor_id == monitor_id)
    if kpi_id is not None:
        open_ones = open_ones.where(Incident.kpi_id == kpi_id)
    return (await session.scalars(open_ones)).all()


async def lock_incident(session: AsyncSession, incident_id: UUID) -> Incident:
    """Lock and return an incident; raises NotFound."""
    locked = select(Incident).where(Incident.id == incident_id).with_for_update()
    incident = (await session.scalars(locked)).one_or_none()
    if incident is None:
        raise NotFound.of("breach")
    return incident


async def get_acknowledgement(session: AsyncSession, incident_id: UUID) -> Acknowledgement:
    """Return the acknowledgement of an incident; raises NotFound."""
    return await resources.get(session, Acknowledgement, Acknowledgement.incident_id == incident_id)


async def find_acknowledgement(session: AsyncSession, incident_id: UUID) -> Acknowledgement | None:
    """Return the acknowledgement of an incident, None without one."""
    return await resources.find(session, Acknowledgement, Acknowledgement.incident_id == incident_id)


async def lock_acknowledgement(session: AsyncSession, incident_id: UUID, expected: Precondition) -> Acknowledgement:
    """Lock the acknowledgement of an incident, in the version expected; raises NotFound, StaleVersion."""
    of_incident = Acknowledgement.incident_id == incident_id
    return await resources.lock_for_change(session, Acknowledgement, of_incident, expected=expected)


async def acknowledgements(session: AsyncSession, incident_ids: Sequence[UUID]) -> dict[UUID, Acknowledgement]:
    """Return the acknowledgements of some incidents."""
    found = await session.scalars(select(Acknowledgement).where(Acknowledgement.incident_id.in_(incident_ids)))
    return {each.incident_id: each for each in found}


async def count_open(session: AsyncSession) -> dict[str, int]:
    """Return how many incidents of each severity are open, for a session that entered as a worker: over all workspaces."""
    counted = select(Incident.severity, func.count()).where(Incident.ended_at.is_(None)).group_by(Incident.severity)
    return {row[0]: row[1] for row in await session.execute(counted)}


def incidents(
    workspace: str,
    *,
    kpi: str | None,
    open_only: bool | None,
    severity: Sequence[str],
    opened_from: datetime | None,
    opened_to: datetime | None,
    acknowledged: bool | None = None,
) -> Select[Any]:
    """Return a workspace's incidents that pass all given filters; `open_only` None means open and closed."""
    found = select(Incident).where(Incident.workspace == workspace)  # the policy alone would not use the index
    if kpi is not None:
        found = found.where(Incident.kpi == kpi)
    if open_only is not None:
        found = found.where(Incident.ended_at.is_(None) if open_only else Incident.ended_at.is_not(None))
    if severity:
        found = found.where(Incident.severity.in_(severity))
    if opened_from is not None:
        found = found.where(Incident.opened_at >= opened_from)
    if opened_to is not None:
        found = found.where(Incident.opened_at < opened_to)
    if acknowledged is not None:
        known = exists().where(Acknowledgement.incident_id == Incident.id)
        found = found.where(known if acknowledged else ~known)
    return found


async def between(session: AsyncSession, kpi_id: UUID, start: datetime, end: datetime) -> Sequence[Incident]:
    """Return a KPI's latest incidents that were open at some time in `[start, end)`, as many as a picture has room for."""
    inside = Incident.opened_at < end, or_(Incident.ended_at.is_(None), Incident.ended_at > start)
    found = select(Incident).where(Incident.kpi_id == kpi_id, *inside).order_by(*NEWEST_FIRST).limit(MOST_SHOWN)
    return (await session.scalars(found)).all()
