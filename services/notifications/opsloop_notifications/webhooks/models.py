"""Table of webhook endpoints."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.ids import uuid7
from opsloop_notifications.tables import Base, Json, Moment


class WebhookStatus(StrEnum):
    """`deleted` keeps the row for its deliveries' history; the API no longer shows it."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class Webhook(Base):
    """One endpoint. Secrets are sealed; `failing_since` is the first failure after the last success."""

    __tablename__ = "webhook"
    __table_args__ = (
        CheckConstraint("status IN ('enabled', 'disabled', 'deleted')", name="status"),
        CheckConstraint("cardinality(event_types) > 0", name="event_types"),
        Index("ix_webhook_workspace", "workspace", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    filter: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    format: Mapped[str] = mapped_column(Text)
    ordering: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=WebhookStatus.ENABLED)
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    previous_secret: Mapped[str | None] = mapped_column(Text)
    previous_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    failing_since: Mapped[datetime | None] = mapped_column(Moment)
    failures: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
