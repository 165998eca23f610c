"""What is asked of KPIs and values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Select, Text, bindparam, case, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from opsloop_common import resources
from opsloop_common.columns import comparable_column
from opsloop_common.invisible import comparable
from opsloop_common.versions import Precondition
from opsloop_metrics.kpis.models import Kpi, KpiValue
from opsloop_metrics.kpis.rules import State

NEWEST_KPIS_FIRST = (Kpi.created_at.desc(), Kpi.id.desc())
NEWEST_VALUES_FIRST = (KpiValue.at.desc(), KpiValue.id.desc())


async def get_kpi(session: AsyncSession, key: str) -> Kpi:
    """Return a KPI by its key; raises NotFound."""
    return await resources.get(session, Kpi, Kpi.key == key)


async def hold_kpi(session: AsyncSession, key: str) -> Kpi:
    """Return a KPI by its key, which nobody deletes until the transaction ends; raises NotFound."""
    await session.execute(select(Kpi.id).where(Kpi.key == key).with_for_update(read=True, key_share=True))
    return await get_kpi(session, key)


async def lock_kpi(session: AsyncSession, key: str, expected: Precondition) -> Kpi:
    """Lock a KPI by its key, in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Kpi, Kpi.key == key, expected=expected)


async def find_kpi_for_change(session: AsyncSession, kpi_id: UUID) -> Kpi | None:
    """Lock a KPI by its id; None when it is gone."""
    return await resources.find_for_change(session, Kpi, Kpi.id == kpi_id)


async def is_taken(session: AsyncSession, key: str) -> bool:
    """Say whether the workspace has a KPI of that key."""
    return await session.scalar(select(Kpi.id).where(Kpi.key == key)) is not None


# asked at each batch of events: put together once
_READING = select(Kpi.id, Kpi.measure).where(Kpi.event_types.overlap(bindparam("types", type_=ARRAY(Text))))


async def reading(session: AsyncSession, types: Sequence[str]) -> Sequence[Row[UUID, dict[str, Any]]]:
    """Return (id, measure) of the KPIs whose measure reads one of the event types."""
    return (await session.execute(_READING, {"types": list(types)})).all()


async def ids_measured(session: AsyncSession) -> Sequence[UUID]:
    """Return the ids of the KPIs that are measured from events."""
    return (await session.scalars(select(Kpi.id).where(func.cardinality(Kpi.event_types) > 0))).all()


async def read_values(
    session: AsyncSession, kpi_id: UUID, *, start: datetime | None, now: datetime
) -> Row[float | None, int, datetime | None, datetime | None, datetime | None]:
    """Return (value, samples, oldest_at, upcoming_at, last_seen_at): the latest value inside `(start, now]` and around it.

    Without a start the latest value of all.
    """
    return (await session.execute(_READ_VALUES, {"kpi_id": kpi_id, "start": start, "now": now})).one()


# without a window the latest value never leaves, so there is no oldest; 10,000 values are enough for any min_count
_READ_VALUES = text(
    "WITH inside AS NOT MATERIALIZED (SELECT value, at FROM kpi_value WHERE kpi_id = :kpi_id AND at <= :now "
    "AND (CAST(:start AS timestamptz) IS NULL OR at > :start)) "
    "SELECT (SELECT value FROM inside ORDER BY at DESC LIMIT 1) AS value, "
    "(SELECT count(*) FROM (SELECT 1 FROM inside LIMIT 10000) AS counted) AS samples, "
    "(SELECT min(at) FROM inside WHERE :start IS NOT NULL) AS oldest_at, "
    "(SELECT min(at) FROM kpi_value WHERE kpi_id = :kpi_id AND at > :now) AS upcoming_at, "
    "(SELECT max(at) FROM kpi_value WHERE kpi_id = :kpi_id AND at <= :now) AS last_seen_at"
)


async def value_series(
    session: AsyncSession, kpi_id: UUID, edges: Sequence[datetime]
) -> list[tuple[float | None, int]]:
    """Return (latest value, number of values) of every interval `[edges[i], edges[i + 1])`."""
    given = {"kpi_id": kpi_id, "edges": list(edges), "start": edges[0], "end": edges[-1]}
    rows = await session.execute(_VALUE_SERIES, given)
    by_bucket = {row.bucket: (row.value, row.samples) for row in rows}
    return [by_bucket.get(place, (None, 0)) for place in range(1, len(edges))]


