"""Tables of calls to the providers of channels."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import check_in
from opsloop_common.due.claims import due_indexes
from opsloop_common.ids import uuid7
from opsloop_notifications.calls.rules import AttemptOutcome
from opsloop_notifications.tables import Base, Moment, QueueColumns


class CallQueue(QueueColumns, Base):
    """Notifications (`id`) that are to be said by a call; `group_key` is the channel, so that one that hangs holds up no other."""

    __tablename__ = "call_queue"
    __table_args__ = (*due_indexes("call_queue"), Index("ix_call_queue_message_id", "workspace", "message_id"))

    message_id: Mapped[UUID] = mapped_column(Uuid)
    is_paused: Mapped[bool] = mapped_column(default=False, comment="with its message; then it is due at no time")
    not_before: Mapped[datetime | None] = mapped_column(Moment, comment="the person is left alone until then")


class CallAttempt(Base):
    """One call, and what came of it. A notification of several browsers has one each."""

    __tablename__ = "call_attempt"
    __table_args__ = (
        check_in("outcome", AttemptOutcome),
        Index("ix_call_attempt_notification_id", "notification_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    notification_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("notification.id", ondelete="CASCADE"))
    channel_id: Mapped[UUID] = mapped_column(Uuid)
    contact_id: Mapped[UUID | None] = mapped_column(Uuid)
    attempted_at: Mapped[datetime] = mapped_column(Moment)
    duration_ms: Mapped[int]
    outcome: Mapped[str] = mapped_column(Text)
    status_code: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(Text, comment="why no answer came")
    detail: Mapped[str | None] = mapped_column(Text, comment="in the provider's words")
    provider_id: Mapped[str | None] = mapped_column(Text, comment="how the provider calls what it took")
