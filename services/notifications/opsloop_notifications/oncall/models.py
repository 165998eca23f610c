"""Tables of schedules and overrides."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json, Moment


class Schedule(Resource, Base):
    """Who is on call when. Of its rotations the last that has begun counts, unless an override holds."""

    NOUN = "schedule"
    __tablename__ = "schedule"
    __table_args__ = (Index("ix_schedule_workspace_id", "workspace", "id"),)

    name: Mapped[str] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(Text)
    rotations: Mapped[list[dict[str, Any]]] = mapped_column(Json)

    def audited(self) -> dict[str, Any]:
        """Return where its clock is; of who takes turns that it is somebody else."""
        return {
            "name": redaction.text(self.name),
            "time_zone": self.time_zone,
            "rotations": redaction.text(self.rotations),
        }


class ScheduleOverride(Resource, Base):
    """Somebody takes over for a while."""

    NOUN = "override"
    __tablename__ = "schedule_override"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="span"),
        Index("ix_schedule_override_workspace_schedule", "workspace", "schedule_id", "id"),
    )

    schedule_id: Mapped[UUID] = mapped_column(Uuid)
    user_id: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)

    def audited(self) -> dict[str, Any]:
        """Return when it holds; of who takes over that it is somebody."""
        return {
            "schedule_id": self.schedule_id,
            "user_id": redaction.text(self.user_id),
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
        }
