"""Keep what KPIs came to by period, and tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_common.db import clock_of, context_of
from opsloop_metrics.events.rules import Reading
from opsloop_metrics.insights.periods import WeekStart
from opsloop_metrics.kpi_periods import queries, rules
from opsloop_metrics.kpi_periods.models import KpiMeasurement
from opsloop_metrics.kpi_periods.rules import TICK as TICK
from opsloop_metrics.kpi_periods.rules import Kept, Measured, Period

EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FORGET_ACROSS = text(
    "DELETE FROM kpi_measurement AS kept USING unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS s (start, ending) "
    "WHERE kpi_id = :kpi_id AND starts_at < ending AND starts_at > start - interval '32 days' AND ends_at > start "
    "AND starts_at <> ALL(CAST(:starts AS timestamptz[]))"
)


async def period_of(session: AsyncSession, at: datetime, period: Period) -> tuple[datetime, datetime]:
    """Return when the period of the workspace's zone in which a time lies begins and ends."""
    workspace = await workspaces.get(session)
    return rules.period_of(at, period, workspace.time_zone, WeekStart(workspace.week_start))


async def periods_to(
    session: AsyncSession, at: datetime, period: Period, *, since: datetime = EVER
) -> list[tuple[datetime, datetime]]:
    """Return the period of a time and those before it as long as one begins after `since`, oldest first; at most `SERIES_POINTS`."""
    workspace = await workspaces.get(session)
    return rules.periods_to(at, period, workspace.time_zone, WeekStart(workspace.week_start), since=since)


async def newest(session: AsyncSession, kpi_ids: Sequence[UUID]) -> dict[UUID, list[Kept]]:
    """Return what each KPI came to in its newest periods, at most `SERIES_POINTS`, oldest first."""
    return await queries.newest(session, kpi_ids, now=clock_of(session).now())


async def reading(session: AsyncSession, kpi_id: UUID, *, start: datetime | None, now: datetime) -> Reading:
    """Return what was kept at times in `(start, now]`, the latest as the value; without a start the latest of all."""
    row = await queries.read(session, kpi_id, start=start, now=now)
    return Reading(row.value, row.samples, row.oldest_at, None, row.last_seen_at)


async def series(session: AsyncSession, kpi_id: UUID, edges: Sequence[datetime]) -> list[tuple[float | None, int]]:
    """Return (latest value, how many) of every interval `(edges[i], edges[i + 1]]`."""
    return rules.by_interval(
        [(row.at, row.value) for row in await queries.rows(session, kpi_id, start=edges[0], now=edges[-1])], edges
    )


async def settled(session: AsyncSession, kpi_id: UUID, edges: Sequence[datetime]) -> list[tuple[float | None, int]]:
    """Return (value, how many) of every interval `(edges[i], edges[i + 1]]`, of what was kept as of its end."""
    ends = set(edges)
    found = await queries.rows(session, kpi_id, start=edges[0], now=edges[-1])
    return rules.by_interval([(row.at, row.value) for row in found if row.at in ends], edges)


async def put(session: AsyncSession, kpi_id: UUID, measured: Sequence[Measured]) -> bool:
    """Keep what a KPI came to in some periods, in place of what it came to there before.

    Periods of another zone or week that lie across them give way; says whether there were any.
    """
    if not measured:
        return False
    across = {
        "kpi_id": kpi_id,
        "starts": [each.starts_at for each in measured],
        "ends": [each.ends_at for each in measured],
    }
    forgotten: CursorResult[Any] = await session.execute(_FORGET_ACROSS, across)  # type: ignore[assignment]
    own = {"kpi_id": kpi_id, "workspace": context_of(session).workspace, "measured_at": clock_of(session).now()}
    putting = insert(KpiMeasurement).values([own | asdict(each) for each in measured])
    changed = {name: putting.excluded[name] for name in ("ends_at", "at", "value", "measured_at")}
    await session.execute(putting.on_conflict_do_update(index_elements=["kpi_id", "starts_at"], set_=changed))
    return forgotten.rowcount > 0


async def forget(session: AsyncSession, kpi_id: UUID) -> None:
    """Forget what a KPI came to: it is measured anew."""
    await session.execute(delete(KpiMeasurement).where(KpiMeasurement.kpi_id == kpi_id))
