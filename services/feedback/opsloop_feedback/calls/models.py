"""The table of calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_feedback.calls.rules import CallOutcome, Direction
from opsloop_feedback.tables import Base

OPEN = "callback_due_at IS NOT NULL AND called_back_at IS NULL"


class Call(Resource, Base):
    """A call, with whom it was, and until when they are to be called back."""

    NOUN = "call"
    __tablename__ = "call"
    __table_args__ = (
        check_in("direction", Direction),
        check_in("outcome", CallOutcome),
        CheckConstraint("duration_seconds BETWEEN 0 AND 86400", name="duration_seconds"),
        CheckConstraint("called_back_at IS NULL OR callback_due_at IS NOT NULL", name="called_back"),
        Index("ix_call_workspace_started_at", "workspace", "started_at", "id"),
        Index("ix_call_due", "workspace", "callback_due_at", "id", postgresql_where=OPEN),
        Index("ix_call_feedback_id", "feedback_id"),
        Index("ix_call_user_id", "workspace", "user_id", postgresql_where="user_id IS NOT NULL"),
        Index(
            "uq_call_external_id",
            "workspace",
            "source",
            "external_id",
            unique=True,
            postgresql_where="external_id IS NOT NULL",
        ),
    )

    direction: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(Moment)
    duration_seconds: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    summary: Mapped[str | None] = mapped_column(Text)
    feedback_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="SET NULL"))
    assignee: Mapped[str | None] = mapped_column(Text, comment="who is to call back")
    callback_due_at: Mapped[datetime | None] = mapped_column(Moment)
    called_back_at: Mapped[datetime | None] = mapped_column(Moment)
    source: Mapped[str] = mapped_column(Text, comment="who says so: the source of the key")
    external_id: Mapped[str | None] = mapped_column(Text)

    def audited(self) -> dict[str, Any]:
        """Return what came of it; of who it was, and what was said, only that it is another."""
        return {
            "direction": self.direction,
            "outcome": self.outcome,
            "feedback_id": self.feedback_id,
            "assignee": self.assignee,
            "callback_due_at": self.callback_due_at,
            "called_back_at": self.called_back_at,
            "person": redaction.text(f"{self.user_id} {self.phone} {self.name}"),
            "summary": redaction.text(self.summary),
        }
