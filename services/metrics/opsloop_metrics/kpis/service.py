"""Define KPIs, take reported values, and say what a KPI comes to.

Every change takes the KPI's row lock first, and so does whatever watches it: what follows is one at a time per KPI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox, resources
from opsloop_common.contracts.metrics import KpiTargetReached
from opsloop_common.db import clock_of, context_of, ports_of
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_metrics.events import service as event_store
from opsloop_metrics.events.rules import Reading
from opsloop_metrics.kpis import queries, rules
from opsloop_metrics.kpis.models import Kpi, KpiValue
from opsloop_metrics.kpis.rules import Definition, Direction
from opsloop_metrics.ports import MetricsPorts, Watching

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_PUT_VALUE = text(
    "INSERT INTO kpi_value AS v (id, workspace, kpi_id, at, value, reported_by, reported_at) "
    "VALUES (:id, :workspace, :kpi_id, :at, :value, :reported_by, :now) "
    "ON CONFLICT (kpi_id, at) DO UPDATE SET value = excluded.value, reported_by = excluded.reported_by, "
    "reported_at = excluded.reported_at RETURNING id"
)


async def create_kpi(session: AsyncSession, *, key: str, measure: Mapping[str, Any], fields: Mapping[str, Any]) -> Kpi:
    """Define a KPI; raises Conflict when the key is taken, Invalid for a measure that does not make sense."""
    meaning = rules.read_measure(measure)
    rules.require_known(measure)
    taken = Conflict(f"the key {key} is taken; give another, or change the KPI that has it (PATCH)")
    if await queries.is_taken(session, key):
        raise taken
    kpi = resources.create(
        session, Kpi, key=key, measure=dict(measure), event_types=meaning.event_types, target_met=False, **fields
    )
    try:
        await session.flush()  # the unique key decides between two who come at once
    except IntegrityError as error:
        raise taken from error
    return kpi


async def change_kpi(session: AsyncSession, key: str, changes: Mapping[str, Any], *, expected: Precondition) -> Kpi:
    """Change a KPI; another measure ends open incidents and starts its monitors anew."""
    meaning = None
    if "measure" in changes:
        meaning = rules.read_measure(changes["measure"])
        rules.require_known(changes["measure"])
    kpi = await queries.lock_kpi(session, key, expected)
    with changing(session, kpi, changes) as before:
        if meaning is not None and "measure" in before:
            kpi.event_types = meaning.event_types
            await _watching(session).on_measured_anew(session, kpi.id)
        if {"measure", "target", "direction"} & before.keys():
            kpi.target_met = False
    return kpi


async def delete_kpi(session: AsyncSession, key: str, *, expected: Precondition) -> None:
    """Delete a KPI with its values, monitors and their history; open incidents end, all incidents stay readable."""
    kpi = await queries.lock_kpi(session, key, expected)
    await _watching(session).on_deleted(session, kpi.id)
    await resources.delete(session, kpi)


async def report_value(session: AsyncSession, key: str, value: float, at: datetime | None) -> KpiValue:
    """Take a reported value; one for the same moment is corrected. Its monitors look at once."""
    kpi = await queries.lock_kpi(session, key, ANY_VERSION)
    rules.require_reported(rules.read_measure(kpi.measure))
    now = clock_of(session).now()
    at = at or now
    rules.require_not_ahead(at, now)
    reported_by = context_of(session).actor
    entry = {
        "id": uuid7(),
        "workspace": kpi.workspace,
        "kpi_id": kpi.id,
        "at": at,
        "value": value,
        "reported_by": reported_by,
        "now": now,
    }
    stored_id: UUID = (await session.execute(_PUT_VALUE, entry)).scalar_one()
    if kpi.target is not None:
        latest = await queries.read_values(session, kpi.id, start=None, now=now)
        await note_value(session, kpi.id, latest.value)
    await _watching(session).on_value_reported(session, kpi.id)
    return KpiValue(id=stored_id, kpi_id=kpi.id, at=at, value=value, reported_by=reported_by, reported_at=now)


def _watching(session: AsyncSession) -> Watching:
    return ports_of(session, MetricsPorts).watching


async def note_value(session: AsyncSession, kpi_id: UUID, value: float | None) -> None:
    """Say once per crossing that the KPI reached its target; null changes nothing. The caller holds the KPI's lock."""
    kpi = await session.get_one(Kpi, kpi_id)
    if value is None or kpi.target is None:
        return
    met = rules.meets_target(value, kpi.target, Direction(kpi.direction))
    if met and not kpi.target_met:
        reached = KpiTargetReached(
            kpi_id=kpi.id,
            kpi=kpi.key,
            kpi_name=kpi.name,
            unit=kpi.unit,
            value=value,
            target=kpi.target,
            reached_at=clock_of(session).now(),
        )
        outbox.append(session, reached)
    kpi.target_met = met


