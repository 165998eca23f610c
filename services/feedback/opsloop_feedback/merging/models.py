"""Table of merges that hold."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment
from opsloop_feedback.tables import Base


class FeedbackMerge(Base):
    """One post was merged into another: as somebody did it, whatever became of that other since.

    `feedback.merged_into_id` says who stands for it in the end. The rows are the way back.
    """

    __tablename__ = "feedback_merge"
    __table_args__ = (
        CheckConstraint("feedback_id <> into_id", name="itself"),
        Index("ix_feedback_merge_into", "workspace", "into_id"),
    )

    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    into_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"))
    status_before: Mapped[str] = mapped_column(Text)
    is_automatic: Mapped[bool]
    actor: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
