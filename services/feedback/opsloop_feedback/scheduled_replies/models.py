"""The table of scheduled replies."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_feedback.scheduled_replies.rules import HeldBecause, ScheduledStatus
from opsloop_feedback.tables import Base


class ScheduledReply(Resource, Base):
    """A reply that is said at a time."""

    NOUN = "scheduled reply"
    __tablename__ = "scheduled_reply"
    __table_args__ = (
        check_in("status", ScheduledStatus),
        check_in("held_because", HeldBecause),
        CheckConstraint("(status = 'sent') = (message_id IS NOT NULL)", name="sent"),
        CheckConstraint("(status = 'held') = (held_because IS NOT NULL)", name="held"),
        UniqueConstraint("message_id"),
        Index("ix_scheduled_reply_feedback_id", "feedback_id", "send_at", "id"),
        Index("ix_scheduled_reply_unsent", "workspace", postgresql_where="status <> 'sent'"),
    )

    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"))
    body: Mapped[str] = mapped_column(Text)
    send_at: Mapped[datetime] = mapped_column(Moment)
    status: Mapped[str] = mapped_column(Text)
    held_because: Mapped[str | None] = mapped_column(Text)
    was_finished: Mapped[bool] = mapped_column(comment="whether its post was when somebody last said when")
    message_id: Mapped[UUID | None] = mapped_column(Uuid, comment="what it became")
    actor: Mapped[str] = mapped_column(Text, comment="who said last what and when")

    def audited(self) -> dict[str, Any]:
        """Return when it goes and what became of it; of what it says only that it is another."""
        return {
            "feedback_id": self.feedback_id,
            "body": redaction.text(self.body),
            "send_at": self.send_at,
            "status": self.status,
            "held_because": self.held_because,
            "message_id": self.message_id,
        }