_VALUE_SERIES = text(
    "SELECT bucket, (array_agg(value ORDER BY at DESC))[1] AS value, count(*) AS samples FROM ("
    "  SELECT value, at, width_bucket(at, CAST(:edges AS timestamptz[])) AS bucket"
    "  FROM kpi_value WHERE kpi_id = :kpi_id AND at >= :start AND at < :end"
    ") AS v GROUP BY bucket"
)


_WORSE = case({state.value: rank for rank, state in enumerate(State)}, value=Kpi.state)
_SORTED_BY: dict[str, ColumnElement[Any] | InstrumentedAttribute[Any]] = {
    "name": Kpi.name,
    "owner": func.coalesce(Kpi.owner, ""),
    "state": _WORSE,
    "updated": Kpi.updated_at,
}
ORDERS = (
    {None: NEWEST_KPIS_FIRST}
    | {name: (column.asc(), Kpi.id.asc()) for name, column in _SORTED_BY.items()}
    | {f"-{name}": (column.desc(), Kpi.id.desc()) for name, column in _SORTED_BY.items()}
)
"""How a list may be sorted; of states the best comes first, and with - the worst."""


def kpis(*, owner: str | None, states: Sequence[State], tag: str | None, text: str | None) -> Select[Any]:
    """Return the workspace's KPIs: of one owner, in one of some states, with a tag, with a text in key, name or description."""
    found = select(Kpi)
    if owner is not None:
        found = found.where(comparable_column(Kpi.owner) == comparable(owner))
    if states:
        found = found.where(Kpi.state.in_(states))
    if tag is not None:
        found = found.where(Kpi.tags.contains([tag]))
    if text is not None:
        found = found.where(
            or_(*(column.icontains(text, autoescape=True) for column in (Kpi.key, Kpi.name, Kpi.description)))
        )
    return found


async def latest_values(
    session: AsyncSession, kpi_id: UUID, spans: Sequence[tuple[datetime, datetime]], *, now: datetime
) -> Sequence[Row[int, datetime, float]]:
    """Return (place, at, value) of the latest value reported for a time in each `[start, end)`, none after `now`."""
    starts, ends = zip(*spans, strict=True)
    given = {"kpi_id": kpi_id, "starts": list(starts), "ends": list(ends), "now": now}
    return (await session.execute(_LATEST_VALUES, given)).all()


# one step down the index for each span, however much lies in it
_LATEST_VALUES = text(
    "SELECT place - 1 AS place, latest.at, latest.value "
    "FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) WITH ORDINALITY AS s (start, ending, place) "
    "CROSS JOIN LATERAL (SELECT at, value FROM kpi_value WHERE kpi_id = :kpi_id AND at >= start AND at < ending "
    "AND at <= :now ORDER BY at DESC LIMIT 1) AS latest ORDER BY place"
)


async def find_to_measure(session: AsyncSession, now: datetime, *, formulas_in: timedelta) -> Kpi | None:
    """Lock the KPI that has waited longest to be measured, formulas so much later: what they stand on comes first."""
    since = Kpi.measure_at + case((Kpi.measure["type"].astext == "formula", formulas_in), else_=timedelta())
    found = select(Kpi).where(Kpi.measure_at <= now).order_by(since, Kpi.id).limit(1)
    return await session.scalar(found.with_for_update(key_share=True, skip_locked=True))


async def formulas(session: AsyncSession) -> dict[str, list[str]]:
    """Return the keys of the workspace's formulas, and those that each stands on."""
    found = await session.execute(select(Kpi.key, Kpi.measure["of"]).where(Kpi.measure["type"].astext == "formula"))
    return {key: list(of.values()) for key, of in found}


async def keys_asking(session: AsyncSession, insight_id: UUID) -> Sequence[str]:
    """Return the keys of the KPIs that ask an insight, in order."""
    asking = Kpi.measure["insight_id"].astext == str(insight_id)
    return (await session.scalars(select(Kpi.key).where(asking).order_by(Kpi.key))).all()


async def known_keys(session: AsyncSession, keys: Sequence[str]) -> set[str]:
    """Return which of some keys name KPIs of the workspace."""
    return set(await session.scalars(select(Kpi.key).where(Kpi.key.in_(keys))))


def values(kpi_id: UUID, *, reported_from: datetime | None, reported_to: datetime | None) -> Select[Any]:
    """Return a KPI's reported values with `at` in `[from, to)`."""
    found = select(KpiValue).where(KpiValue.kpi_id == kpi_id)
    if reported_from is not None:
        found = found.where(KpiValue.at >= reported_from)
    if reported_to is not None:
        found = found.where(KpiValue.at < reported_to)
    return found
