"""Tables of attachments."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_feedback.attachments.rules import Picture, State
from opsloop_feedback.tables import Base


class Attachment(Base):
    """A file, from before it is stored until after it is removed: what lies in the store has a row here."""

    __tablename__ = "attachment"
    __table_args__ = (
        check_in("state", State),
        check_in("picture", Picture),
        CheckConstraint("bytes > 0", name="bytes"),
        CheckConstraint("message_id IS NULL OR feedback_id IS NOT NULL", name="message_of_feedback"),
        CheckConstraint("feedback_id IS NULL OR state = 'kept'", name="named_is_kept"),
        Index("ix_attachment_feedback_id", "feedback_id", "id", postgresql_where="feedback_id IS NOT NULL"),
        Index("ix_attachment_message_id", "message_id", postgresql_where="message_id IS NOT NULL"),
        Index("ix_attachment_unnamed", "workspace", "id", postgresql_where="feedback_id IS NULL"),
        Index("ix_attachment_picture_due", "workspace", "id", postgresql_where="picture = 'due'"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text, comment="who uploaded it: the source of the key")
    name: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text, comment="by its content")
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text)
    picture: Mapped[str] = mapped_column(Text, comment="whether there is a small picture of it")
    feedback_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("feedback.id"))
    message_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("feedback_message.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)


class AttachmentUsage(Base):
    """How many bytes the files of a workspace have together."""

    __tablename__ = "attachment_usage"
    __table_args__ = (CheckConstraint("bytes >= 0", name="bytes"),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
