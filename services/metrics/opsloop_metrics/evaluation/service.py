"""Take events in, and evaluate monitors when something about them may have changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context, acting_for, clock_of, context_of, count_after_commit, meters_of
from opsloop_metrics.breaches import service as breaches
from opsloop_metrics.breaches.rules import EndReason, Opening
from opsloop_metrics.evaluation import rules
from opsloop_metrics.evaluation.meters import EvaluationMeter
from opsloop_metrics.evaluation.rules import Step, Turn
from opsloop_metrics.events import service as event_store
from opsloop_metrics.events.rules import Cause, Reading, is_echo
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import EVALUATE, Watch

PRUNE_BATCH = 5_000

_RECORD = text(
    "INSERT INTO evaluation (monitor_id, slot, state, workspace, at, value, samples) "
    "VALUES (:monitor_id, :slot, :state, :workspace, :at, :value, :samples) ON CONFLICT (monitor_id, slot, state) "
    "DO UPDATE SET at = excluded.at, value = excluded.value, samples = excluded.samples"
)
_PRUNE = text(
    "DELETE FROM evaluation WHERE ctid = ANY(ARRAY(SELECT ctid FROM evaluation WHERE at < :before LIMIT :limit))"
)


async def take_in(session: AsyncSession, events: Sequence[Event]) -> None:
    """Store events of one workspace and make the monitors that read their types due; echoes of metrics' own are left out."""
    events = [event for event in events if not is_echo(event)]
    if not events:
        return
    await event_store.record(session, events)
    now = clock_of(session).now()
    for concerned in await kpis.monitors_reading(session, sorted({event.type for event in events})):
        await due.schedule(session, EVALUATE, str(concerned.monitor_id), max(now, concerned.not_before or now))


async def evaluate(session: AsyncSession, monitor_id: UUID) -> None:
    """Look at a monitor's KPI now, move its state machine, tell what changed, and put the next look off until something can."""
    watch = await kpis.lock_watch(session, monitor_id)
    if watch is None:
        return
    clock, begun = clock_of(session), perf_counter()
    now = clock.now()
    reading = await kpis.take_reading(
        session, watch.kpi_id, watch.measure, watch.window, now=now, last_seen=watch.condition.type == "no_data"
    )
    patience = rules.patience_after((clock.now() - now).total_seconds())
    found = rules.evidence(watch.condition, reading, min_count=watch.min_count)
    taken = rules.step(
        watch.standing,
        found,
        now,
        hold_for=watch.hold_for,
        keep_firing_for=watch.keep_firing_for,
        firing=rules.firing_state(watch.condition),
    )
    with acting_for(session, _caused_by(session, reading.cause)):
        incident_id = await _turn(session, watch, reading, taken)
        await kpis.keep_evaluation(
            session,
            watch,
            taken.standing,
            value=reading.value,
            incident_id=incident_id,
            not_before=now + patience,
        )
    await _record(session, watch, reading, taken, now)
    again_at = rules.look_again_at(watch, reading, taken.deadline, now, patience)
    await due.schedule(session, EVALUATE, str(monitor_id), again_at)
    seconds, meter = perf_counter() - begun, meters_of(session, EvaluationMeter)
    count_after_commit(session, lambda: meter.count(taken.standing.state, seconds))


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


async def _turn(session: AsyncSession, watch: Watch, reading: Reading, taken: Step) -> UUID | None:
    """Open or end the incident as the step says; returns the id of the one that is open now."""
    match taken.turn:
        case Turn.OPENED:
            return await breaches.open_incident(session, _opening(watch, reading, taken))
        case Turn.ENDED:
            await breaches.end_of_monitor(session, watch.monitor_id, EndReason.RECOVERED, value=reading.value)
            return None
    return watch.incident_id


def _opening(watch: Watch, reading: Reading, taken: Step) -> Opening:
    return Opening(
        monitor_id=watch.monitor_id,
        kpi_id=watch.kpi_id,
        kpi=watch.kpi,
        type=watch.condition.type,
        severity=watch.severity,
        operator=watch.condition.operator,
        threshold=watch.condition.value,
        unit=watch.unit,
        value=reading.value,
        last_seen_at=reading.last_seen_at,
        started_at=cast(datetime, taken.standing.bad_since),
    )


async def _record(session: AsyncSession, watch: Watch, reading: Reading, taken: Step, now: datetime) -> None:
    values = {
        "monitor_id": watch.monitor_id,
        "slot": rules.slot_of(now),
        "state": taken.standing.state.value,
        "workspace": context_of(session).workspace,
        "at": now,
        "value": reading.value,
        "samples": reading.samples,
    }
    await session.execute(_RECORD, values)


async def prune(session: AsyncSession) -> bool:
    """Delete one batch of evaluations that are older than the history is kept; says whether there may be more."""
    given = {"before": clock_of(session).now() - rules.KEEP_HISTORY, "limit": PRUNE_BATCH}
    deleted: CursorResult[Any] = await session.execute(_PRUNE, given)  # type: ignore[assignment]
    return deleted.rowcount == PRUNE_BATCH
