"""Watch KPIs: keep monitors, evaluate them when something may have changed, and keep what they saw.

Every change takes the KPI's row lock first, and so do evaluations: what follows is one at a time per KPI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, outbox, resources
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, acting_for, clock_of, context_of, count_after_commit, meters_of, ports_of
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_metrics.alarms import rules as alarms
from opsloop_metrics.alarms import service as looking
from opsloop_metrics.alarms.rules import Condition, ConditionType, Evidence, Found, Unusual
from opsloop_metrics.breaches import service as breaches
from opsloop_metrics.breaches.rules import EndReason, Opening
from opsloop_metrics.events import service as event_store
from opsloop_metrics.events.rules import Cause, is_echo
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.monitors import queries, rules
from opsloop_metrics.monitors.meters import EvaluationMeter
from opsloop_metrics.monitors.models import Monitor
from opsloop_metrics.monitors.rules import EVALUATE, Seen, Standing, State, Step, Turn, Watch
from opsloop_metrics.muting.rules import Muted
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.windows.rules import Window

PRUNE_BATCH = 5_000
get_monitor = queries.get_monitor

_RECORD = text(
    "INSERT INTO evaluation (monitor_id, slot, state, workspace, at, value, samples) "
    "VALUES (:monitor_id, :slot, :state, :workspace, :at, :value, :samples) ON CONFLICT (monitor_id, slot, state) "
    "DO UPDATE SET at = excluded.at, value = excluded.value, samples = excluded.samples"
)
_PRUNE = text(
    "DELETE FROM evaluation WHERE ctid = ANY(ARRAY(SELECT ctid FROM evaluation WHERE at < :before LIMIT :limit))"
)


async def add_monitor(session: AsyncSession, key: str, fields: Mapping[str, Any], *, events_kept: timedelta) -> Monitor:
    """Watch a KPI; the first evaluation is due at once. Raises Invalid for a window over more than the events that are kept, TooMany."""
    await take_place(session, Monitor.__table__, most=limits.MONITORS_PER_WORKSPACE, what="monitors")
    settings = rules.read_monitor(fields)
    kpi = await kpis.lock(session, key)
    condition, window = rules.condition_of(settings), rules.window_of(settings["window"], settings["calendar"])
    _require_fitting(kpi, condition, window, settings["min_count"], events_kept)
    settings |= {"reach": alarms.reach(condition, window), "state": State.OK.value, "since": clock_of(session).now()}
    monitor = resources.create(session, Monitor, kpi_id=kpi.kpi_id, **settings)
    if monitor.enabled:
        await _evaluate_soon(session, monitor.id, None)
    await _tell_state(session, kpi.kpi_id)
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
    kpi = await kpis.lock(session, key)
    monitor = await queries.lock_monitor(session, kpi.kpi_id, monitor_id, expected)
    with changing(session, monitor, settings) as before:
        # one that was longer before the events were kept for less may stay as it is
        if {"window", "condition_type", "min_count"} & settings.keys():
            _require_fitting(kpi, _condition_of(monitor), _window_of(monitor), monitor.min_count, events_kept)
        monitor.reach = alarms.reach(_condition_of(monitor), _window_of(monitor))
        if "enabled" in before:
            await _start_anew(session, monitor, EndReason.DISABLED)
        elif rules.MEANING & before.keys():
            await _start_anew(session, monitor, EndReason.CHANGED)
        elif monitor.enabled and before:
            await _evaluate_soon(session, monitor.id, None)
    await _tell_state(session, kpi.kpi_id)
    return monitor


def _require_fitting(
    kpi: Definition, condition: Condition, window: Window | None, min_count: int, kept: timedelta
) -> None:
    alarms.require_fitting(kpi, condition, window, min_count)
    alarms.require_possible(kpi, condition)
    if not kpi.measure.is_kept:
        alarms.require_kept(condition, window, kept)


def _condition_of(monitor: Monitor) -> Condition:
    return rules.condition_of({name: getattr(monitor, name) for name in rules.CONDITION})


def _window_of(monitor: Monitor) -> Window | None:
    return rules.window_of(monitor.window, monitor.calendar)


async def delete_monitor(session: AsyncSession, key: str, monitor_id: UUID, *, expected: Precondition) -> None:
    """Stop watching; an open incident ends."""
    kpi = await kpis.lock(session, key)
    monitor = await queries.lock_monitor(session, kpi.kpi_id, monitor_id, expected)
    await breaches.end_of_monitor(session, monitor.id, EndReason.DELETED)
    await due.cancel(session, EVALUATE, str(monitor.id))
    await resources.delete(session, monitor)
    await _tell_state(session, kpi.kpi_id)


async def _tell_state(session: AsyncSession, kpi_id: UUID) -> None:
    """Have the KPI know the worst of its monitors' states: lists of KPIs are filtered and sorted by it."""
    await session.flush()
    await kpis.note_state(session, kpi_id, rules.worst(await queries.states_of(session, kpi_id)))


