"""The table of mail that came in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_feedback.mail_in.rules import MailOutcome
from opsloop_feedback.tables import Base


class ReceivedMail(Base):
    """One mail and what became of it. Its words are where they went; of those that are parked it keeps the bytes for a while."""

    __tablename__ = "received_mail"
    __table_args__ = (
        check_in("outcome", MailOutcome),
        CheckConstraint("raw IS NULL OR outcome = 'parked'", name="raw"),
        UniqueConstraint("workspace", "key"),
        Index("ix_received_mail_newest", "workspace", "id"),
        Index("ix_received_mail_mailbox", "mailbox_id", "received_at"),
        Index("ix_received_mail_thread", "workspace", "mail_digest", postgresql_where="feedback_id IS NOT NULL"),
        Index("ix_received_mail_feedback_id", "feedback_id", postgresql_where="feedback_id IS NOT NULL"),
        Index("ix_received_mail_author", "workspace", "author_id", postgresql_where="raw IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    mailbox_id: Mapped[UUID] = mapped_column(Uuid, comment="of one that may be gone")
    key: Mapped[str] = mapped_column(Text, comment="a digest of what it says")
    mail_digest: Mapped[str | None] = mapped_column(Text, comment="of its Message-ID")
    outcome: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    feedback_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("feedback.id"))
    message_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("feedback_message.id"))
    author_id: Mapped[str | None] = mapped_column(
        Text, comment="what somebody is called of whom only the address is known"
    )
    size: Mapped[int] = mapped_column(Integer)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    received_at: Mapped[datetime] = mapped_column(Moment)
