"""Define KPIs, take reported values, and say what a KPI comes to.

Every change takes the KPI's row lock first, and so does whatever watches it: what follows is one at a time per KPI.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, outbox, resources, workspaces
from opsloop_common.contracts.metrics import KpiTargetReached
from opsloop_common.db import clock_of, context_of, ports_of
from opsloop_common.due import recurring
from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_metrics.events import service as event_store
from opsloop_metrics.events.rules import Reading
from opsloop_metrics.insights.periods import FIRST_YEAR, LAST_YEAR, midnight
from opsloop_metrics.kpi_measures.rules import Measure, combine, read_measure, require_acyclic, require_known
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import Measured, Period
from opsloop_metrics.kpi_templates import service as templates
from opsloop_metrics.kpis import queries, rules
from opsloop_metrics.kpis.models import Kpi, KpiValue
from opsloop_metrics.kpis.rules import Definition, Direction, Goal, Outline, Standing, State, Waiting
from opsloop_metrics.ports import MetricsPorts, Watching
from opsloop_metrics.saved_insights import service as saved_insights

MEASURE = "metrics.measure_kpis"
"""The work that measures KPIs whose turn has come."""
_SOON = timedelta(seconds=1)
"""Who makes a KPI makes its monitors next, and what is locked meanwhile would wait for its turn."""
known_keys, keys_asking = queries.known_keys, queries.keys_asking
reading, ids_measured = queries.reading, queries.ids_measured
_PUT_VALUE = text(
    "INSERT INTO kpi_value AS v (id, workspace, kpi_id, at, value, reported_by, reported_at) "
    "VALUES (:id, :workspace, :kpi_id, :at, :value, :reported_by, :now) "
    "ON CONFLICT (kpi_id, at) DO UPDATE SET value = excluded.value, reported_by = excluded.reported_by, "
    "reported_at = excluded.reported_at RETURNING id"
)


async def create_kpi(session: AsyncSession, *, key: str, measure: Mapping[str, Any], fields: Mapping[str, Any]) -> Kpi:
    """Define a KPI; raises Conflict when the key is taken, Invalid for a measure that does not make sense, TooMany."""
    meaning = read_measure(measure)
    require_known(measure)
    taken = Conflict(f"the key {key} is taken; give another, or change the KPI that has it (PATCH)")
    if await queries.is_taken(session, key):
        raise taken
    await workspaces.take_place(session, Kpi.__table__, most=limits.KPIS_PER_WORKSPACE, what="KPIs")
    await _require_sources(session, key, meaning, measure)
    rules.require_targets(fields.get("targets") or ())
    kpi = resources.create(
        session,
        Kpi,
        key=key,
        measure=dict(measure),
        event_types=meaning.event_types,
        target_met=False,
        state=State.OK.value,
        measure_error=None,
        measure_at=None if meaning.is_reported else clock_of(session).now(),
        **fields,
    )
    try:
        await session.flush()  # the unique key decides between two who come at once
    except IntegrityError as error:
        raise taken from error
    if kpi.measure_at is not None:
        await recurring.bring_forward(session, MEASURE, clock_of(session).now() + _SOON)
    return kpi


async def create_from_template(
    session: AsyncSession,
    template: str,
    *,
    key: str | None,
    measure: Mapping[str, Any] | None,
    fields: Mapping[str, Any],
    given: Collection[str],
) -> Kpi:
    """Define a KPI as a template says what was not given. Raises Invalid for what it lacks."""
    own_key, meant, said = await templates.filled_in(session, template, measure=measure, fields=fields, given=given)
    return await create_kpi(session, key=key or own_key, measure=meant, fields=said)


async def _require_sources(session: AsyncSession, key: str, measure: Measure, raw: Mapping[str, Any]) -> None:
    """Raise Invalid for an insight or KPI that is not there, Conflict for a formula that stands on itself."""
    if measure.insight is not None and not await saved_insights.hold(session, measure.insight.insight_id):
        raise Invalid("/measure/insight_id", "names no saved insight")
    if measure.formula is None:
        return
    of = raw["of"]
    known = await queries.known_keys(session, list(of.values()))
    if missing := [letter for letter, name in of.items() if name not in known]:
        raise Invalid.each(FieldError(f"/measure/of/{letter}", f"{of[letter]} names no KPI") for letter in missing)
    require_acyclic(key, of, await queries.formulas(session))


async def change_kpi(session: AsyncSession, key: str, changes: Mapping[str, Any], *, expected: Precondition) -> Kpi:
    """Change a KPI; another measure ends open incidents and starts its monitors anew."""
    meaning = None
    if "measure" in changes:
        meaning = read_measure(changes["measure"])
        require_known(changes["measure"])
        await workspaces.lock(session)
    rules.require_targets(changes.get("targets") or ())
    kpi = await queries.lock_kpi(session, key, expected)
    with changing(session, kpi, changes) as before:
        if meaning is not None and "measure" in before:
            await _require_sources(session, key, meaning, kpi.measure)
            kpi.event_types = meaning.event_types
        if "measure" in before or ("period" in before and read_measure(kpi.measure).is_asked):
            await _watching(session).on_measured_anew(session, kpi.id)
        if {"measure", "period"} & before.keys():
            await periods.forget(session, kpi.id)
            kpi.measure_at, kpi.measure_error = clock_of(session).now(), None
            await recurring.bring_forward(session, MEASURE, clock_of(session).now() + _SOON)
        if {"measure", "period", "target", "targets", "direction"} & before.keys():
            kpi.target_met = False
    return kpi


async def delete_kpi(session: AsyncSession, key: str, *, expected: Precondition) -> None:
    """Delete a KPI with its values, monitors and their history; open incidents end, all incidents stay readable.

    Raises Conflict while a formula stands on it.
    """
    await workspaces.lock(session)  # no formula begins to stand on it meanwhile
    kpi = await queries.lock_kpi(session, key, expected)
    standing = sorted(name for name, of in (await queries.formulas(session)).items() if key in of)
    if standing:
        raise Conflict(f"the formulas of {', '.join(standing[:5])} stand on this KPI; change them first")
    await _watching(session).on_deleted(session, kpi.id)
    await resources.delete(session, kpi)


async def report_value(session: AsyncSession, key: str, value: float, at: datetime | None) -> KpiValue:
    """Take a reported value; one for the same moment is corrected. Its monitors look at once."""
    kpi = await queries.lock_kpi(session, key, ANY_VERSION)
    rules.require_reported(read_measure(kpi.measure))
    now = clock_of(session).now()
    at = at or now
    rules.require_not_ahead(at, now)
    own = {"kpi_id": kpi.id, "at": at, "value": value, "reported_by": context_of(session).actor}
    entry = own | {"id": uuid7(), "workspace": kpi.workspace, "now": now}
    stored_id: UUID = (await session.execute(_PUT_VALUE, entry)).scalar_one()
    await _keep_reported(session, kpi, at, now)
    if kpi.target is not None or kpi.targets:
        latest = await queries.read_values(session, kpi.id, start=None, now=now)
        await _note_value(session, kpi, latest.value, now)
    await _watching(session).on_value_reported(session, kpi.id)
    return KpiValue(id=stored_id, reported_at=now, **own)


async def _keep_reported(session: AsyncSession, kpi: Kpi, at: datetime, now: datetime) -> None:
    """Keep what the period of a time came to, by the latest value in it; one that is ahead counts when its time comes."""
    if at > now:
        kpi.measure_at = at if kpi.measure_at is None else min(at, kpi.measure_at)
        return
    if await _keep_latest(session, kpi, [await periods.period_of(session, at, Period(kpi.period))], now):
        kpi.measure_at = now  # days begin elsewhere by now: soon in all that is kept


async def _keep_latest(
    session: AsyncSession, kpi: Kpi, spans: Sequence[tuple[datetime, datetime]], now: datetime
) -> bool:
    latest = await queries.latest_values(session, kpi.id, spans, now=now)
    return await periods.put(session, kpi.id, [Measured(*spans[place], at, value) for place, at, value in latest])


async def keep_reported(session: AsyncSession, kpi_id: UUID) -> None:
    """Keep what a reported KPI came to in its newest periods: something was dated ahead, or the periods are others now."""
    kpi = await queries.find_kpi_for_change(session, kpi_id)
    if kpi is None:
        return
    now = clock_of(session).now()
    latest = await queries.read_values(session, kpi.id, start=None, now=now)
    if latest.last_seen_at is not None:
        spans = await periods.periods_to(session, latest.last_seen_at, Period(kpi.period))
        await _keep_latest(session, kpi, spans, now)
    kpi.measure_at = latest.upcoming_at
    await _note_value(session, kpi, latest.value, now)
    await _watching(session).on_value_reported(session, kpi.id)


async def board(session: AsyncSession, kpis: Sequence[Kpi]) -> list[Standing]:
    """Return how KPIs stand, in their order, by one statement for all of them."""
    kept = await periods.newest(session, [kpi.id for kpi in kpis])
    today = await _day_of(session, clock_of(session).now())
    return [
        rules.standing(
            kept[kpi.id], target=rules.target_on(kpi.targets, kpi.target, today), direction=Direction(kpi.direction)
        )
        for kpi in kpis
    ]


async def _day_of(session: AsyncSession, at: datetime) -> date:
    return at.astimezone(ZoneInfo((await workspaces.get(session)).time_zone)).date()


async def _target_at(session: AsyncSession, kpi: Kpi, at: datetime) -> float | None:
    return rules.target_on(kpi.targets, kpi.target, await _day_of(session, at)) if kpi.targets else kpi.target


async def goal_now(session: AsyncSession, kpi_id: UUID) -> Goal | None:
    """Return the target of today with the days it is for, of a KPI that this transaction has locked; None without one."""
    kpi = await session.get_one(Kpi, kpi_id)
    entry = rules.entry_on(kpi.targets, await _day_of(session, clock_of(session).now()))
    if entry is None:
        return None
    zone = (await workspaces.get(session)).time_zone
    # days at the ends of the calendar begin or end beyond it in some zone
    first = max(date.fromisoformat(entry["from"]), date(FIRST_YEAR, 1, 1))
    last = min(date.fromisoformat(entry["to"]), date(LAST_YEAR, 12, 31))
    return Goal(
        float(entry["value"]), midnight(first, zone), midnight(last + timedelta(days=1), zone), Direction(kpi.direction)
    )


async def note_state(session: AsyncSession, kpi_id: UUID, state: State) -> None:
    """Keep the worst of what a KPI's monitors say; no change of the definition, so that its version stays. The caller holds its lock."""
    (await session.get_one(Kpi, kpi_id)).state = state.value


