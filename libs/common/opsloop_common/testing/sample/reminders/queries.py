"""Everything that reads reminders."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.testing.sample.reminders.models import Reminder
from opsloop_common.testing.sample.reminders.rules import ReminderStatus
from opsloop_common.versions import Precondition

NEWEST_FIRST = (Reminder.id.desc(),)


def reminders(*, status: Sequence[ReminderStatus]) -> Select[Reminder]:
    """Return the query of the workspace's reminders, in one of some statuses if any are given."""
    query = select(Reminder)
    return query.where(Reminder.status.in_(status)) if status else query


async def get_reminder(session: AsyncSession, reminder_id: UUID) -> Reminder:
    """Return a reminder; raises NotFound."""
    return await resources.get(session, Reminder, Reminder.id == reminder_id)


async def lock_reminder(session: AsyncSession, reminder_id: UUID, expected: Precondition) -> Reminder:
    """Lock and return a reminder in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Reminder, Reminder.id == reminder_id, expected=expected)


async def find_and_lock(session: AsyncSession, reminder_id: UUID) -> Reminder | None:
    """Lock and return a reminder, None when it is gone."""
    return await resources.find_for_change(session, Reminder, Reminder.id == reminder_id)
