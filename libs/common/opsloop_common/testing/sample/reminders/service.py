"""Use cases of reminders: write, change, throw away, and ring when the time has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, outbox, resources
from opsloop_common.db import clock_of
from opsloop_common.resources import changing, touch
from opsloop_common.testing.sample.reminders import queries, rules
from opsloop_common.testing.sample.reminders.events import ReminderRung
from opsloop_common.testing.sample.reminders.models import Reminder
from opsloop_common.testing.sample.reminders.rules import ReminderStatus
from opsloop_common.versions import Precondition

RING = "sample.ring_reminder"


async def create_reminder(session: AsyncSession, text: str, remind_at: datetime) -> Reminder:
    """Keep a new reminder until its time; raises Invalid (422) for a time that has passed."""
    reminder = resources.create(session, Reminder, text=text, remind_at=remind_at, status=ReminderStatus.WAITING)
    await _plan(session, reminder)
    return reminder


async def change_reminder(
    session: AsyncSession, reminder_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Reminder:
    """Change a reminder; raises IllegalTransition (409). What is so already changes nothing."""
    reminder = await queries.lock_reminder(session, reminder_id, expected)
    with changing(session, reminder, changes) as before:
        if "status" in before:
            rules.require_transition(ReminderStatus(before["status"]), ReminderStatus(reminder.status))
        if before.keys() & {"status", "remind_at"}:
            await _plan(session, reminder)
    return reminder


async def _plan(session: AsyncSession, reminder: Reminder) -> None:
    if reminder.status != ReminderStatus.WAITING:
        await due.cancel(session, RING, str(reminder.id))
        return
    rules.require_ahead(reminder.remind_at, clock_of(session).now())
    await due.schedule(session, RING, str(reminder.id), reminder.remind_at, replace=True)


async def delete_reminder(session: AsyncSession, reminder_id: UUID, *, expected: Precondition) -> None:
    """Throw a reminder away."""
    reminder = await queries.lock_reminder(session, reminder_id, expected)
    await due.cancel(session, RING, str(reminder.id))
    await resources.delete(session, reminder)


async def ring_reminder(session: AsyncSession, reminder_id: UUID) -> None:
    """Say that a reminder's time has come; one that is gone, done or put off meanwhile is left alone."""
    reminder = await queries.find_and_lock(session, reminder_id)
    now = clock_of(session).now()
    if reminder is None or reminder.status != ReminderStatus.WAITING or reminder.remind_at > now:
        return
    reminder.status = ReminderStatus.RUNG
    touch(session, reminder)
    outbox.append(session, ReminderRung(reminder_id=reminder.id, remind_at=reminder.remind_at))
