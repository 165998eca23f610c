"""Everything that reads mutes and maintenance windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Row, Select, and_, func, literal, not_, null, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_metrics.muting.rules import MutedBy
from opsloop_metrics.silences.models import MaintenanceWindow, Mute
from opsloop_metrics.silences.rules import WindowState

LATEST_FIRST = (MaintenanceWindow.starts_at.desc(), MaintenanceWindow.id.desc())


async def holding(
    session: AsyncSession, key: str, tags: Sequence[str], monitor_ids: Sequence[UUID], now: datetime
) -> Sequence[Row[UUID | None, datetime, str, str | None]]:
    """Return (monitor, or None for all, until, by, why) of all that keeps some monitors of one KPI quiet, by one statement."""
    windows = MaintenanceWindow
    own = windows.workspace == context_of(session).workspace, windows.starts_at <= now, windows.ends_at > now
    means_all = and_(func.cardinality(windows.kpis) == 0, func.cardinality(windows.tags) == 0)
    meant = or_(means_all, windows.kpis.contains([key]), windows.tags.overlap(list(tags)))
    found: CompoundSelect[Any] = union_all(
        select(Mute.monitor_id, Mute.until.label("until"), literal(MutedBy.MUTE.value).label("by"), Mute.reason).where(
            Mute.monitor_id.in_(monitor_ids), Mute.until > now
        ),
        select(null(), windows.ends_at, literal(MutedBy.MAINTENANCE_WINDOW.value), windows.name).where(*own, meant),
    )
    rows: Sequence[Row[UUID | None, datetime, str, str | None]] = (await session.execute(found)).all()
    return rows


async def get_mute(session: AsyncSession, monitor_id: UUID) -> Mute:
    """Return the mute of a monitor; raises NotFound."""
    return await resources.get(session, Mute, Mute.monitor_id == monitor_id)


async def find_mute(session: AsyncSession, monitor_id: UUID) -> Mute | None:
    """Lock and return the mute of a monitor, None where there is none."""
    return await resources.find_for_change(session, Mute, Mute.monitor_id == monitor_id)


async def lock_mute(session: AsyncSession, monitor_id: UUID, expected: Precondition) -> Mute:
    """Lock the mute of a monitor, in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Mute, Mute.monitor_id == monitor_id, expected=expected)


async def get_window(session: AsyncSession, window_id: UUID) -> MaintenanceWindow:
    """Return a maintenance window; raises NotFound."""
    return await resources.get(session, MaintenanceWindow, MaintenanceWindow.id == window_id)


async def lock_window(session: AsyncSession, window_id: UUID, expected: Precondition) -> MaintenanceWindow:
    """Lock a maintenance window, in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(
        session, MaintenanceWindow, MaintenanceWindow.id == window_id, expected=expected
    )


def windows(states: Sequence[WindowState], now: datetime) -> Select[MaintenanceWindow]:
    """Return the query of the workspace's maintenance windows that lie so, all where nothing is said."""
    upcoming, past = MaintenanceWindow.starts_at > now, MaintenanceWindow.ends_at <= now
    lies = {
        WindowState.UPCOMING: upcoming,
        WindowState.ACTIVE: and_(not_(upcoming), not_(past)),
        WindowState.PAST: past,
    }
    query = select(MaintenanceWindow)
    return query.where(or_(*(lies[state] for state in states))) if states else query