async def next_to_measure(session: AsyncSession, *, else_in: timedelta) -> Waiting | None:
    """Return the KPI whose turn has come, formulas `else_in` after others; what keeps nothing of it has its next turn then."""
    now = clock_of(session).now()
    kpi = await queries.find_to_measure(session, now, formulas_in=else_in)
    if kpi is None:
        return None
    kpi.measure_at = now + else_in
    kept = (await periods.newest(session, [kpi.id]))[kpi.id]
    return Waiting(kpi.id, read_measure(kpi.measure), kpi.measure, Period(kpi.period), kept[-1] if kept else None)


async def keep_measured(
    session: AsyncSession,
    waiting: Waiting,
    measured: Sequence[Measured],
    *,
    again_at: datetime,
    error: str | None = None,
) -> None:
    """Keep what a KPI came to, or why it came to nothing, unless it asks something else by now; its monitors look at once."""
    kpi = await queries.find_kpi_for_change(session, waiting.kpi_id)
    if kpi is None or kpi.measure != waiting.asked or kpi.period != waiting.period:
        return
    kpi.measure_at, kpi.measure_error = again_at, error
    if not measured:
        return
    await periods.put(session, kpi.id, measured)
    is_down = kpi.direction == Direction.DOWN and waiting.measure.adds_up  # and at its target whenever a period begins
    for each in measured[-1:] if waiting.newest is None else measured[-2:]:  # the period that runs, and one just over
        if each.at == each.ends_at or not is_down:
            await _note_value(session, kpi, each.value, min(each.at, each.ends_at - periods.TICK))
    if waiting.measure.is_asked:
        await _watching(session).on_value_reported(session, kpi.id)


