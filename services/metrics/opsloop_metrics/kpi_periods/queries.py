"""Everything that reads what KPIs came to by period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.kpi_periods.models import KpiMeasurement
from opsloop_metrics.kpi_periods.rules import LONGEST, SERIES_POINTS, TICK, Kept

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


async def read(
    session: AsyncSession, kpi_id: UUID, *, start: datetime | None, now: datetime
) -> Row[float | None, int, datetime | None, datetime | None]:
    """Return (value, samples, oldest_at, last_seen_at) of what was kept at times in `(start, now]`; without a start the latest of all."""
    given = {"kpi_id": kpi_id, "start": start, "begun": start and start - LONGEST, "now": now}
    return (await session.execute(_READ, given)).one()


# by the begin of periods, as the index has them: what is kept is in their order. 10,000 are enough for any min_count
_READ = text(
    "WITH inside AS NOT MATERIALIZED (SELECT value, at, starts_at FROM kpi_measurement WHERE kpi_id = :kpi_id "
    "AND starts_at <= :now AND at <= :now AND starts_at > COALESCE(CAST(:begun AS timestamptz), '-infinity') "
    "AND at > COALESCE(CAST(:start AS timestamptz), '-infinity')) "
    "SELECT (SELECT value FROM inside ORDER BY starts_at DESC LIMIT 1) AS value, "
    "(SELECT count(*) FROM (SELECT 1 FROM inside LIMIT 10000) AS counted) AS samples, "
    "(SELECT at FROM inside WHERE CAST(:start AS timestamptz) IS NOT NULL ORDER BY starts_at LIMIT 1) AS oldest_at, "
    "(SELECT at FROM kpi_measurement WHERE kpi_id = :kpi_id AND starts_at <= :now AND at <= :now "
    "ORDER BY starts_at DESC LIMIT 1) AS last_seen_at"
)


async def rows(
    session: AsyncSession, kpi_id: UUID, *, start: datetime, now: datetime
) -> Sequence[Row[datetime, float | None]]:
    """Return (at, value) of what a KPI came to at times in `(start, now]`, oldest first.

    As of the first moment of a period it is of that one, and so a moment later than what the one before came to.
    """
    at = func.greatest(KpiMeasurement.at, KpiMeasurement.starts_at + TICK).label("at")
    begun = KpiMeasurement.starts_at > start - LONGEST, KpiMeasurement.starts_at <= now  # what the index knows
    inside = KpiMeasurement.kpi_id == kpi_id, *begun, at > start, KpiMeasurement.at <= now
    return (await session.execute(select(at, KpiMeasurement.value).where(*inside).order_by(at))).all()
