"""Everything that reads objectives, key results and check-ins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from opsloop_common import resources
from opsloop_common.columns import comparable_column
from opsloop_common.db import context_of
from opsloop_common.invisible import comparable
from opsloop_common.versions import Precondition
from opsloop_metrics.objectives.models import CheckIn, KeyResult, Objective
from opsloop_metrics.objectives.rules import Days, GoalState

NEWEST_FIRST = (Objective.id.desc(),)
OLDEST_FIRST = (KeyResult.id.asc(),)
LATEST_FIRST = (CheckIn.id.desc(),)


async def get_objective(session: AsyncSession, objective_id: UUID) -> Objective:
    """Return an objective; raises NotFound."""
    return await resources.get(session, Objective, Objective.id == objective_id)


async def lock_objective(session: AsyncSession, objective_id: UUID, expected: Precondition) -> Objective:
    """Lock and return an objective in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Objective, Objective.id == objective_id, expected=expected)


async def find_objective(session: AsyncSession, objective_id: UUID) -> Objective | None:
    """Return an objective; None when it is gone."""
    return await resources.find(session, Objective, Objective.id == objective_id)


async def find_objective_for_change(session: AsyncSession, objective_id: UUID) -> Objective | None:
    """Lock and return an objective; None when it is gone."""
    return await resources.find_for_change(session, Objective, Objective.id == objective_id)


async def get_key_result(session: AsyncSession, objective_id: UUID, key_result_id: UUID) -> KeyResult:
    """Return a key result of an objective; raises NotFound."""
    return await resources.get(
        session, KeyResult, KeyResult.id == key_result_id, KeyResult.objective_id == objective_id
    )


async def lock_key_result(
    session: AsyncSession, objective_id: UUID, key_result_id: UUID, expected: Precondition
) -> KeyResult:
    """Lock and return a key result of an objective in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(
        session,
        KeyResult,
        KeyResult.id == key_result_id,
        KeyResult.objective_id == objective_id,
        expected=expected,
    )


def objectives(
    *, within: Days | None, owner: str | None, state: Collection[GoalState], parent_id: UUID | None
) -> Select[Objective]:
    """Return the query of the workspace's objectives: those whose days all lie within some, and so on, where given."""
    query = select(Objective)
    if within is not None:
        query = query.where(Objective.first_day >= within.first, Objective.last_day <= within.last)
    if owner is not None:
        query = query.where(comparable_column(Objective.owner) == comparable(owner))
    if state:
        query = query.where(Objective.state.in_(state))
    return query if parent_id is None else query.where(Objective.parent_id == parent_id)


async def rolled_up(session: AsyncSession, wanted: Select[Any]) -> Sequence[Row[str, int, int, float | None]]:
    """Return (state, count, how many are measured, their mean progress) of all that a query of objectives finds.

    Measured are those below none of the others: what stands below is in them already.
    """
    found = wanted.cte("found")
    above, between = aliased(found), aliased(Objective)
    is_below = or_(
        exists().where(above.c.id == found.c.parent_id),
        exists().where(between.id == found.c.parent_id, above.c.id == between.parent_id),
    )
    on_top = func.count(found.c.progress).filter(~is_below), func.avg(found.c.progress).filter(~is_below)
    return (await session.execute(select(found.c.state, func.count(), *on_top).group_by(found.c.state))).all()


def key_results(objective_id: UUID) -> Select[KeyResult]:
    """Return the query of an objective's key results."""
    return select(KeyResult).where(KeyResult.objective_id == objective_id)


async def key_results_of(session: AsyncSession, objective_id: UUID) -> Sequence[KeyResult]:
    """Return an objective's key results as they are now, the oldest first."""
    query = key_results(objective_id).order_by(*OLDEST_FIRST).execution_options(populate_existing=True)
    return (await session.scalars(query)).all()


async def progress_of_children(session: AsyncSession, objective_id: UUID) -> Sequence[float]:
    """Return how far the objectives directly below one are; those that measure nothing are left out."""
    query = select(Objective.progress).where(Objective.parent_id == objective_id, Objective.progress.is_not(None))
    return [share for share in await session.scalars(query) if share is not None]


async def children_of(session: AsyncSession, objective_id: UUID, *, most: int) -> Sequence[Objective]:
    """Return objectives directly below one, the oldest first."""
    query = select(Objective).where(Objective.parent_id == objective_id).order_by(Objective.id).limit(most)
    return (await session.scalars(query)).all()


async def has_children(session: AsyncSession, objective_id: UUID) -> bool:
    """Say whether objectives stand directly below one."""
    return await session.scalar(select(Objective.id).where(Objective.parent_id == objective_id).limit(1)) is not None


async def levels_below(session: AsyncSession, objective_id: UUID) -> int:
    """Return how many levels stand below an objective: 0, 1 or 2."""
    child, grandchild = aliased(Objective), aliased(Objective)
    query = (
        select(func.count(child.id), func.count(grandchild.id))
        .select_from(child)
        .outerjoin(grandchild, grandchild.parent_id == child.id)
        .where(child.parent_id == objective_id)
    )
    children, grandchildren = (await session.execute(query)).one()
    return bool(children) + bool(grandchildren)


async def chain_above(session: AsyncSession, objective_id: UUID | None) -> list[UUID]:
    """Return an objective's id, its parent's, and so on to the top; raises NotFound for the first."""
    chain: list[UUID] = []
    while objective_id is not None:
        found = await get_objective(session, objective_id)
        chain.append(found.id)
        objective_id = found.parent_id
    return chain


async def ids_measured_by(session: AsyncSession, kpi_id: UUID) -> Sequence[UUID]:
    """Return the ids of the objectives that a KPI measures."""
    query = select(KeyResult.objective_id).where(KeyResult.kpi_id == kpi_id).distinct()
    return (await session.scalars(query)).all()


def check_ins(session: AsyncSession, key_result_id: UUID) -> Select[CheckIn]:
    """Return the query of what was said about a key result."""
    return select(CheckIn).where(
        CheckIn.workspace == context_of(session).workspace, CheckIn.key_result_id == key_result_id
    )
