"""The table of watchers."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment
from opsloop_feedback.tables import Base


class FeedbackWatcher(Base):
    """Somebody who wants to know what becomes of a post."""

    __tablename__ = "feedback_watcher"

    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(Moment)
