"""Tables of silences."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, Versioned
from opsloop_metrics.silences.rules import Weekday
from opsloop_metrics.tables import Base


class Mute(Versioned, Base):
    """A monitor keeps quiet until a time; it goes with its monitor."""

    NOUN = "mute"
    __tablename__ = "mute"

    monitor_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("monitor.id", ondelete="CASCADE"), primary_key=True)
    until: Mapped[datetime] = mapped_column(Moment)
    reason: Mapped[str | None] = mapped_column(Text)
    muted_by: Mapped[str] = mapped_column(Text)

    @property
    def subject(self) -> str:
        """Return the table and the monitor."""
        return f"mute/{self.monitor_id}"

    def audited(self) -> dict[str, Any]:
        """Return until when; of the reason that it is another."""
        return {"until": self.until, "reason": redaction.text(self.reason)}


class MaintenanceWindow(Resource, Base):
    """A time in which monitors keep quiet, once or again on days of the week: of KPIs that it names by key or tag, or of all."""

    NOUN = "maintenance window"
    __tablename__ = "maintenance_window"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="ends_at"),
        CheckConstraint(
            f"repeats_on <@ ARRAY[{', '.join(repr(str(day)) for day in Weekday)}]::text[]", name="repeats_on"
        ),
        CheckConstraint("last_day IS NULL OR cardinality(repeats_on) > 0", name="last_day"),
        Index("ix_maintenance_window_ends_at", "workspace", "ends_at"),
        Index("ix_maintenance_window_newest", "workspace", "starts_at", "id"),
        Index("ix_maintenance_window_repeating", "workspace", postgresql_where="repeats_on <> '{}'"),
    )

    name: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    kpis: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    repeats_on: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="days of the week, after the first time")
    last_day: Mapped[date | None] = mapped_column(Date, comment="on which it may begin")

    def audited(self) -> dict[str, Any]:
        """Return when and of which KPIs; of the name that it is another."""
        return {
            "name": redaction.text(self.name),
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "kpis": self.kpis,
            "tags": redaction.text(self.tags),
            "repeats_on": self.repeats_on,
            "last_day": self.last_day,
        }
