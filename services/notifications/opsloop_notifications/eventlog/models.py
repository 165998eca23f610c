"""Tables of the event log. `position` is given under the workspace's counter row, so it commits in order."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_notifications.tables import Base, Moment


class EventLogCounter(Base):
    """The last position given in one workspace, and the last that is past its retention."""

    __tablename__ = "event_log_counter"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
    forgotten: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), default=0)


class LoggedEvent(Base):
    """One event as it travelled."""

    __tablename__ = "event_log"
    __table_args__ = (UniqueConstraint("workspace", "event_id"),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event_id: Mapped[UUID] = mapped_column(Uuid)
    type: Mapped[str] = mapped_column(Text)
    document: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(Moment)