async def _start_anew(session: AsyncSession, monitor: Monitor, reason: EndReason) -> None:
    await breaches.end_of_monitor(session, monitor.id, reason)
    monitor.state, monitor.since = State.OK.value, clock_of(session).now()
    monitor.bad_since = monitor.good_since = monitor.incident_id = monitor.evaluated_at = monitor.judged_at = None
    monitor.value = monitor.expected = monitor.low = monitor.high = monitor.words = None
    if monitor.enabled:
        await _evaluate_soon(session, monitor.id, None)
    else:
        await due.cancel(session, EVALUATE, str(monitor.id))


async def _evaluate_soon(session: AsyncSession, monitor_id: UUID, not_before: datetime | None) -> None:
    now = clock_of(session).now()
    await due.schedule(session, EVALUATE, str(monitor_id), max(now, not_before or now), priority=rules.URGENT)


async def look_soon(session: AsyncSession, monitor_ids: Sequence[UUID] | None = None) -> None:
    """Have some monitors look at once, or all that are pending: what kept them quiet may be over."""
    for monitor_id in await queries.pending_monitors(session) if monitor_ids is None else monitor_ids:
        await _evaluate_soon(session, monitor_id, None)


async def muted(session: AsyncSession, kpi: Definition, monitor_ids: Sequence[UUID]) -> Mapping[UUID, Muted]:
    """Return which of a KPI's monitors keep quiet now."""
    return await ports_of(session, MetricsPorts).muting.muted(session, kpi.key, kpi.tags, monitor_ids)


async def _quiet(session: AsyncSession, watch: Watch) -> Muted | None:
    return (await muted(session, watch.kpi, [watch.monitor_id])).get(watch.monitor_id)


async def on_value_reported(session: AsyncSession, kpi_id: UUID, /) -> None:
    """Have the KPI's monitors look soon."""
    for monitor in await queries.enabled_monitors(session, [kpi_id]):
        await _evaluate_soon(session, monitor.id, monitor.not_before)


async def on_measured_anew(session: AsyncSession, kpi_id: UUID, /) -> None:
    """Start a KPI's monitors anew; raises Conflict when one of them needs a window for that."""
    kpi, monitors = await kpis.locked(session, kpi_id), await queries.monitors_of(session, kpi_id)
    alarms.require_watchable(kpi, [(_condition_of(each), _window_of(each), each.min_count) for each in monitors])
    for monitor in monitors:
        await _start_anew(session, monitor, EndReason.CHANGED)
    await _tell_state(session, kpi_id)


async def on_deleted(session: AsyncSession, kpi_id: UUID, /) -> None:
    """End what a KPI's monitors have open, and them with it; their incidents stay readable."""
    monitors = await queries.monitors_of(session, kpi_id)
    for monitor in monitors:
        await due.cancel(session, EVALUATE, str(monitor.id))
    await breaches.end_of_kpi(session, kpi_id, EndReason.DELETED)
    outbox.end_streams(session, "monitor", [monitor.id for monitor in monitors])


async def seen_of(session: AsyncSession, kpi_id: UUID) -> list[Seen]:
    """Return what a KPI's monitors say, oldest first."""
    same = [field.name for field in fields(Seen) if field.name not in {"state", "window", "type"}]
    return [
        Seen(
            state=State(m.state),
            window=_window_of(m),
            type=cast(ConditionType, m.condition_type),
            **{name: getattr(m, name) for name in same},
        )
        for m in await queries.monitors_of(session, kpi_id)
    ]


