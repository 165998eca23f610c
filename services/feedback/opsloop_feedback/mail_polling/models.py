"""The table of how far mailboxes are fetched."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_feedback.imap.rules import Failure
from opsloop_feedback.tables import Base


class MailboxProgress(Base):
    """Up to where a mailbox is fetched, and how that goes."""

    __tablename__ = "mailbox_progress"
    __table_args__ = (
        check_in("failure", Failure),
        CheckConstraint("(uid_validity IS NULL) = (last_uid IS NULL)", name="place"),
        CheckConstraint("(failures = 0) = (failure IS NULL)", name="failures"),
    )

    mailbox_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    uid_validity: Mapped[int | None] = mapped_column(BigInteger)
    last_uid: Mapped[int | None] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(Integer, comment="in a row")
    failure: Mapped[str | None] = mapped_column(Text)
    fetched_at: Mapped[datetime | None] = mapped_column(Moment, comment="when it was last looked at with success")
    next_at: Mapped[datetime] = mapped_column(Moment)
