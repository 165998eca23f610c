"""Define KPIs and monitors, take reported values, and hand evaluations what they need.

Every change takes the KPI's row lock first, and so do evaluations: what follows is one at a time per KPI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, outbox, resources
from opsloop_common.access.places import take_place
from opsloop_common.contracts.metrics import KpiTargetReached
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_metrics.breaches import service as breaches
from opsloop_metrics.breaches.rules import EndReason
from opsloop_metrics.events import service as event_store
from opsloop_metrics.events.rules import Reading
from opsloop_metrics.kpis import queries, rules
from opsloop_metrics.kpis.models import Kpi, KpiValue, Monitor
from opsloop_metrics.kpis.rules import Concerned, Direction, Measure, Standing, State, Watch
from opsloop_metrics.retention.rules import require_kept

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
    taken = Conflict(f"the key {key} is taken")
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
    meaning = rules.read_measure(changes["measure"]) if "measure" in changes else None
    kpi = await queries.lock_kpi(session, key, expected)
    with changing(session, kpi, changes) as before:
        if meaning is not None and "measure" in before:
            await _remeasure(session, kpi, meaning)
        if {"measure", "target", "direction"} & before.keys():
            kpi.target_met = False
    return kpi


async def _remeasure(session: AsyncSession, kpi: Kpi, meaning: Measure) -> None:
    monitors = await queries.monitors_of(session, kpi.id)
    rules.require_windows_everywhere(meaning, [monitor.window for monitor in monitors])
    kpi.event_types = meaning.event_types
    for monitor in monitors:
        await _start_anew(session, monitor, EndReason.CHANGED)


async def delete_kpi(session: AsyncSession, key: str, *, expected: Precondition) -> None:
    """Delete a KPI with its values, monitors and their history; open incidents end, all incidents stay readable."""
    kpi = await queries.lock_kpi(session, key, expected)
    monitors = await queries.monitors_of(session, kpi.id)
    for monitor in monitors:
        await due.cancel(session, rules.EVALUATE, str(monitor.id))
    await breaches.end_of_kpi(session, kpi.id, EndReason.DELETED)
    outbox.end_streams(session, "monitor", [monitor.id for monitor in monitors])
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
    await note_value(session, kpi, (await queries.read_values(session, kpi.id, start=None, now=now)).value)
    for monitor in await queries.monitors_of(session, kpi.id):
        if monitor.enabled:
            await _evaluate_soon(session, monitor.id, monitor.not_before)
    return KpiValue(id=stored_id, kpi_id=kpi.id, at=at, value=value, reported_by=reported_by, reported_at=now)


async def note_value(session: AsyncSession, kpi: Kpi, value: float | None) -> None:
    """Say once per crossing that the KPI reached its target; null changes nothing. The caller holds the KPI's lock."""
    if value is None or kpi.target is None:
        return
    met = rules.meets_target(value, kpi.target, Direction(kpi.direction))
    if met and not kpi.target_met:
        reached = KpiTargetReached(
            kpi_id=kpi.id, kpi=kpi.key, value=value, target=kpi.target, reached_at=clock_of(session).now()
        )
        outbox.append(session, reached)
    kpi.target_met = met


async def add_monitor(session: AsyncSession, key: str, fields: Mapping[str, Any], *, events_kept: timedelta) -> Monitor:
    """Watch a KPI; the first evaluation is due at once. Raises Invalid for a window over more than the events that are kept, TooMany."""
    await take_place(session, Monitor.__table__, most=limits.MONITORS_PER_WORKSPACE, what="monitors")
    settings = rules.read_monitor(fields)
    kpi = await queries.lock_kpi(session, key, ANY_VERSION)
    _require_window(kpi, rules.condition_of(settings), settings["window"], events_kept)
    state, now = State.OK.value, clock_of(session).now()
    monitor = resources.create(session, Monitor, kpi_id=kpi.id, state=state, since=now, **settings)
    if monitor.enabled:
        await _evaluate_soon(session, monitor.id, None)
    return monitor


async def change_monitor(
    session: AsyncSession,
    key: str,
    monitor_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: Precondition,
    events_kept: timedelta,
) -> Monitor:
    """Change a monitor. Another condition, window or min_count, or switching it off, ends its incident and starts it anew."""
    settings = rules.read_monitor(changes)
    kpi = await queries.lock_kpi(session, key, ANY_VERSION)
    monitor = await queries.lock_monitor(session, kpi.id, monitor_id, expected)
    with changing(session, monitor, settings) as before:
        # one that was longer before the events were kept for less may stay as it is
        _require_window(kpi, _condition_of(monitor), monitor.window, events_kept if "window" in settings else None)
        if "enabled" in before:
            await _start_anew(session, monitor, EndReason.DISABLED)
        elif rules.MEANING & before.keys():
            await _start_anew(session, monitor, EndReason.CHANGED)
        elif monitor.enabled and before:
            await _evaluate_soon(session, monitor.id, None)
    return monitor


def _condition_of(monitor: Monitor) -> rules.Condition:
    return rules.condition_of(
        {"condition_type": monitor.condition_type, "operator": monitor.operator, "threshold": monitor.threshold}
    )


def _require_window(kpi: Kpi, condition: rules.Condition, window: timedelta | None, kept: timedelta | None) -> None:
    measure = rules.read_measure(kpi.measure)
    rules.require_window(measure, condition, window)
    if kept is not None and not measure.is_reported:
        require_kept(window, kept)