async def unusual_of(session: AsyncSession, kpi_id: UUID, interval: str) -> Unusual | None:
    """Return what a KPI's oldest enabled monitor of anomalies of this interval watches for, None where there is none."""
    enabled = [_condition_of(each).unusual for each in await queries.monitors_of(session, kpi_id) if each.enabled]
    return next((each for each in enabled if each is not None and each.interval == interval), None)


async def longest_reach(session: AsyncSession) -> timedelta | None:
    """Return how far back the workspace's monitors look over events at most; None without any."""
    return await queries.longest_reach(session, await kpis.ids_measured(session))


async def take_in(session: AsyncSession, events: Sequence[Event]) -> None:
    """Store events of one workspace and make the monitors due that they can change; echoes of metrics' own are left out."""
    events = [event for event in events if not is_echo(event)]
    if not events:
        return
    await event_store.record(session, events)
    changed = await looking.ids_changed_by(session, events)
    # what an evaluation says has its cause from what it measured; looking itself is part of the newest event's trace
    with acting_for(session, replace(context_of(session), traceparent=Context.caused_by(events[-1]).traceparent)):
        for monitor in await queries.enabled_monitors(session, changed) if changed else ():
            await _evaluate_soon(session, monitor.id, monitor.not_before)


async def evaluate(session: AsyncSession, monitor_id: UUID) -> None:
    """Look at a monitor's KPI now, move its state machine, tell what changed, and put the next look off until something can."""
    kpi_id = await queries.find_kpi_of(session, monitor_id)
    kpi = None if kpi_id is None else await kpis.lock_by_id(session, kpi_id)
    if kpi is None:
        return
    monitor = await queries.find_enabled(session, monitor_id)
    if monitor is not None:
        await _look(session, monitor, _watch(kpi, monitor))


def _watch(kpi: Definition, monitor: Monitor) -> Watch:
    return Watch(
        monitor_id=monitor.id,
        kpi=kpi,
        condition=_condition_of(monitor),
        window=_window_of(monitor),
        hold_for=monitor.hold_for,
        keep_firing_for=monitor.keep_firing_for,
        min_count=monitor.min_count,
        severity=cast(rules.Severity, monitor.severity),
        standing=Standing(State(monitor.state), monitor.since, monitor.bad_since, monitor.good_since),
        incident_id=monitor.incident_id,
        evaluated_at=monitor.evaluated_at,
        judged_at=monitor.judged_at,
        is_alarmed=monitor.state != State.OK,
    )


async def _look(session: AsyncSession, monitor: Monitor, watch: Watch) -> None:
    clock, begun = clock_of(session), perf_counter()
    now = clock.now()
    is_pending = watch.standing.state is State.PENDING
    quiet = await _quiet(session, watch) if is_pending else None
    if is_pending and quiet is None and alarms.is_held_back(watch, watch.standing.bad_since):
        watch = replace(watch, judged_at=None)
    found = await looking.look(session, watch, now)
    patience = rules.patience_after((clock.now() - now).total_seconds())
    if not is_pending and rules.may_open(watch.standing, found.evidence):
        quiet = await _quiet(session, watch)
    state, deadline = watch.standing.state, None
    if found.is_news:
        taken = await _move(session, monitor, watch, found, now, is_muted=quiet is not None)
        state, deadline = taken.standing.state, taken.deadline
    monitor.evaluated_at, monitor.not_before = clock.now(), max(now + patience, found.rests_until or now)
    instants = (*found.instants, quiet.until if quiet else None, deadline)
    again_at, priority = rules.look_again(watch, instants, now, patience, shown_until=found.shown_until)
    with acting_for(session, replace(context_of(session), traceparent=None)):  # else a trace would go on for ever
        await due.schedule(session, EVALUATE, str(monitor.id), again_at, priority=priority)
    seconds, meter = perf_counter() - begun, meters_of(session, EvaluationMeter)
    count_after_commit(session, lambda: meter.count(state, seconds))


