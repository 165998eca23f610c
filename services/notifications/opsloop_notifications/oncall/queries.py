"""Everything that reads schedules and overrides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.oncall.models import Schedule, ScheduleOverride

NEWEST_FIRST = (Schedule.id.desc(),)
NEWEST_OVERRIDE_FIRST = (ScheduleOverride.id.desc(),)
SCHEDULES = select(Schedule.id).subquery()


def schedules(workspace: str) -> Select[Schedule]:
    """Return the query of a workspace's schedules, to be paged."""
    return select(Schedule).where(Schedule.workspace == workspace)


async def get_schedule(session: AsyncSession, schedule_id: UUID) -> Schedule:
    """Return a schedule; raises NotFound."""
    return await resources.get(session, Schedule, Schedule.id == schedule_id)


async def find_schedule(session: AsyncSession, schedule_id: UUID) -> Schedule | None:
    """Return a schedule, None when it is gone."""
    return await resources.find(session, Schedule, Schedule.id == schedule_id)


async def lock_schedule(session: AsyncSession, schedule_id: UUID, expected: Precondition) -> Schedule:
    """Lock and return a schedule in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Schedule, Schedule.id == schedule_id, expected=expected)


def overrides(workspace: str, schedule_id: UUID) -> Select[ScheduleOverride]:
    """Return the query of a schedule's overrides, to be paged."""
    mine = ScheduleOverride.schedule_id == schedule_id
    return select(ScheduleOverride).where(ScheduleOverride.workspace == workspace, mine)


async def overrides_between(
    session: AsyncSession, schedule_id: UUID, since: datetime, until: datetime
) -> Sequence[ScheduleOverride]:
    """Return the overrides of a schedule that hold at any moment from one to another, in the order in which they were made."""
    query = overrides(context_of(session).workspace, schedule_id)
    held = query.where(ScheduleOverride.ends_at > since, ScheduleOverride.starts_at <= until)
    return (await session.scalars(held.order_by(ScheduleOverride.id))).all()


async def lock_override(
    session: AsyncSession, schedule_id: UUID, override_id: UUID, expected: Precondition
) -> ScheduleOverride:
    """Lock and return an override in the version expected; raises NotFound, StaleVersion."""
    named = (ScheduleOverride.id == override_id) & (ScheduleOverride.schedule_id == schedule_id)
    return await resources.lock_for_change(session, ScheduleOverride, named, expected=expected)
