"""Everything that reads what KPIs came to by period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.kpi_periods.models import KpiMeasurement
from opsloop_metrics.kpi_periods.rules import SERIES_POINTS, Kept

_COLUMNS = tuple(getattr(KpiMeasurement, name) for name in ("starts_at", "ends_at", "at", "value", "measured_at"))


async def newest(session: AsyncSession, kpi_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, list[Kept]]:
    """Return what KPIs came to in their newest periods, oldest first: one statement for all of them."""
    asked = (
        func.unnest(bindparam("ids", list(kpi_ids), type_=ARRAY(Uuid)))
        .table_valued("id", name="asked")
        .render_derived()
    )
    rows = (
        select(*_COLUMNS)
        .where(KpiMeasurement.kpi_id == asked.c.id, KpiMeasurement.at <= now)
        .order_by(KpiMeasurement.starts_at.desc())
        .limit(SERIES_POINTS)
        .lateral("newest")
    )
    statement = select(asked.c.id, rows).select_from(asked).join(rows, true()).order_by(rows.c.starts_at)
    found: dict[UUID, list[Kept]] = {kpi_id: [] for kpi_id in kpi_ids}
    for kpi_id, *kept in await session.execute(statement):
        found[kpi_id].append(Kept(*kept))
    return found


async def rows(
    session: AsyncSession, kpi_id: UUID, *, start: datetime, now: datetime
) -> Sequence[Row[datetime, float | None]]:
    """Return (at, value) of what a KPI came to at times in `(start, now]`, oldest first, of one time the period that is over last."""
    inside = KpiMeasurement.kpi_id == kpi_id, KpiMeasurement.at > start, KpiMeasurement.at <= now
    asked = select(KpiMeasurement.at, KpiMeasurement.value).where(*inside)
    return (await session.execute(asked.order_by(KpiMeasurement.at, KpiMeasurement.starts_at.desc()))).all()
