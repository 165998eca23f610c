"""Everything that reads calendars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.calendars.models import WorkingCalendar

NEWEST_FIRST = (WorkingCalendar.id.desc(),)
CALENDARS = select(WorkingCalendar.id).subquery()


def calendars(workspace: str) -> Select[WorkingCalendar]:
    """Return the query of a workspace's calendars, to be paged."""
    return select(WorkingCalendar).where(WorkingCalendar.workspace == workspace)


async def get_calendar(session: AsyncSession, calendar_id: UUID) -> WorkingCalendar:
    """Return a calendar; raises NotFound."""
    return await resources.get(session, WorkingCalendar, WorkingCalendar.id == calendar_id)


async def lock_calendar(session: AsyncSession, calendar_id: UUID, expected: Precondition) -> WorkingCalendar:
    """Lock and return a calendar in the version expected; raises NotFound, StaleVersion."""
    named = WorkingCalendar.id == calendar_id
    return await resources.lock_for_change(session, WorkingCalendar, named, expected=expected)


async def find_calendars(session: AsyncSession, ids: Collection[UUID]) -> Sequence[WorkingCalendar]:
    """Return those of some calendars that are there."""
    if not ids:
        return ()
    query = calendars(context_of(session).workspace).where(WorkingCalendar.id.in_(ids))
    return (await session.scalars(query)).all()
