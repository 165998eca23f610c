"""The HTTP door of objectives, key results and check-ins."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import ShortText
from opsloop_metrics.objectives import queries, rules, service
from opsloop_metrics.objectives.models import KeyResult, Objective
from opsloop_metrics.objectives.rules import GoalState
from opsloop_metrics.objectives.schemas import (
    CheckInIn,
    CheckInOut,
    KeyResultIn,
    KeyResultOut,
    KeyResultPatch,
    ObjectiveIn,
    ObjectiveOut,
    ObjectivePatch,
    ObjectivesOut,
    PeriodName,
    StateCountsOut,
    SummaryOut,
)

router = ApiRouter(tags=["objectives"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]
ONE = "/v1/objectives/{objective_id}"
RESULT = f"{ONE}/key-results/{{key_result_id}}"
_DAYS = {"period", "first_day", "last_day"}


def _answer(response: Response, objective: Objective) -> ObjectiveOut:
    set_etag(response, objective.version)
    return ObjectiveOut.model_validate(objective, by_name=True)


def _result(response: Response, result: KeyResult) -> KeyResultOut:
    set_etag(response, result.version)
    return KeyResultOut.model_validate(result)


@router.post("/v1/objectives", status_code=201, dependencies=WRITE, responses=problems(409))
async def create_objective(body: ObjectiveIn, session: Db, response: Response) -> ObjectiveOut:
    """Set an objective, on its own or below another; at most three levels."""
    days = rules.chosen_days(body.period, body.first_day, body.last_day)
    fields = body.model_dump(include={"title", "description", "owner", "period"})
    objective = await service.create_objective(session, fields, days=days, parent_id=body.parent_id)
    set_location(response, f"/v1/objectives/{objective.id}")
    return _answer(response, objective)


@router.get("/v1/objectives", dependencies=READ)
async def list_objectives(
    session: Db,
    page: PageQuery,
    period: Annotated[PeriodName | None, Query(description="Those whose days all lie within it.")] = None,
    owner: Annotated[ShortText | None, Query()] = None,
    state: Annotated[list[GoalState] | None, Query(description="One or several of these.")] = None,
    parent_id: Annotated[UUID | None, Query(description="Those directly below this one.")] = None,
) -> ObjectivesOut:
    """List objectives, newest first, with what all of them together come to."""
    within = None if period is None else rules.named_days(period)
    wanted = queries.objectives(within=within, owner=owner, state=state or (), parent_id=parent_id)
    found = await paginate(session, wanted, page, by=queries.NEWEST_FIRST)
    items = [ObjectiveOut.model_validate(each, by_name=True) for each in found.items]
    summary = _summary(await queries.rolled_up(session, wanted))
    return ObjectivesOut(items=items, next_cursor=found.next_cursor, summary=summary)


def _summary(rows: Any) -> SummaryOut:
    counts, totals = dict.fromkeys(map(str, GoalState), 0), []
    for state, count, measured, progress in rows:
        counts[state] = count
        totals.append((measured, progress or 0.0))
    measured = sum(number for number, _ in totals)
    return SummaryOut(
        objectives=sum(counts.values()),
        progress=sum(number * share for number, share in totals) / measured if measured else None,
        states=StateCountsOut(**counts),
    )


@router.get(ONE, dependencies=READ, responses=problems(404))
async def get_objective(objective_id: UUID, session: Db, response: Response) -> ObjectiveOut:
    """Show an objective."""
    return _answer(response, await queries.get_objective(session, objective_id))


@router.patch(ONE, dependencies=WRITE, responses=problems(404, 409, 412))
async def update_objective(
    objective_id: UUID, body: ObjectivePatch, session: Db, expected: IfMatch, response: Response
) -> ObjectiveOut:
    """Change an objective; it is judged at once."""
    changes = body.model_dump(exclude_unset=True, exclude=_DAYS)
    if _DAYS & body.model_fields_set:
        days = rules.chosen_days(body.period, body.first_day, body.last_day)
        changes |= {"period": body.period, "first_day": days.first, "last_day": days.last}
    return _answer(response, await service.change_objective(session, objective_id, changes, expected=expected))


@router.delete(ONE, status_code=204, dependencies=WRITE, responses=problems(404, 409, 412))
async def delete_objective(objective_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw an objective away with its key results; while others stand below it that is refused (409)."""
    await service.delete_objective(session, objective_id, expected=expected)


@router.post(f"{ONE}/key-results", status_code=201, dependencies=WRITE, responses=problems(404, 409))
async def create_key_result(objective_id: UUID, body: KeyResultIn, session: Db, response: Response) -> KeyResultOut:
    """Measure an objective by a number more, at most 20."""
    fields = body.model_dump(exclude={"kpi"})
    result = await service.add_key_result(session, objective_id, fields, kpi=body.kpi)
    set_location(response, f"/v1/objectives/{objective_id}/key-results/{result.id}")
    return _result(response, result)


@router.get(f"{ONE}/key-results", dependencies=READ, responses=problems(404))
async def list_key_results(objective_id: UUID, session: Db, page: PageQuery) -> Listing[KeyResultOut]:
    """List an objective's key results, the oldest first."""
    await queries.get_objective(session, objective_id)
    found = await paginate(session, queries.key_results(objective_id), page, by=queries.OLDEST_FIRST)
    return found.map(KeyResultOut.model_validate)


@router.get(RESULT, dependencies=READ, responses=problems(404))
async def get_key_result(objective_id: UUID, key_result_id: UUID, session: Db, response: Response) -> KeyResultOut:
    """Show a key result."""
    return _result(response, await queries.get_key_result(session, objective_id, key_result_id))


@router.patch(RESULT, dependencies=WRITE, responses=problems(404, 412))
async def update_key_result(
    objective_id: UUID, key_result_id: UUID, body: KeyResultPatch, session: Db, expected: IfMatch, response: Response
) -> KeyResultOut:
    """Change a key result; its objective is judged at once."""
    changes = body.model_dump(exclude_unset=True)
    found = await service.change_key_result(session, objective_id, key_result_id, changes, expected=expected)
    return _result(response, found)


@router.delete(RESULT, status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_key_result(objective_id: UUID, key_result_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a key result away, with what was said about it."""
    await service.delete_key_result(session, objective_id, key_result_id, expected=expected)


@router.post(f"{RESULT}/check-ins", status_code=201, dependencies=WRITE, responses=problems(404, 409))
async def create_check_in(
    objective_id: UUID, key_result_id: UUID, body: CheckInIn, session: Db, response: Response
) -> CheckInOut:
    """Say where a key result stands. A value for one that a KPI measures is refused (409)."""
    said = await service.check_in(
        session, objective_id, key_result_id, value=body.value, confidence=body.confidence, note=body.note
    )
    set_location(response, f"/v1/objectives/{objective_id}/key-results/{key_result_id}/check-ins")
    return CheckInOut.model_validate(said)


@router.get(f"{RESULT}/check-ins", dependencies=READ, responses=problems(404))
async def list_check_ins(objective_id: UUID, key_result_id: UUID, session: Db, page: PageQuery) -> Listing[CheckInOut]:
    """List what was said about a key result, the latest first."""
    result = await queries.get_key_result(session, objective_id, key_result_id)
    found = await paginate(session, queries.check_ins(session, result.id), page, by=queries.LATEST_FIRST)
    return found.map(CheckInOut.model_validate)
