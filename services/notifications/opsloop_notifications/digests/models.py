"""Table of digests."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_notifications.tables import Base, Moment


class Digest(Base):
    """What a person gets of a topic on a channel at the end of one window, in one; its id is that of the message that tells it."""

    __tablename__ = "digest"
    __table_args__ = (
        UniqueConstraint("workspace", "user_id", "channel", "topic", "key", "ends_at"),
        Index("ix_digest_waiting", "workspace", "ends_at", postgresql_where=text("sent_at IS NULL")),
        Index("ix_digest_newest", "workspace", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    topic: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text, comment="of messages that are gathered apart; else empty")
    ends_at: Mapped[datetime] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment, comment="from then on it takes nothing more")
