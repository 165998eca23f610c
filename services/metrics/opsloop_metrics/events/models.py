"""The store of domain events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, Integer, PrimaryKeyConstraint, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_metrics.tables import Base


class DomainEvent(Base):
    """One domain event of any service; written once, never changed."""

    __tablename__ = "domain_event"
    __table_args__ = (
        PrimaryKeyConstraint("workspace", "event_id"),
        Index("ix_domain_event_type_at", "workspace", "type", "at"),
        Index("ix_domain_event_user_id", "workspace", "user_id", postgresql_where=text("user_id IS NOT NULL")),
        Index("ix_domain_event_unfed", "workspace", "event_id", postgresql_where=text("NOT is_fed")),
    )

    workspace: Mapped[str] = mapped_column(Text)
    event_id: Mapped[UUID] = mapped_column(Uuid)
    type: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    user_id: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    correlationid: Mapped[str] = mapped_column(Text)
    causationdepth: Mapped[int] = mapped_column(Integer)
    traceparent: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    is_fed: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether the store of product events has it; stays false where nothing is captured."""
