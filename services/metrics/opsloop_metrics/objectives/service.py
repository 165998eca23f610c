"""Use cases of objectives: set them, measure them, say how sure one is, and tell when one falls behind.

Whatever changes an objective or its key results locks the objective's row first. Parents are judged after their children, in a
transaction of their own: nobody holds the locks of two levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, outbox, resources, workspaces
from opsloop_common.contracts.metrics import GoalAtRisk
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, Invalid, NotFound, TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.objectives import queries, rules
from opsloop_metrics.objectives.models import CheckIn, KeyResult, Objective
from opsloop_metrics.objectives.rules import Days, GoalState, Span

JUDGE = "metrics.judge_objective"


async def create_objective(
    session: AsyncSession, fields: Mapping[str, Any], *, days: Days, parent_id: UUID | None
) -> Objective:
    """Set an objective; raises Invalid for a parent that is not there, Conflict for one too deep, TooMany."""
    settings = await workspaces.take_place(session, Objective.__table__, most=rules.MOST_OBJECTIVES, what="objectives")
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
        for parent_id in {before["parent_id"], objective.parent_id} if "parent_id" in before else ():
            if parent_id is not None:
                await _look_again(session, parent_id, clock_of(session).now())
    await _judge(session, objective)
    return objective


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
    objective = await queries.lock_objective(session, objective_id, ANY_VERSION)
    if len(await queries.key_results_of(session, objective.id)) >= rules.MOST_KEY_RESULTS:
        raise TooMany(f"an objective has at most {rules.MOST_KEY_RESULTS} key results; delete one first")
    result = resources.create(
        session,
        KeyResult,
        **fields,
        **await _measured_by(session, kpi),
        objective_id=objective.id,
        value=None,
        progress=None,
        state=GoalState.NOT_STARTED,
        confidence=None,
    )
    await session.flush()
    await _judge(session, objective)
    return result


async def _measured_by(session: AsyncSession, key: str | None) -> dict[str, Any]:
    if key is None:
        return {"kpi_id": None, "kpi_key": None}
    try:
        return {"kpi_id": (await kpis.hold(session, key)).kpi_id, "kpi_key": key}
    except NotFound as error:
        raise Invalid("/kpi", "is no KPI of this workspace") from error


async def change_key_result(
    session: AsyncSession,
    objective_id: UUID,
    key_result_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: Precondition,
) -> KeyResult:
    """Change a key result and judge it; a KPI that is taken away leaves its last value, which people then go on with."""
    changes = dict(changes)
    if "kpi" in changes:
        changes |= await _measured_by(session, changes.pop("kpi"))
    objective = await queries.lock_objective(session, objective_id, ANY_VERSION)
    result = await queries.lock_key_result(session, objective_id, key_result_id, expected)
    with changing(session, result, changes):
        rules.require_distance(result.start, result.target)
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
    """Look where an objective stands; one that is gone is left alone."""
    objective = await queries.find_objective_for_change(session, objective_id)
    if objective is not None:
        await _judge(session, objective)


async def _judge(session: AsyncSession, objective: Objective) -> None:
    """Measure a locked objective, say when it fell behind, and plan the next look."""
    now = clock_of(session).now()
    days = Days(objective.first_day, objective.last_day)
    span = rules.span_of(days, (await workspaces.get(session)).time_zone)
    results = await queries.key_results_of(session, objective.id)
    for result in results:
        await _measure(session, result, span, now)
    before = (objective.progress, objective.state)
    if results:
        objective.progress = rules.mean((result.progress, result.weight) for result in results)
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
    await _look_again(session, objective.id, rules.next_look(span, now))


async def _measure(session: AsyncSession, result: KeyResult, span: Span, now: datetime) -> None:
    until = min(now, span.end)
    if result.kpi_id is not None and result.kpi_key is not None and until > span.start:
        kpi = await kpis.get(session, result.kpi_key)
        result.value = (await kpis.take_reading(session, kpi, until - span.start, now=until)).value
    result.progress = rules.progress(result.start, result.target, result.value)
    result.state = rules.state_of(result.progress, span, now)


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
