"""Use cases of objectives: set them, measure them, say how sure one is, and tell when one falls behind.

Whatever changes an objective or its key results locks the objective's row first. Parents are judged after their children, in a
transaction of their own: nobody holds the locks of two levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, outbox, resources, workspaces
from opsloop_common.contracts.metrics import GoalAtRisk
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, Invalid, NotFound, TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_metrics.events import service as event_store
from opsloop_metrics.kpi_periods.rules import TICK
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.objectives import queries, rules
from opsloop_metrics.objectives.models import CheckIn, KeyResult, Objective
from opsloop_metrics.objectives.rules import Days, GoalState, Span

JUDGE = "metrics.judge_objective"
Counted = tuple[UUID, UUID, Span]
"""What was counted: for which key result, by which KPI, over which time."""
_NOT_COUNTED: Mapping[Counted, float | None] = MappingProxyType({})


async def create_objective(
    session: AsyncSession, fields: Mapping[str, Any], *, days: Days, parent_id: UUID | None
) -> Objective:
    """Set an objective; raises Invalid for a parent that is not there, Conflict for one too deep, TooMany."""
    settings = await workspaces.take_place(
        session, Objective.__table__, most=limits.OBJECTIVES_PER_WORKSPACE, what="objectives"
    )
    await _require_place(session, None, parent_id)
    span, now = rules.span_of(days, settings.time_zone), clock_of(session).now()
    objective = resources.create(
        session,
        Objective,
        **fields,
        first_day=days.first,
        last_day=days.last,
        parent_id=parent_id,
        progress=None,
        pace=span.pace(now),
        state=GoalState.NOT_STARTED,
        judged_at=now,
    )
    await _look_again(session, objective.id, rules.next_look(span, now))
    return objective


async def _require_place(session: AsyncSession, objective_id: UUID | None, parent_id: UUID | None) -> None:
    """Raise for a parent that is not there, stands below, or too deep. The caller holds the lock of the workspace's settings."""
    if parent_id is None:
        return
    try:
        above = await queries.chain_above(session, parent_id)
    except NotFound as error:
        raise Invalid("/parent_id", "is no objective of this workspace") from error
    if objective_id in above:
        raise Conflict("an objective cannot stand below itself")
    rules.require_levels(len(above), 0 if objective_id is None else await queries.levels_below(session, objective_id))


