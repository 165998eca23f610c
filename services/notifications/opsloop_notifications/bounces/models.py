"""The table of what was reported about mails."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import check_in
from opsloop_common.ids import uuid7
from opsloop_notifications.bounces.rules import Kind, Source
from opsloop_notifications.tables import Base, Moment


class MailReport(Base):
    """One report about an address, once; `detail`, which may name it, only beside the person whose mail it was."""

    __tablename__ = "mail_report"
    __table_args__ = (
        check_in("type", Kind),
        check_in("source", Source),
        UniqueConstraint("workspace", "key"),
        Index("ix_mail_report_newest", "workspace", "id"),
        Index("ix_mail_report_address", "workspace", "fingerprint", "reported_at"),
        Index("ix_mail_report_user_id", "workspace", "user_id"),
        Index("ix_mail_report_oldest", "workspace", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    key: Mapped[bytes] = mapped_column(LargeBinary, comment="rules.key: by what a repeated one is known")
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary, comment="the address, as suppressions know it")
    type: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    notification_id: Mapped[UUID | None] = mapped_column(Uuid)
    user_id: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(Text, comment="of RFC 3463")
    detail: Mapped[str | None] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