async def _move(
    session: AsyncSession, monitor: Monitor, watch: Watch, found: Found, now: datetime, *, is_muted: bool
) -> Step:
    """Move the state machine by what was found, and tell and keep what came of it."""
    taken = rules.step(
        watch.standing,
        found.evidence,
        now if found.bucket is None else found.bucket.end,  # buckets' time passes a bucket at a time
        hold_for=watch.hold_for,
        keep_firing_for=watch.keep_firing_for,
        firing=rules.firing_state(watch.condition),
        is_muted=is_muted,
    )
    with acting_for(session, _caused_by(session, found.reading.cause)):
        monitor.incident_id, standing = await _turn(session, watch, found, taken), taken.standing
        monitor.state, monitor.since = standing.state.value, standing.since
        monitor.bad_since, monitor.good_since = standing.bad_since, standing.good_since
        _see(monitor, found)
        if standing.state is not watch.standing.state:
            await _tell_state(session, watch.kpi.kpi_id)
    seen = {"at": now, "value": found.reading.value, "samples": found.reading.samples}
    of = {"monitor_id": watch.monitor_id, "slot": rules.slot_of(now), "state": taken.standing.state.value}
    await session.execute(_RECORD, seen | of | {"workspace": context_of(session).workspace})
    return taken


def _see(monitor: Monitor, found: Found) -> None:
    monitor.value, expected = found.reading.value, found.expected
    monitor.expected, monitor.low, monitor.high, monitor.words = (
        (None, None, None, None) if expected is None else (expected.value, expected.low, expected.high, expected.words)
    )
    if found.bucket is not None:
        monitor.judged_at = found.bucket.at


def _caused_by(session: AsyncSession, cause: Cause | None) -> Context:
    """Return the context of what an evaluation says: the newest event it measured led to it."""
    here = context_of(session)
    if cause is None:
        return here
    return Context(
        workspace=here.workspace,
        correlationid=cause.correlationid,
        causationid=cause.event_id,
        causationdepth=cause.causationdepth + 1,
        traceparent=cause.traceparent,
    )


async def _turn(session: AsyncSession, watch: Watch, found: Found, taken: Step) -> UUID | None:
    """Open or end the incident as the step says, and tell of an anomaly; returns the id of the incident that is open now."""
    incident_id = watch.incident_id
    match taken.turn:
        case Turn.OPENED:
            incident_id = await breaches.open_incident(session, _opening(watch, found, taken))
        case Turn.ENDED:
            await breaches.end_of_monitor(session, watch.monitor_id, EndReason.RECOVERED, value=found.reading.value)
            incident_id = None
    if incident_id is not None and found.bucket is not None and found.evidence is Evidence.BAD:
        bucket, opening = found.bucket, _opening(watch, found, taken)
        breaches.tell_anomaly(session, incident_id, opening, at=bucket.at, interval=bucket.interval)
    return incident_id


def _opening(watch: Watch, found: Found, taken: Step) -> Opening:
    expected = found.expected
    return Opening(
        monitor_id=watch.monitor_id,
        kpi_id=watch.kpi.kpi_id,
        kpi=watch.kpi.key,
        kpi_name=watch.kpi.name,
        type=watch.condition.type,
        severity=watch.severity,
        operator=watch.condition.operator,
        threshold=watch.condition.value,
        unit=watch.kpi.unit,
        value=found.reading.value,
        expected=None if expected is None else expected.value,
        low=None if expected is None else expected.low,
        high=None if expected is None else expected.high,
        words=None if expected is None else expected.words,
        last_seen_at=found.reading.last_seen_at,
        started_at=cast(datetime, taken.standing.bad_since),
        window=alarms.length_of(watch, found),
        over=found.over,
        beside=found.beside,
        is_divisible=bool(watch.kpi.measure.parts) or watch.kpi.measure.insight is not None,
    )


async def prune(session: AsyncSession) -> bool:
    """Delete one batch of evaluations that are older than the history is kept; says whether there may be more."""
    given = {"before": clock_of(session).now() - rules.KEEP_HISTORY, "limit": PRUNE_BATCH}
    deleted: CursorResult[Any] = await session.execute(_PRUNE, given)  # type: ignore[assignment]
    return deleted.rowcount == PRUNE_BATCH
