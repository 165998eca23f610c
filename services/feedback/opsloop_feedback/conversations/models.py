"""Tables of conversations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_feedback.conversations.rules import Delivery, SaidBy
from opsloop_feedback.tables import Base


class FeedbackMessage(Base):
    """What we say to the author of a feedback or they to us (`reply`), or a note that the author never sees."""

    __tablename__ = "feedback_message"
    __table_args__ = (
        check_in("kind", ("reply", "note")),
        check_in("said_by", SaidBy),
        check_in("delivery", Delivery),
        CheckConstraint("said_by = 'staff' OR kind = 'reply'", name="author"),
        CheckConstraint("(delivery = 'waiting') = (waits_for <> '{}')", name="waits"),
        CheckConstraint("(delivery = 'sent') = (sent_at IS NOT NULL)", name="sent"),
        CheckConstraint("(delivery = 'failed') <= (failure IS NOT NULL)", name="failed"),
        CheckConstraint("delivery = 'none' OR (kind = 'reply' AND said_by = 'staff')", name="goes"),
        Index(
            "uq_feedback_message_external_id",
            "feedback_id",
            "external_id",
            unique=True,
            postgresql_where="external_id IS NOT NULL",
        ),
        Index("ix_feedback_message_newest", "feedback_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    said_by: Mapped[str] = mapped_column(Text)
    # by which the author said it; what it is called there, a Message-ID for example
    channel: Mapped[str | None] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)
    # the feedback whose author it is written to, or who says it: another than its own where that was merged
    addressee_id: Mapped[UUID | None] = mapped_column(Uuid)
    delivery: Mapped[str] = mapped_column(Text)
    # channels from which nothing was heard yet
    waits_for: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    failure: Mapped[str | None] = mapped_column(Text)
