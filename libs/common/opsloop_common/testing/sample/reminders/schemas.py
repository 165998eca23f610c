"""HTTP shapes of reminders."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent
from opsloop_common.testing.sample.reminders.rules import ReminderStatus


class ReminderIn(InModel):
    """What to say again, and when."""

    text: ShortText
    remind_at: Timestamp


class ReminderPatch(InModel):
    """What to change; fields left out stay."""

    text: ShortText = Field(default_factory=absent)
    remind_at: Timestamp = Field(default_factory=absent)
    status: Literal[ReminderStatus.WAITING, ReminderStatus.DONE] = Field(default_factory=absent)


class ReminderOut(OutModel):
    """A reminder."""

    id: UUID
    text: str
    remind_at: Timestamp
    status: ReminderStatus
    created_at: Timestamp
    updated_at: Timestamp