async def get(session: AsyncSession, key: str) -> Definition:
    """Return a KPI by its key; raises NotFound."""
    return _definition(await queries.get_kpi(session, key))


async def lock(session: AsyncSession, key: str) -> Definition:
    """Lock a KPI by its key, for a change of what watches it; raises NotFound."""
    return _definition(await queries.lock_kpi(session, key, ANY_VERSION))


async def lock_by_id(session: AsyncSession, kpi_id: UUID) -> Definition | None:
    """Lock a KPI by its id; None when it is gone."""
    kpi = await queries.find_kpi_for_change(session, kpi_id)
    return None if kpi is None else _definition(kpi)


async def locked(session: AsyncSession, kpi_id: UUID) -> Definition:
    """Return a KPI that this transaction has locked, as it has changed it."""
    return _definition(await session.get_one(Kpi, kpi_id))


def _definition(kpi: Kpi) -> Definition:
    return Definition(kpi.id, kpi.key, kpi.name, kpi.unit, kpi.target, rules.read_measure(kpi.measure))


async def ids_reading(session: AsyncSession, types: Sequence[str]) -> Sequence[UUID]:
    """Return the ids of the KPIs whose measure reads one of the event types."""
    return await queries.ids_reading(session, types)


async def ids_measured(session: AsyncSession) -> Sequence[UUID]:
    """Return the ids of the KPIs that are measured from events."""
    return await queries.ids_measured(session)


async def value_now(session: AsyncSession, kpi: Definition, window: timedelta | None) -> float | None:
    """Return a KPI's value over the window that ends now; without a window ever since."""
    return (await take_reading(session, kpi, window, now=clock_of(session).now())).value


async def take_reading(
    session: AsyncSession, kpi: Definition, window: timedelta | None, *, now: datetime, last_seen: bool = False
) -> Reading:
    """Return what a KPI comes to in the window `(now - window, now]`; without a window ever since."""
    start = None if window is None else now - window
    if kpi.measure.is_reported:
        row = await queries.read_values(session, kpi.kpi_id, start=start, now=now)
        return Reading(row.value, row.samples, row.oldest_at, row.upcoming_at, row.last_seen_at)
    readings = await event_store.read(session, kpi.measure.parts, start=start or _EVER, now=now, last_seen=last_seen)
    return rules.combine(readings)


async def series(session: AsyncSession, kpi: Definition, edges: Sequence[datetime]) -> list[tuple[float | None, int]]:
    """Return (value, samples) of every interval `(edges[i], edges[i + 1]]`."""
    if kpi.measure.is_reported:
        return await queries.value_series(session, kpi.kpi_id, edges)
    parts = await event_store.series(session, kpi.measure.parts, edges=edges)
    combined = [
        rules.combine([Reading(value, samples) for value, samples in bucket]) for bucket in zip(*parts, strict=True)
    ]
    return [(reading.value, reading.samples) for reading in combined]
