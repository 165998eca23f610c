"""Tables of alerts and of what happened to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_common.ids import uuid7
from opsloop_notifications.alerts.rules import AlertStatus, EntryKind
from opsloop_notifications.tables import Base, Json, Moment


class Alert(Resource, Base):
    """One set of labels, from its first firing on; firing again it is the same alert.

    `ends_at`: when it ends unless it is said again that it fires. `held_at`: since when its end is held back, because it flaps.
    """

    NOUN = "alert"
    __tablename__ = "alert"
    __table_args__ = (
        check_in("status", AlertStatus),
        UniqueConstraint("workspace", "fingerprint"),
        Index("ix_alert_workspace_id", "workspace", "id"),
        Index("ix_alert_workspace_status_id", "workspace", "status", "id"),
        Index("ix_alert_workspace_incident", "workspace", "incident"),
    )

    fingerprint: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    severity: Mapped[str | None] = mapped_column(Text)
    labels: Mapped[dict[str, str]] = mapped_column(Json)
    annotations: Mapped[dict[str, str]] = mapped_column(Json)
    generator_url: Mapped[str] = mapped_column(Text)
    event_type: Mapped[str | None] = mapped_column(Text)
    incident: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime | None] = mapped_column(Moment)
    flapping: Mapped[bool]
    held_at: Mapped[datetime | None] = mapped_column(Moment)
    resolved_at: Mapped[datetime | None] = mapped_column(Moment)
    firings: Mapped[int]
    fired_at: Mapped[list[datetime]] = mapped_column(ARRAY(Moment))
    acknowledged_at: Mapped[datetime | None] = mapped_column(Moment)
    acknowledged_by: Mapped[str | None] = mapped_column(Text)
    assignee: Mapped[str | None] = mapped_column(Text)

    def audited(self) -> dict[str, Any]:
        """Return where it stands, and that somebody has it."""
        return {
            "status": self.status,
            "acknowledged_at": self.acknowledged_at,
            "assignee": redaction.text(self.assignee),
        }


class AlertEntry(Base):
    """One step of an alert's life. The database refuses to change it; only its age takes it away."""

    __tablename__ = "alert_entry"
    __table_args__ = (
        check_in("kind", EntryKind),
        Index("ix_alert_entry_alert_id_id", "alert_id", "id"),
        Index("ix_alert_entry_workspace_at", "workspace", "at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    alert_id: Mapped[UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
