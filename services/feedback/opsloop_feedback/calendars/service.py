"""Use cases of calendars."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.calendars import queries, rules
from opsloop_feedback.calendars.models import WorkingCalendar
from opsloop_feedback.calendars.rules import Calendar


def _read(row: WorkingCalendar) -> Calendar:
    return rules.read_calendar(row.time_zone, row.week, row.days)


def _whole(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one | {"last_day": one["last_day"] or one["first_day"]} for one in days]


async def create_calendar(session: AsyncSession, fields: Mapping[str, Any]) -> WorkingCalendar:
    """Add a calendar; raises Invalid (422), TooMany."""
    days = _whole(fields["days"])
    rules.require_few(days)
    await take_place(session, queries.CALENDARS, most=limits.CALENDARS_PER_WORKSPACE, what="calendars")
    return resources.create(session, WorkingCalendar, **(dict(fields) | {"days": days}))


async def change_calendar(
    session: AsyncSession, calendar_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> WorkingCalendar:
    """Change a calendar; times that were worked out by it stay. Raises Invalid (422)."""
    calendar = await queries.lock_calendar(session, calendar_id, expected)
    given = dict(changes)
    if "days" in given:
        given["days"] = _whole(given["days"])
        rules.require_few(given["days"])
    with changing(session, calendar, given):
        return calendar


async def delete_calendar(session: AsyncSession, calendar_id: UUID, *, expected: Precondition) -> None:
    """Throw a calendar away; raises Conflict (409) while somebody goes by it."""
    calendar = await queries.lock_calendar(session, calendar_id, expected)
    await resources.delete(session, calendar)
    try:
        await session.flush()  # the references to it are the database's to know
    except IntegrityError as error:
        raise Conflict("A team, a policy or a clock goes by this calendar.") from error


async def due_after(
    session: AsyncSession, calendar_id: UUID, start: datetime, working: timedelta
) -> tuple[datetime | None, bool]:
    """Return when so much working time has passed since a moment, and whether that is working time; raises NotFound."""
    calendar = _read(await queries.get_calendar(session, calendar_id))
    return rules.due_at(calendar, start, working), rules.is_open(calendar, start)


async def read_calendars(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Calendar]:
    """Return the calendars of some ids; those that are gone are left out."""
    return {row.id: _read(row) for row in await queries.find_calendars(session, ids)}


async def require_calendar(session: AsyncSession, calendar_id: UUID | None, pointer: str) -> None:
    """Raise Invalid (422) for what is no calendar of the workspace."""
    if calendar_id is not None and not await queries.find_calendars(session, [calendar_id]):
        raise Invalid(pointer, "is no calendar of this workspace")