def _watching(session: AsyncSession) -> Watching:
    return ports_of(session, MetricsPorts).watching


async def _note_value(session: AsyncSession, kpi: Kpi, value: float | None, at: datetime) -> None:
    """Say once per crossing that a locked KPI reached the target of a time's day; null changes nothing."""
    target = await _target_at(session, kpi, at)
    if value is None or target is None:
        return
    met = rules.meets_target(value, target, Direction(kpi.direction))
    if met and not kpi.target_met:
        reached = KpiTargetReached(
            kpi_id=kpi.id,
            kpi=kpi.key,
            kpi_name=kpi.name,
            unit=kpi.unit,
            value=value,
            target=target,
            reached_at=clock_of(session).now(),
        )
        outbox.append(session, reached)
    kpi.target_met = met


async def get(session: AsyncSession, key: str) -> Definition:
    """Return a KPI by its key; raises NotFound."""
    return await _definition(session, await queries.get_kpi(session, key))


async def hold(session: AsyncSession, key: str) -> Definition:
    """Return a KPI by its key that is not deleted before the transaction ends, for what refers to it; raises NotFound."""
    return await _definition(session, await queries.hold_kpi(session, key))


async def lock(session: AsyncSession, key: str) -> Definition:
    """Lock a KPI by its key, for a change of what watches it; raises NotFound."""
    return await _definition(session, await queries.lock_kpi(session, key, ANY_VERSION))


