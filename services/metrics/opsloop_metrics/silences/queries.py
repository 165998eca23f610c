"""Everything that reads mutes and maintenance windows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Row,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.columns import Moment
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_metrics.muting.rules import MutedBy
from opsloop_metrics.silences.models import MaintenanceWindow, Mute
from opsloop_metrics.silences.rules import WindowState

LATEST_FIRST = (MaintenanceWindow.starts_at.desc(), MaintenanceWindow.id.desc())
_REPEATS = func.cardinality(MaintenanceWindow.repeats_on) > 0
_LONGEST = timedelta(days=2)
"""More than one that repeats lasts, and days of zones are apart."""


async def holding(
    session: AsyncSession, key: str, tags: Sequence[str], monitor_ids: Sequence[UUID], now: datetime
) -> Sequence[Row[Any]]:
    """Return (monitor, or None for all, until, by, why) of what may keep some monitors of one KPI quiet, by one statement.

    Of windows also (starts_at, repeats_on, last_day): of those that repeat, all that began once.
    """
    windows = MaintenanceWindow
    mutes = select(
        Mute.monitor_id,
        Mute.until.label("until"),
        literal(MutedBy.MUTE.value).label("by"),
        Mute.reason.label("why"),
        cast(null(), Moment).label("starts_at"),
        cast([], ARRAY(Text)).label("repeats_on"),
        cast(null(), Date).label("last_day"),
    ).where(Mute.monitor_id.in_(monitor_ids), Mute.until > now)
    by = literal(MutedBy.MAINTENANCE_WINDOW.value)
    planned = select(null(), windows.ends_at, by, windows.name, windows.starts_at, windows.repeats_on, windows.last_day)
    begun = (*_meant(session, key, tags), windows.starts_at <= now)
    found: CompoundSelect[Any] = union_all(
        mutes, planned.where(*begun, windows.ends_at > now, not_(_REPEATS)), planned.where(*begun, *_again_after(now))
    )
    rows: Sequence[Row[Any]] = (await session.execute(found)).all()
    return rows


def _meant(session: AsyncSession, key: str, tags: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Return that a window is of the workspace and means a KPI."""
    windows = MaintenanceWindow
    means_all = and_(func.cardinality(windows.kpis) == 0, func.cardinality(windows.tags) == 0)
    meant = or_(means_all, windows.kpis.contains([key]), windows.tags.overlap(list(tags)))
    return windows.workspace == context_of(session).workspace, meant


def _again_after(at: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return that a window repeats, and may do so after a time."""
    last_day = MaintenanceWindow.last_day
    return _REPEATS, or_(last_day.is_(None), last_day >= (at - _LONGEST).date())


async def planned(
    session: AsyncSession, key: str, tags: Sequence[str], start: datetime, end: datetime
) -> Sequence[MaintenanceWindow]:
    """Return the windows that mean a KPI and may touch `[start, end)`."""
    windows = MaintenanceWindow
    inside = or_(and_(windows.ends_at > start, not_(_REPEATS)), and_(*_again_after(start)))
    found = select(windows).where(*_meant(session, key, tags), windows.starts_at < end, inside)
    return (await session.scalars(found)).all()


async def repeating(session: AsyncSession) -> Sequence[MaintenanceWindow]:
    """Return the workspace's windows that repeat."""
    own = MaintenanceWindow.workspace == context_of(session).workspace
    return (await session.scalars(select(MaintenanceWindow).where(own, _REPEATS))).all()


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


def windows(
    states: Collection[WindowState], now: datetime, *, repeating: Collection[UUID]
) -> Select[MaintenanceWindow]:
    """Return the query of the workspace's maintenance windows that lie so, all where nothing is said; `repeating`: which of those do."""
    upcoming, past = MaintenanceWindow.starts_at > now, MaintenanceWindow.ends_at <= now
    lies = {
        WindowState.UPCOMING: upcoming,
        WindowState.ACTIVE: and_(not_(upcoming), not_(past)),
        WindowState.PAST: past,
    }
    query = select(MaintenanceWindow)
    if not states:
        return query
    once = and_(not_(_REPEATS), or_(*(lies[state] for state in states)))
    return query.where(or_(once, MaintenanceWindow.id.in_(repeating)))
