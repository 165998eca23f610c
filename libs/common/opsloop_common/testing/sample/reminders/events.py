"""What reminders tell."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from opsloop_common.contracts.envelope import EventData


class ReminderRung(EventData):
    """The time of a reminder has come. What it says is for whoever may read it."""

    type = "reminder.rung"
    aggregate = "reminder"

    reminder_id: UUID
    remind_at: datetime


EVENTS: tuple[type[EventData], ...] = (ReminderRung,)