async def lock_by_id(session: AsyncSession, kpi_id: UUID) -> Definition | None:
    """Lock a KPI by its id; None when it is gone."""
    kpi = await queries.find_kpi_for_change(session, kpi_id)
    return None if kpi is None else await _definition(session, kpi)


async def locked(session: AsyncSession, kpi_id: UUID) -> Definition:
    """Return a KPI that this transaction has locked, as it has changed it."""
    return await _definition(session, await session.get_one(Kpi, kpi_id))


async def _definition(session: AsyncSession, kpi: Kpi) -> Definition:
    target, measure = await _target_at(session, kpi, clock_of(session).now()), read_measure(kpi.measure)
    more = (kpi.tags, Period(kpi.period), kpi.measure_error, bool(kpi.targets))
    return Definition(kpi.id, kpi.key, kpi.name, kpi.unit, target, measure, *more)


async def outline(session: AsyncSession, key: str) -> Outline:
    """Return a KPI by its key, as a picture shows it; raises NotFound."""
    kpi = await queries.get_kpi(session, key)
    return Outline(await _definition(session, kpi), kpi.target, kpi.targets)


async def take_reading(
    session: AsyncSession, kpi: Definition, window: timedelta | None, *, now: datetime, last_seen: bool = False
) -> Reading:
    """Return what a KPI comes to in the window `(now - window, now]`; without a window ever since, of events nothing."""
    start = None if window is None else now - window
    if kpi.measure.is_asked:
        return await periods.reading(session, kpi.kpi_id, start=start, now=now)
    if kpi.measure.is_reported:
        row = await queries.read_values(session, kpi.kpi_id, start=start, now=now)
        return Reading(row.value, row.samples, row.oldest_at, row.upcoming_at, row.last_seen_at)
    readings = await event_store.read(session, kpi.measure.parts, start=start or now, now=now, last_seen=last_seen)
    return combine(readings)


async def read_period(session: AsyncSession, kpi: Definition, start: datetime, until: datetime) -> Reading:
    """Return what a KPI comes to in `[start, until)`; what is asked as it was kept last, up to `until`."""
    now = until if kpi.measure.is_asked else until - periods.TICK
    return await take_reading(session, kpi, until - start, now=now)


async def series(session: AsyncSession, kpi: Definition, edges: Sequence[datetime]) -> list[tuple[float | None, int]]:
    """Return (value, samples) of every interval `[edges[i], edges[i + 1])`; what is asked counts as it was kept last, up to its end.

    Of one that began before events are kept, nothing.
    """
    if kpi.measure.is_asked:
        return await periods.series(session, kpi.kpi_id, edges)
    if kpi.measure.is_reported:
        return await queries.value_series(session, kpi.kpi_id, edges)
    kept_from, found = event_store.kept_from(session), await measured_series(session, kpi.measure, edges)
    return [each if start >= kept_from else (None, 0) for start, each in zip(edges, found, strict=False)]


async def bucket_values(
    session: AsyncSession, kpi: Definition, edges: Sequence[datetime]
) -> list[tuple[float | None, int]]:
    """Return (value, samples) of every day or hour `[edges[i], edges[i + 1])`, which are over; what is asked as it came to at its end."""
    if kpi.measure.is_asked:
        return await periods.settled(session, kpi.kpi_id, edges)
    if kpi.measure.is_reported:
        return await queries.value_series(session, kpi.kpi_id, edges)
    return await measured_series(session, kpi.measure, edges)


async def measured_series(
    session: AsyncSession, measure: Measure, edges: Sequence[datetime]
) -> list[tuple[float | None, int]]:
    """Return (value, samples) of every interval `[edges[i], edges[i + 1])` of a measure of events."""
    parts = await event_store.series(session, measure.parts, edges=edges)
    combined = [combine([Reading(value, samples) for value, samples in bucket]) for bucket in zip(*parts, strict=True)]
    return [(reading.value, reading.samples) for reading in combined]
