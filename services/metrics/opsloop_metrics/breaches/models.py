"""Incidents of monitors."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, Interval, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Versioned, check_in
from opsloop_common.ids import uuid7
from opsloop_metrics.breaches.rules import BreachType, Severity
from opsloop_metrics.tables import Base


class Incident(Base):
    """The time from a breach to its end. It outlives its monitor and KPI, so it repeats what they said."""

    __tablename__ = "incident"
    __table_args__ = (
        check_in("type", get_args(BreachType)),
        check_in("severity", get_args(Severity)),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended"),
        Index("uq_incident_open", "monitor_id", unique=True, postgresql_where="ended_at IS NULL"),
        Index("ix_incident_newest", "workspace", "opened_at", "id"),
        Index("ix_incident_kpi_id", "kpi_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    monitor_id: Mapped[UUID] = mapped_column(Uuid)
    kpi_id: Mapped[UUID] = mapped_column(Uuid)
    kpi: Mapped[str] = mapped_column(Text, comment="the KPI's key")
    kpi_name: Mapped[str | None] = mapped_column(
        Text, comment="at the breach; null in incidents from before it was kept"
    )
    type: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    operator: Mapped[str | None] = mapped_column(Text)
    threshold: Mapped[float | None] = mapped_column(Double)
    unit: Mapped[str | None] = mapped_column(Text)
    value: Mapped[float | None] = mapped_column(Double, comment="at the breach")
    expected: Mapped[float | None] = mapped_column(Double)
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    words: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True), comment="by language")
    last_seen_at: Mapped[datetime | None] = mapped_column(Moment)
    started_at: Mapped[datetime] = mapped_column(Moment, comment="when the condition began to hold")
    opened_at: Mapped[datetime] = mapped_column(Moment, comment="when it had held long enough")
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str | None] = mapped_column(Text)
    end_value: Mapped[float | None] = mapped_column(Double)
    window: Mapped[timedelta | None] = mapped_column(Interval, comment="of its monitor, at the breach")
    over_from: Mapped[datetime | None] = mapped_column(Moment, comment="the time whose value it is; null: ever since")
    over_to: Mapped[datetime | None] = mapped_column(Moment, comment="null in incidents from before it was kept")
    beside_from: Mapped[datetime | None] = mapped_column(Moment, comment="the time to compare it with")
    beside_to: Mapped[datetime | None] = mapped_column(Moment)
    explanation: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), comment="null until it is found out; of what cannot be divided for ever"
    )


class Acknowledgement(Versioned, Base):
    """Somebody says that they look after an incident; it goes when they take that back."""

    NOUN = "acknowledgement"
    __tablename__ = "acknowledgement"

    incident_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True)
    acknowledged_by: Mapped[str] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)

    @property
    def subject(self) -> str:
        """Return the table and the incident."""
        return f"acknowledgement/{self.incident_id}"

    def audited(self) -> dict[str, Any]:
        """Return who; of the note that there is one."""
        return {"acknowledged_by": self.acknowledged_by, "note": redaction.text(self.note)}
