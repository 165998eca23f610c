"""Use cases of schedules: who is on call now, and when others are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Invalid
from opsloop_common.resources import changing
from opsloop_common.turns import breathing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.oncall import queries, rules
from opsloop_notifications.oncall.models import Schedule, ScheduleOverride
from opsloop_notifications.oncall.rules import Override, Rotation, Shift, ShiftUnit

LONGEST_LOOK = timedelta(days=31)
LONGEST_OVERRIDE = timedelta(days=366)


def _rotations(schedule: Schedule) -> list[Rotation]:
    zone = ZoneInfo(schedule.time_zone)
    return [
        Rotation(
            tuple(one["users"]), datetime.fromisoformat(one["begins"]), zone, ShiftUnit(one["unit"]), one["length"]
        )
        for one in schedule.rotations
    ]


def _overrides(rows: Sequence[ScheduleOverride]) -> list[Override]:
    return [Override(row.user_id, row.starts_at, row.ends_at) for row in rows]


async def on_call_now(session: AsyncSession, schedule_id: UUID) -> str | None:
    """Return who is on call by a schedule now, None when nobody is or the schedule is gone."""
    schedule, now = await queries.find_schedule(session, schedule_id), clock_of(session).now()
    if schedule is None:
        return None
    held = await queries.overrides_between(session, schedule_id, now, now)
    found = rules.on_call(_rotations(schedule), _overrides(held), now)
    return found[0] if found is not None else None


async def require_schedule(session: AsyncSession, schedule_id: UUID) -> None:
    """Raise NotFound for what is no schedule of the workspace."""
    await queries.get_schedule(session, schedule_id)


async def shifts_of(
    session: AsyncSession, schedule_id: UUID, since: datetime | None, until: datetime | None
) -> list[Shift]:
    """Return who is on call from a moment (now) until another (a week later); raises NotFound, Invalid (422)."""
    schedule = await queries.get_schedule(session, schedule_id)
    begin = since or clock_of(session).now()
    end = until or begin + timedelta(days=7)
    if not begin < end <= begin + LONGEST_LOOK:
        raise Invalid("/until", f"must be after `since`, by {LONGEST_LOOK.days} days at most")
    held = await queries.overrides_between(session, schedule_id, begin, end)
    found = await breathing(lambda one: one, rules.shifts(_rotations(schedule), _overrides(held), begin, end))
    return [shift for shift in found if shift is not None]


async def create_schedule(session: AsyncSession, fields: Mapping[str, Any]) -> Schedule:
    """Add a schedule; raises TooMany."""
    await take_place(session, queries.SCHEDULES, most=limits.SCHEDULES_PER_WORKSPACE, what="schedules")
    return resources.create(session, Schedule, **fields)


async def change_schedule(
    session: AsyncSession, schedule_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Schedule:
    """Change a schedule; it counts from now on, and for what is asked of the past."""
    schedule = await queries.lock_schedule(session, schedule_id, expected)
    with changing(session, schedule, changes):
        return schedule


async def delete_schedule(session: AsyncSession, schedule_id: UUID, *, expected: Precondition) -> None:
    """Throw a schedule away with its overrides; steps that name it reach nobody."""
    schedule = await queries.lock_schedule(session, schedule_id, expected)
    own = ScheduleOverride.workspace == context_of(session).workspace
    await session.execute(delete(ScheduleOverride).where(own, ScheduleOverride.schedule_id == schedule_id))
    await resources.delete(session, schedule)


async def create_override(session: AsyncSession, schedule_id: UUID, fields: Mapping[str, Any]) -> ScheduleOverride:
    """Have somebody take over; raises NotFound, Invalid (422), TooMany."""
    schedule = await queries.lock_schedule(session, schedule_id, ANY_VERSION)
    now = clock_of(session).now()
    starts_at, ends_at = fields["starts_at"] or now, fields["ends_at"]
    if ends_at <= max(starts_at, now) or ends_at - starts_at > LONGEST_OVERRIDE:
        raise Invalid("/ends_at", f"must be in the future, and within {LONGEST_OVERRIDE.days} days of the beginning")
    place = queries.overrides(schedule.workspace, schedule_id).where(ScheduleOverride.ends_at > now).subquery()
    await take_place(session, place, most=limits.OVERRIDES_PER_SCHEDULE, what="overrides that are not over")
    return resources.create(
        session, ScheduleOverride, **(dict(fields) | {"schedule_id": schedule_id, "starts_at": starts_at})
    )


async def delete_override(
    session: AsyncSession, schedule_id: UUID, override_id: UUID, *, expected: Precondition
) -> None:
    """Throw an override away."""
    await resources.delete(session, await queries.lock_override(session, schedule_id, override_id, expected))
