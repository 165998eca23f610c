"""Tables of routing rules, and of whose turn it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Interval, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_feedback.routing_rules.rules import Pick
from opsloop_feedback.tables import Base


class RoutingRule(Resource, Base):
    """Which team and who gets posts; rules are asked by `position`."""

    NOUN = "routing rule"
    __tablename__ = "routing_rule"
    __table_args__ = (
        check_in("pick", Pick),
        CheckConstraint("team_id IS NOT NULL OR assignee IS NOT NULL", name="somebody"),
        CheckConstraint(
            "(escalate_after IS NULL) = (escalate_team_id IS NULL AND escalate_assignee IS NULL)", name="escalation"
        ),
        Index("ix_routing_rule_workspace_position", "workspace", "position", "id"),
    )

    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
    enabled: Mapped[bool]
    when: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    team_id: Mapped[UUID | None] = mapped_column(Uuid, comment="of a team that may be gone")
    assignee: Mapped[str | None] = mapped_column(Text)
    pick: Mapped[str] = mapped_column(Text)
    within_hours: Mapped[bool]
    escalate_after: Mapped[timedelta | None] = mapped_column(Interval)
    escalate_team_id: Mapped[UUID | None] = mapped_column(Uuid)
    escalate_assignee: Mapped[str | None] = mapped_column(Text)

    def audited(self) -> dict[str, Any]:
        """Return how it chooses; of names, people and conditions that they are others."""
        return {
            "name": redaction.text(self.name),
            "position": self.position,
            "enabled": self.enabled,
            "when": redaction.text(self.when),
            "team_id": self.team_id,
            "assignee": redaction.text(self.assignee),
            "pick": self.pick,
            "within_hours": self.within_hours,
            "escalate_after_seconds": self.escalate_after and self.escalate_after.total_seconds(),
            "escalate_team_id": self.escalate_team_id,
            "escalate_assignee": redaction.text(self.escalate_assignee),
        }


class RoutingTurn(Base):
    """When somebody of a team got a post last, in the order of the team's posts."""

    __tablename__ = "routing_turn"

    team_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    turn: Mapped[int] = mapped_column(BigInteger)
