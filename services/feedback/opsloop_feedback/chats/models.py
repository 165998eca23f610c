"""The table of chats."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment
from opsloop_feedback.tables import Base


class Chat(Base):
    """That the author of a feedback is, or was, at the other end; what they say are messages of the feedback."""

    __tablename__ = "chat"
    __table_args__ = (
        CheckConstraint("said BETWEEN 1 AND 500", name="said"),
        Index("ix_chat_workspace_open", "workspace", "started_at", postgresql_where="ended_at IS NULL"),
        Index("ix_chat_workspace_newest", "workspace", "feedback_id"),
    )

    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    team_id: Mapped[UUID | None] = mapped_column(Uuid, comment="of a team that may be gone")
    said: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    visitor_typed_at: Mapped[datetime | None] = mapped_column(Moment)
    staff_typed_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
