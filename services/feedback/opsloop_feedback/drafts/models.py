"""The table of drafts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Versioned, check_in
from opsloop_feedback.tables import Base


class FeedbackDraft(Versioned, Base):
    """What somebody has begun to write about a post; it goes with the post."""

    NOUN = "draft"
    __tablename__ = "feedback_draft"
    __table_args__ = (
        check_in("kind", ("reply", "note")),
        Index("ix_feedback_draft_actor", "workspace", "actor"),
    )

    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True)
    actor: Mapped[str] = mapped_column(Text, primary_key=True, comment="whose it is")
    kind: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)

    @property
    def subject(self) -> str:
        """Return the table and the post."""
        return f"feedback_draft/{self.feedback_id}"

    def audited(self) -> dict[str, Any]:
        """Return what it is to become; of what it says only that it is another."""
        return {"kind": self.kind, "body": redaction.text(self.body)}
