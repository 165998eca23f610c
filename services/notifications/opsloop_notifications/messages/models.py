"""Tables of messages to people."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import check_in
from opsloop_common.due.claims import due_indexes
from opsloop_common.ids import uuid7
from opsloop_notifications.tables import Base, Json, Moment, QueueColumns


class NotificationStatus(StrEnum):
    """`sent`: the mail server took it, or it lies in the inbox. `gathered`: it stands in a digest, whose own row says the rest."""

    PENDING = "pending"
    SENT = "sent"
    GATHERED = "gathered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Message(Base):
    """What is said to many, in its locales, kept once; and what caused it, for the events about it."""

    __tablename__ = "message"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    campaign_id: Mapped[UUID | None] = mapped_column(Uuid)
    template: Mapped[str | None] = mapped_column(Text, comment="the key of what it was written with")
    template_version: Mapped[int | None]
    is_test: Mapped[bool] = mapped_column(default=False)
    topic: Mapped[str] = mapped_column(Text)
    digest_key: Mapped[str | None] = mapped_column(Text, comment="tells digests of a topic apart")
    time_zone: Mapped[str] = mapped_column(Text, comment="the workspace's")
    contents: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    cause: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Moment)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    cancelled_at: Mapped[datetime | None] = mapped_column(Moment)
    heard: Mapped[int | None] = mapped_column(BigInteger, comment="sequence of its campaign's last word")


class Notification(Base):
    """What became of one message to one person by one channel; `address` and `locale` as they were when it was asked for."""

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("workspace", "message_id", "user_id", "channel"),
        check_in("status", NotificationStatus),
        CheckConstraint("(status = 'failed') = (reason IS NOT NULL)", name="reason"),
        Index("ix_notification_campaign_id", "campaign_id", "id"),
        Index("ix_notification_workspace", "workspace", "id"),
        Index("ix_notification_digest", "digest_id", "id", postgresql_where=text("digest_id IS NOT NULL")),
        Index("ix_notification_user_id", "workspace", "user_id"),
        Index("ix_notification_message", "workspace", "message_id", "status"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    message_id: Mapped[UUID] = mapped_column(Uuid)
    campaign_id: Mapped[UUID | None] = mapped_column(Uuid)
    user_id: Mapped[str] = mapped_column(Text)
    topic: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text, comment="of the content that was chosen")
    status: Mapped[str] = mapped_column(Text, default=NotificationStatus.PENDING)
    reason: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    attempt_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment)
    deferred_until: Mapped[datetime | None] = mapped_column(Moment, comment="the person is left alone until then")
    digest_id: Mapped[UUID | None] = mapped_column(Uuid, comment="the digest that it is held for, or stands in")
    finished_at: Mapped[datetime | None] = mapped_column(Moment)


class NotificationQueue(QueueColumns, Base):
    """What is to be mailed; `group_key` is the workspace, so that one large campaign does not hold up the others."""

    __tablename__ = "notification_queue"
    __table_args__ = due_indexes("notification_queue")

    is_paused: Mapped[bool] = mapped_column(default=False, comment="with its message; then it is due at no time")
