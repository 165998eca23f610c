"""What is asked of monitors and the history of what they saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_metrics.monitors.models import Evaluation, Monitor
from opsloop_metrics.monitors.rules import State

NEWEST_MONITORS_FIRST = (Monitor.created_at.desc(), Monitor.id.desc())
NEWEST_EVALUATIONS_FIRST = (Evaluation.at.desc(), Evaluation.slot.desc(), Evaluation.state.desc())


async def get_monitor(session: AsyncSession, kpi_id: UUID, monitor_id: UUID) -> Monitor:
    """Return a KPI's monitor; raises NotFound."""
    return await resources.get(session, Monitor, Monitor.id == monitor_id, Monitor.kpi_id == kpi_id)


async def lock_monitor(session: AsyncSession, kpi_id: UUID, monitor_id: UUID, expected: Precondition) -> Monitor:
    """Lock a monitor of a locked KPI, in the version expected; raises NotFound, StaleVersion."""
    of_kpi = Monitor.kpi_id == kpi_id
    return await resources.lock_for_change(session, Monitor, Monitor.id == monitor_id, of_kpi, expected=expected)


async def monitors_of(session: AsyncSession, kpi_id: UUID) -> Sequence[Monitor]:
    """Return all monitors of a KPI, oldest first."""
    return (await session.scalars(select(Monitor).where(Monitor.kpi_id == kpi_id).order_by(Monitor.id))).all()


async def states_of(session: AsyncSession, kpi_id: UUID) -> list[State]:
    """Return the states of all monitors of a KPI."""
    return [State(state) for state in await session.scalars(select(Monitor.state).where(Monitor.kpi_id == kpi_id))]


async def find_enabled(session: AsyncSession, monitor_id: UUID) -> Monitor | None:
    """Return a monitor that is switched on, or None."""
    return await resources.find(session, Monitor, Monitor.id == monitor_id, Monitor.enabled.is_(True))


async def find_kpi_of(session: AsyncSession, monitor_id: UUID) -> UUID | None:
    """Return the id of the KPI that a monitor watches; None when the monitor is gone."""
    return await session.scalar(select(Monitor.kpi_id).where(Monitor.id == monitor_id))


async def enabled_monitors(session: AsyncSession, kpi_ids: Sequence[UUID]) -> Sequence[Row[UUID, datetime | None]]:
    """Return (id, not_before) of the enabled monitors of some KPIs, in a fixed order."""
    wanted = Monitor.enabled, Monitor.kpi_id.in_(kpi_ids)
    return (await session.execute(select(Monitor.id, Monitor.not_before).where(*wanted).order_by(Monitor.id))).all()


async def pending_monitors(session: AsyncSession) -> Sequence[UUID]:
    """Return the enabled monitors of the workspace that are pending, in a fixed order."""
    pending = Monitor.enabled, Monitor.state == State.PENDING.value
    return (await session.scalars(select(Monitor.id).where(*pending).order_by(Monitor.id))).all()


async def longest_reach(session: AsyncSession, kpi_ids: Sequence[UUID]) -> timedelta | None:
    """Return how far back the monitors of some KPIs look at most."""
    return await session.scalar(select(func.max(Monitor.reach)).where(Monitor.kpi_id.in_(kpi_ids)))


def monitors(kpi_id: UUID) -> Select[Any]:
    """Return a KPI's monitors."""
    return select(Monitor).where(Monitor.kpi_id == kpi_id)


def evaluations(monitor_id: UUID, *, seen_from: datetime | None, seen_to: datetime | None) -> Select[Any]:
    """Return a monitor's history with `at` in `[from, to)`."""
    found = select(Evaluation).where(Evaluation.monitor_id == monitor_id)
    if seen_from is not None:
        found = found.where(Evaluation.at >= seen_from)
    if seen_to is not None:
        found = found.where(Evaluation.at < seen_to)
    return found