async def change_objective(
    session: AsyncSession, objective_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Objective:
    """Change an objective and judge it; raises NotFound, StaleVersion, and what `create_objective` does."""
    if "parent_id" in changes:
        await workspaces.lock(session)  # two who move at once could make a circle
    objective = await queries.lock_objective(session, objective_id, expected)
    if "parent_id" in changes:  # asked before it is so: a circle has no end to walk to
        await _require_place(session, objective.id, changes["parent_id"])
    with changing(session, objective, changes) as before:
        if {"first_day", "last_day"} & before.keys():
            await _count_anew(session, objective, "/period" if objective.period else "/from")
        for parent_id in {before["parent_id"], objective.parent_id} if "parent_id" in before else ():
            if parent_id is not None:
                await _look_again(session, parent_id, clock_of(session).now())
    await _judge(session, objective)
    return objective


async def _count_anew(session: AsyncSession, objective: Objective, pointer: str) -> None:
    """Forget what events came to: of another time they come to something else."""
    for result in await queries.key_results_of(session, objective.id):
        if result.kpi_id is not None and result.kpi_key is not None:
            kpi = await kpis.get(session, result.kpi_key)
            await _require_kept(session, objective, kpi, pointer)
            if not kpi.measure.is_kept:
                result.value = None


async def delete_objective(session: AsyncSession, objective_id: UUID, *, expected: Precondition) -> None:
    """Throw an objective away with its key results and their check-ins; raises Conflict while others stand below it."""
    await workspaces.lock(session)  # nobody gets it as a parent meanwhile
    objective = await queries.lock_objective(session, objective_id, expected)
    if await queries.has_children(session, objective.id):
        raise Conflict("objectives stand below this one; move or delete them first")
    await due.cancel(session, JUDGE, str(objective.id))
    if objective.parent_id is not None:
        await _look_again(session, objective.parent_id, clock_of(session).now())
    await resources.delete(session, objective)


async def add_key_result(
    session: AsyncSession, objective_id: UUID, fields: Mapping[str, Any], *, kpi: str | None
) -> KeyResult:
    """Measure an objective by one number more; raises NotFound, TooMany, Invalid for a KPI that is not there."""
    rules.require_distance(fields["start"], fields["target"])
    rules.require_no_unit(kpi is not None, fields["unit"])
    objective = await queries.lock_objective(session, objective_id, ANY_VERSION)
    by_kpi = await _measured_by(session, objective, kpi)
    if len(await queries.key_results_of(session, objective.id)) >= limits.KEY_RESULTS_PER_OBJECTIVE:
        raise TooMany(f"an objective has at most {limits.KEY_RESULTS_PER_OBJECTIVE} key results; delete one first")
    result = resources.create(
        session,
        KeyResult,
        **({**fields} | by_kpi),
        objective_id=objective.id,
        value=None,
        progress=None,
        state=GoalState.NOT_STARTED,
        confidence=None,
    )
    await session.flush()
    await _judge(session, objective)
    return result


async def _measured_by(session: AsyncSession, objective: Objective, key: str | None) -> dict[str, Any]:
    if key is None:
        return {"kpi_id": None, "kpi_key": None}
    try:
        kpi = await kpis.hold(session, key)
    except NotFound as error:
        raise Invalid("/kpi", "is no KPI of this workspace") from error
    await _require_kept(session, objective, kpi, "/kpi")
    return {"kpi_id": kpi.kpi_id, "kpi_key": key, "unit": kpi.unit}


async def _require_kept(session: AsyncSession, objective: Objective, kpi: Definition, pointer: str) -> None:
    """Raise Invalid where a KPI counts events that will not all be kept when the objective's time is over."""
    if not kpi.measure.is_kept:
        span, now = await _span(session, objective), clock_of(session).now()
        rules.require_kept(span, now, kept=now - event_store.kept_from(session), pointer=pointer)


async def change_key_result(
    session: AsyncSession,
    objective_id: UUID,
    key_result_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: Precondition,
) -> KeyResult:
    """Change a key result and judge it; a KPI that is taken away leaves its last value and unit, which people then go on with."""
    changes = dict(changes)
    unit = changes.get("unit")
    objective = await queries.lock_objective(session, objective_id, ANY_VERSION)
    result = await queries.lock_key_result(session, objective_id, key_result_id, expected)
    if "kpi" in changes:
        changes |= await _measured_by(session, objective, changes.pop("kpi"))
    rules.require_no_unit(changes.get("kpi_id", result.kpi_id) is not None, unit)
    with changing(session, result, changes) as before:
        rules.require_distance(result.start, result.target)
        if "kpi_id" in before and result.kpi_id is not None:
            result.value = None
    await session.flush()
    await _judge(session, objective)
    return result


async def delete_key_result(
    session: AsyncSession, objective_id: UUID, key_result_id: UUID, *, expected: Precondition
) -> None:
    """Measure an objective by one number less; what was said about it goes too."""
    objective = await queries.lock_objective(session, objective_id, ANY_VERSION)
    await resources.delete(session, await queries.lock_key_result(session, objective_id, key_result_id, expected))
    await session.flush()
    await _judge(session, objective)


async def check_in(
    session: AsyncSession,
    objective_id: UUID,
    key_result_id: UUID,
    *,
    value: float | None,
    confidence: int,
    note: str | None,
) -> CheckIn:
    """Say where a key result stands and how sure one is; raises Conflict for a value of what a KPI measures."""
    objective = await queries.lock_objective(session, objective_id, ANY_VERSION)
    result = await queries.lock_key_result(session, objective_id, key_result_id, ANY_VERSION)
    rules.require_no_value(result.kpi_id is not None, value)
    said = CheckIn(
        workspace=result.workspace,
        key_result_id=result.id,
        value=value,
        confidence=confidence,
        note=note,
        said_by=context_of(session).actor,
        said_at=clock_of(session).now(),
    )
    session.add(said)
    result.confidence = confidence
    if value is not None:
        result.value = value
    await session.flush()
    await _judge(session, objective)
    return said


async def judge(session: AsyncSession, objective_id: UUID) -> None:
    """Count what its key results come to, then look where an objective stands; one that is gone is left alone."""
    objective = await queries.find_objective(session, objective_id)
    if objective is None:
        return
    counted = await _count(session, objective)  # may take long: nobody waits for the lock meanwhile
    objective = await queries.find_objective_for_change(session, objective_id)
    if objective is not None:
        await _judge(session, objective, counted)


async def _count(session: AsyncSession, objective: Objective) -> Mapping[Counted, float | None]:
    """Return what the key results that events are counted for come to; of a time whose events are not all kept what they came to last."""
    span, found = await _span(session, objective), {}
    for result in await queries.key_results_of(session, objective.id):
        kpi = await _kpi_of(session, result, span)
        if kpi is not None and not kpi.measure.is_kept:
            is_kept = span.start >= event_store.kept_from(session)
            found[_counted(result, kpi, span)] = await _value(session, kpi, span) if is_kept else result.value
    return found


async def _judge(
    session: AsyncSession, objective: Objective, counted: Mapping[Counted, float | None] = _NOT_COUNTED
) -> None:
    """Measure a locked objective, say when it fell behind, and plan the next look: soon where events have to be counted.

    Until they are, what they came to last holds; where nothing was counted yet, nobody is told that it is behind.
    """
    now, span = clock_of(session).now(), await _span(session, objective)
    results = await queries.key_results_of(session, objective.id)
    measured = [(result, await _kpi_of(session, result, span)) for result in results]
    uncounted = [result for result, kpi in measured if _is_uncounted(result, kpi, span, counted)]
    if any(result.value is None for result in uncounted):
        await _look_again(session, objective.id, now)
        return
    for result, kpi in measured:
        await _measure(session, result, kpi, span, counted)
    awaited = [each for each in results if rules.is_awaited(each.value, each.created_at, now)]
    before = (objective.progress, objective.state)
    if results:
        said = [each for each in results if each not in awaited]
        objective.progress = rules.mean((each.progress, each.weight) for each in said)
    else:
        children = await queries.progress_of_children(session, objective.id)
        objective.progress = rules.mean((share, 1.0) for share in children)
    objective.pace, objective.judged_at = span.pace(now), now
    is_measured = objective.progress is not None
    objective.state = rules.state_of(objective.progress, span, now) if is_measured else GoalState.NOT_STARTED
    if rules.is_worse(GoalState(before[1]), GoalState(objective.state)):
        outbox.append(session, _at_risk(objective, results))
    if objective.parent_id is not None and before[0] != objective.progress:
        await _look_again(session, objective.parent_id, now)
    ahead = [rules.next_look(span, now), *(each.created_at + rules.AWAITED_FOR for each in awaited)]
    again_at = min((at for at in ahead if at is not None), default=None)
    await _look_again(session, objective.id, now if uncounted else again_at)


async def _measure(
    session: AsyncSession,
    result: KeyResult,
    kpi: Definition | None,
    span: Span,
    counted: Mapping[Counted, float | None],
) -> None:
    if kpi is not None:
        result.unit = kpi.unit
    if kpi is not None and kpi.measure.is_kept:
        result.value = await _value(session, kpi, span)
    elif kpi is not None:
        result.value = counted.get(_counted(result, kpi, span), result.value)
    result.progress = rules.progress(result.start, result.target, result.value)
    now = clock_of(session).now()
    is_awaited = rules.is_awaited(result.value, result.created_at, now)
    result.state = GoalState.NOT_STARTED if is_awaited else rules.state_of(result.progress, span, now)


async def _span(session: AsyncSession, objective: Objective) -> Span:
    days = Days(objective.first_day, objective.last_day)
    return rules.span_of(days, (await workspaces.get(session)).time_zone)


async def _kpi_of(session: AsyncSession, result: KeyResult, span: Span) -> Definition | None:
    """Return the KPI that measures a key result by now, if one does."""
    if result.kpi_id is None or result.kpi_key is None or clock_of(session).now() <= span.start:
        return None
    return await kpis.get(session, result.kpi_key)


def _is_uncounted(
    result: KeyResult, kpi: Definition | None, span: Span, counted: Mapping[Counted, float | None]
) -> bool:
    return kpi is not None and not kpi.measure.is_kept and _counted(result, kpi, span) not in counted


def _counted(result: KeyResult, kpi: Definition, span: Span) -> Counted:
    return result.id, kpi.kpi_id, span


async def _value(session: AsyncSession, kpi: Definition, span: Span) -> float | None:
    until = min(clock_of(session).now() + TICK, span.end)
    return (await kpis.read_period(session, kpi, span.start, until)).value


def _at_risk(objective: Objective, results: Sequence[KeyResult]) -> GoalAtRisk:
    behind = [result.id for result in results if result.state in (GoalState.AT_RISK, GoalState.OFF_TRACK)]
    return GoalAtRisk(
        objective_id=objective.id,
        title=objective.title,
        period=objective.period,
        first_day=objective.first_day,
        last_day=objective.last_day,
        state="off_track" if objective.state == GoalState.OFF_TRACK else "at_risk",
        progress=objective.progress or 0.0,
        pace=objective.pace,
        key_result_ids=behind,
    )


async def _look_again(session: AsyncSession, objective_id: UUID, at: datetime | None) -> None:
    # never put off: a value that comes while one is judged must be looked at too
    if at is not None:
        await due.schedule(session, JUDGE, str(objective_id), at)


async def with_parts(
    session: AsyncSession, objective_id: UUID
) -> tuple[Objective, Sequence[KeyResult], Sequence[Objective]]:
    """Return an objective with its key results, or where it has none with those directly below it; raises NotFound."""
    objective = await queries.get_objective(session, objective_id)
    results = await queries.key_results_of(session, objective.id)
    below = [] if results else await queries.children_of(session, objective.id, most=rules.MOST_SHOWN)
    return objective, results, below


async def on_value_reported(session: AsyncSession, kpi_id: UUID, /) -> None:
    """Look at what the KPI measures soon."""
    for objective_id in await queries.ids_measured_by(session, kpi_id):
        await _look_again(session, objective_id, clock_of(session).now())


async def on_measured_anew(session: AsyncSession, kpi_id: UUID, /) -> None:
    """Look at what the KPI measures soon: it is another number now."""
    await on_value_reported(session, kpi_id)


async def on_deleted(session: AsyncSession, kpi_id: UUID, /) -> None:
    """Let go of a KPI: its key results keep their last value."""
