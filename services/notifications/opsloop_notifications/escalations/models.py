"""Tables of escalation policies, and of how far each alert was taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Interval, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json, Moment


class EscalationPolicy(Resource, Base):
    """Whom alerts are taken to, one step after the other, while nobody sees to them. Policies are asked by `position`."""

    NOUN = "escalation policy"
    __tablename__ = "escalation_policy"
    __table_args__ = (
        CheckConstraint("repeats BETWEEN 0 AND 5", name="repeats"),
        Index("ix_escalation_policy_workspace_position", "workspace", "position", "id"),
    )

    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
    matchers: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    repeats: Mapped[int]
    reopens_after: Mapped[timedelta | None] = mapped_column(Interval)

    def audited(self) -> dict[str, Any]:
        """Return how often it repeats; of whom it tells that it is somebody else."""
        return {
            "name": redaction.text(self.name),
            "position": self.position,
            "matchers": redaction.text(self.matchers),
            "steps": redaction.text(self.steps),
            "repeats": self.repeats,
            "reopens_after_seconds": self.reopens_after and self.reopens_after.total_seconds(),
        }


class Escalation(Base):
    """An alert on its way through a policy: `done` steps were taken, and it is looked at again when `looks_at` comes."""

    __tablename__ = "escalation"

    alert_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    policy_id: Mapped[UUID] = mapped_column(Uuid)
    done: Mapped[int]
    looks_at: Mapped[datetime] = mapped_column(Moment)
