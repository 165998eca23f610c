"""The table of reminders."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_common.testing.sample.reminders.rules import ReminderStatus
from opsloop_common.testing.sample.tables import Base


class Reminder(Resource, Base):
    """Something that somebody wants to be told again."""

    NOUN = "reminder"
    __tablename__ = "reminder"
    __table_args__ = (check_in("status", ReminderStatus), Index("ix_reminder_newest", "workspace", "id"))

    text: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    remind_at: Mapped[datetime] = mapped_column(Moment)

    def audited(self) -> dict[str, Any]:
        """Return where it stands; of what somebody wrote that it is something else."""
        return {"text": redaction.text(self.text), "status": self.status, "remind_at": self.remind_at}
