"""The table of what was asked of addresses."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_notifications.tables import Base, Moment


class Confirmation(Base):
    """How often a mailbox was asked lately whether it is somebody's: many may be said to have one that is a stranger's."""

    __tablename__ = "confirmation"
    __table_args__ = (Index("ix_confirmation_oldest", "workspace", "asked_at"),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(
        LargeBinary, primary_key=True, comment="the address, as suppressions know it"
    )
    person_id: Mapped[UUID] = mapped_column(Uuid, comment="whom it was asked about last")
    asked_at: Mapped[datetime] = mapped_column(Moment)
    since: Mapped[datetime] = mapped_column(Moment, comment="when the day began in which it is counted")
    asked: Mapped[int] = mapped_column(comment="how often in that day")
