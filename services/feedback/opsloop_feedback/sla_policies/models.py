"""The table of policies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Interval, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_feedback.tables import Base


class SlaPolicy(Resource, Base):
    """Within how much working time posts are answered and resolved; policies are asked by `position`."""

    NOUN = "policy"
    __tablename__ = "sla_policy"
    __table_args__ = (
        CheckConstraint("approaching_percent BETWEEN 1 AND 99", name="approaching_percent"),
        CheckConstraint("coalesce(first_reply, next_reply, resolution) IS NOT NULL", name="target"),
        Index("ix_sla_policy_workspace_position", "workspace", "position", "id"),
        Index("ix_sla_policy_calendar_id", "calendar_id"),
    )

    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
    enabled: Mapped[bool]
    when: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    calendar_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("working_calendar.id", ondelete="RESTRICT"))
    first_reply: Mapped[timedelta | None] = mapped_column(Interval)
    next_reply: Mapped[timedelta | None] = mapped_column(Interval)
    resolution: Mapped[timedelta | None] = mapped_column(Interval)
    approaching_percent: Mapped[int]

    def audited(self) -> dict[str, Any]:
        """Return what it promises; of its name and conditions that they are others."""
        return {
            "name": redaction.text(self.name),
            "position": self.position,
            "enabled": self.enabled,
            "when": redaction.text(self.when),
            "calendar_id": self.calendar_id,
            "first_reply_seconds": self.first_reply and self.first_reply.total_seconds(),
            "next_reply_seconds": self.next_reply and self.next_reply.total_seconds(),
            "resolution_seconds": self.resolution and self.resolution.total_seconds(),
            "approaching_percent": self.approaching_percent,
        }
