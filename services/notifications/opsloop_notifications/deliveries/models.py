"""Tables of deliveries: the row that people see, its attempts, and the queue that the engine works off."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, UniqueConstraint, Uuid
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import check_in
from opsloop_common.due.claims import due_indexes
from opsloop_common.ids import uuid7
from opsloop_notifications.tables import Base, Json, Moment, QueueColumns


class DeliveryStatus(StrEnum):
    """`pending` has a queue row; the others are over until somebody asks for more."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Standing(StrEnum):
    """Why a line stands: its first was tried as often as anything is, or somebody asked for it."""

    FAILED = "failed"
    MANUAL = "manual"


class Delivery(Base):
    """One event on its way to one endpoint. `document` is null where the event log has it.

    Test events are never in there; an event whose delivery outlasts the log's retention leaves its document here. One that goes in order
    has the event's `stream`, and its place in there.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        check_in("status", DeliveryStatus),
        Index("ix_delivery_webhook_id_id", "webhook_id", "id"),
        Index("ix_delivery_workspace_created_at", "workspace", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    webhook_id: Mapped[UUID] = mapped_column(Uuid)
    event_id: Mapped[UUID] = mapped_column(Uuid)
    event_type: Mapped[str] = mapped_column(Text)
    document: Mapped[str | None] = mapped_column(Text)
    stream: Mapped[str | None] = mapped_column(Text)
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text, default=DeliveryStatus.PENDING)
    failure: Mapped[str | None] = mapped_column(Text)
    attempt_count: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)


class DeliveryAttempt(Base):
    """One call of the endpoint. `request_headers` hold no secret; `response_body` its first bytes.

    `payload` is what was sent where a template made it; else it was the event, or written from it.
    """

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("delivery_id", "number"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    delivery_id: Mapped[UUID] = mapped_column(Uuid)
    number: Mapped[int]
    attempted_at: Mapped[datetime] = mapped_column(Moment)
    duration_ms: Mapped[int]
    status_code: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    request_headers: Mapped[dict[str, Any]] = mapped_column(Json)
    payload: Mapped[str | None] = mapped_column(Text)
    response_body: Mapped[str | None] = mapped_column(Text)
    next_attempt_at: Mapped[datetime | None] = mapped_column(Moment)


class DeliveryQueue(QueueColumns, Base):
    """What is to be delivered; `group_key` is one of the endpoint's (`lines_of`).

    Of a line (`DeliveryLine`) one row is due, which the index holds to; the others wait with no time, by `place`.
    """

    __tablename__ = "delivery_queue"
    __table_args__ = (
        *due_indexes("delivery_queue"),
        Index("ix_delivery_queue_line", "line_id", "place", "id", postgresql_where=sql("line_id IS NOT NULL")),
        Index(
            "uq_delivery_queue_first_of_line",
            "line_id",
            unique=True,
            postgresql_where=sql("line_id IS NOT NULL AND due_at IS NOT NULL"),
        ),
    )

    line_id: Mapped[UUID | None] = mapped_column(Uuid)
    place: Mapped[int | None] = mapped_column(BigInteger)


class DeliveryLine(Base):
    """What one endpoint gets of one stream, one after the other; there as long as something waits, or it stands.

    Whoever adds to a line or ends what is in there holds its row. It stands at `delivery_id` since `parked_at`.
    """

    __tablename__ = "delivery_line"
    __table_args__ = (
        UniqueConstraint("webhook_id", "stream"),
        check_in("reason", Standing),
        CheckConstraint("(parked_at IS NULL) = (reason IS NULL)", name="parked_at"),
        Index("ix_delivery_line_webhook_id_id", "webhook_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    webhook_id: Mapped[UUID] = mapped_column(Uuid)
    stream: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    parked_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str | None] = mapped_column(Text)
    delivery_id: Mapped[UUID | None] = mapped_column(Uuid)
