"""Table of heartbeats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Interval, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json, Moment


class Heartbeat(Resource, Base):
    """A job that says `every` so often that it lives. A beat changes `beat_at` alone, and makes no version."""

    NOUN = "heartbeat"
    __tablename__ = "heartbeat"
    __table_args__ = (
        CheckConstraint("every > interval '0' AND grace >= interval '0'", name="times"),
        UniqueConstraint("workspace", "name"),
    )

    name: Mapped[str] = mapped_column(Text)
    every: Mapped[timedelta] = mapped_column(Interval)
    grace: Mapped[timedelta] = mapped_column(Interval)
    labels: Mapped[dict[str, str]] = mapped_column(Json)
    enabled: Mapped[bool]
    beat_at: Mapped[datetime | None] = mapped_column(Moment)

    def audited(self) -> dict[str, Any]:
        """Return how often it is waited for; of what it says that it is something else."""
        return {
            "name": redaction.text(self.name),
            "every_seconds": self.every.total_seconds(),
            "grace_seconds": self.grace.total_seconds(),
            "labels": redaction.text(self.labels),
            "enabled": self.enabled,
        }