async def delete_monitor(session: AsyncSession, key: str, monitor_id: UUID, *, expected: Precondition) -> None:
    """Stop watching; an open incident ends."""
    kpi = await queries.lock_kpi(session, key, ANY_VERSION)
    monitor = await queries.lock_monitor(session, kpi.id, monitor_id, expected)
    await breaches.end_of_monitor(session, monitor.id, EndReason.DELETED)
    await due.cancel(session, rules.EVALUATE, str(monitor.id))
    await resources.delete(session, monitor)


async def _start_anew(session: AsyncSession, monitor: Monitor, reason: EndReason) -> None:
    await breaches.end_of_monitor(session, monitor.id, reason)
    monitor.state, monitor.since = State.OK.value, clock_of(session).now()
    monitor.bad_since = monitor.good_since = monitor.incident_id = monitor.value = monitor.evaluated_at = None
    if monitor.enabled:
        await _evaluate_soon(session, monitor.id, None)
    else:
        await due.cancel(session, rules.EVALUATE, str(monitor.id))


async def _evaluate_soon(session: AsyncSession, monitor_id: UUID, not_before: datetime | None) -> None:
    now = clock_of(session).now()
    await due.schedule(session, rules.EVALUATE, str(monitor_id), max(now, not_before or now))


async def monitors_reading(session: AsyncSession, types: Sequence[str]) -> list[Concerned]:
    """Return the enabled monitors that events of these types concern, in a fixed order."""
    return [Concerned(row.id, row.not_before) for row in await queries.monitors_reading(session, types)]


async def require_monitor(session: AsyncSession, key: str, monitor_id: UUID) -> None:
    """Raise NotFound unless the KPI of that key has that monitor."""
    kpi = await queries.get_kpi(session, key)
    await queries.get_monitor(session, kpi.id, monitor_id)


async def lock_watch(session: AsyncSession, monitor_id: UUID) -> Watch | None:
    """Lock a monitor's KPI and return both as an evaluation needs them; None when it is gone or switched off."""
    kpi = await queries.lock_kpi_of(session, monitor_id)
    if kpi is None:
        return None
    enabled = [monitor for monitor in await queries.monitors_of(session, kpi.id) if monitor.enabled]
    monitor = next((monitor for monitor in enabled if monitor.id == monitor_id), None)
    if monitor is None:
        return None
    return Watch(
        monitor_id=monitor.id,
        kpi_id=kpi.id,
        kpi=kpi.key,
        unit=kpi.unit,
        measure=rules.read_measure(kpi.measure),
        condition=_condition_of(monitor),
        window=monitor.window,
        hold_for=monitor.hold_for,
        keep_firing_for=monitor.keep_firing_for,
        min_count=monitor.min_count,
        severity=cast(rules.Severity, monitor.severity),
        standing=Standing(State(monitor.state), monitor.since, monitor.bad_since, monitor.good_since),
        value=monitor.value,
        incident_id=monitor.incident_id,
        evaluated_at=monitor.evaluated_at,
        leads=monitor.id == enabled[0].id,
    )


async def keep_evaluation(
    session: AsyncSession,
    watch: Watch,
    standing: Standing,
    *,
    value: float | None,
    incident_id: UUID | None,
    not_before: datetime,
) -> None:
    """Write what an evaluation of a locked watch came to, and look at the KPI's target."""
    kpi = await session.get_one(Kpi, watch.kpi_id)
    monitor = await session.get_one(Monitor, watch.monitor_id)
    monitor.state, monitor.since = standing.state.value, standing.since
    monitor.bad_since, monitor.good_since = standing.bad_since, standing.good_since
    monitor.value, monitor.incident_id = value, incident_id
    monitor.evaluated_at, monitor.not_before = clock_of(session).now(), not_before
    if watch.leads:
        await note_value(session, kpi, value)


async def take_reading(
    session: AsyncSession,
    kpi_id: UUID,
    measure: Measure,
    window: timedelta | None,
    *,
    now: datetime,
    last_seen: bool = False,
) -> Reading:
    """Return what a KPI's measure comes to in the window `(now - window, now]`; without a window ever since."""
    start = None if window is None else now - window
    if measure.is_reported:
        row = await queries.read_values(session, kpi_id, start=start, now=now)
        return Reading(row.value, row.samples, row.oldest_at, row.upcoming_at, row.last_seen_at)
    readings = await event_store.read(session, measure.parts, start=start or _EVER, now=now, last_seen=last_seen)
    return rules.combine(readings)


async def current_value(session: AsyncSession, kpi: Kpi, monitors: Sequence[Monitor]) -> float | None:
    """Return a KPI's value now, over the window of its worst monitor (the oldest of those), or ever since without one."""
    enabled = [monitor for monitor in monitors if monitor.enabled]
    worst = rules.worst([State(monitor.state) for monitor in enabled])
    window = next((monitor.window for monitor in enabled if monitor.state == worst), None)
    measure = rules.read_measure(kpi.measure)
    return (await take_reading(session, kpi.id, measure, window, now=clock_of(session).now())).value


async def series(session: AsyncSession, kpi: Kpi, edges: Sequence[datetime]) -> list[tuple[float | None, int]]:
    """Return (value, samples) of every interval `(edges[i], edges[i + 1]]`."""
    measure = rules.read_measure(kpi.measure)
    if measure.is_reported:
        return await queries.value_series(session, kpi.id, edges)
    parts = await event_store.series(session, measure.parts, edges=edges)
    combined = [
        rules.combine([Reading(value, samples) for value, samples in bucket]) for bucket in zip(*parts, strict=True)
    ]
    return [(reading.value, reading.samples) for reading in combined]
