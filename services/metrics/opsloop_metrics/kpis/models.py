"""KPIs, reported values, monitors."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    Interval,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, Resource, check_in
from opsloop_common.ids import uuid7
from opsloop_metrics.kpis.rules import ConditionType, Direction, State
from opsloop_metrics.tables import Base


class Kpi(Resource, Base):
    """A number that somebody cares for. Its row's lock is taken first by whatever changes it, its monitors or their state."""

    NOUN, BY = "KPI", "key"
    __tablename__ = "kpi"
    __table_args__ = (
        UniqueConstraint("workspace", "key"),
        check_in("direction", Direction),
        Index("ix_kpi_newest", "workspace", "created_at", "id"),
    )

    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    unit: Mapped[str | None] = mapped_column(Text)
    direction: Mapped[str] = mapped_column(Text)
    target: Mapped[float | None] = mapped_column(Double)
    target_met: Mapped[bool] = mapped_column(
        Boolean, default=False, comment="kpi.target_reached was sent for this crossing"
    )
    measure: Mapped[dict[str, Any]] = mapped_column(JSONB)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="what the measure reads")

    def audited(self) -> dict[str, Any]:
        """Return the definition."""
        return {
            "key": self.key,
            "name": self.name,
            "owner": self.owner,
            "unit": self.unit,
            "direction": self.direction,
            "target": self.target,
            "measure": self.measure,
        }


class KpiValue(Base):
    """A reported value. One a moment: reporting for the same moment again corrects it."""

    __tablename__ = "kpi_value"
    __table_args__ = (UniqueConstraint("kpi_id", "at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    kpi_id: Mapped[UUID] = mapped_column(ForeignKey("kpi.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Moment)
    value: Mapped[float] = mapped_column(Double)
    reported_by: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(Moment)


class Monitor(Resource, Base):
    """What to watch a KPI for, and where its state machine is."""

    NOUN = "monitor"
    __tablename__ = "monitor"
    __table_args__ = (
        check_in("condition_type", get_args(ConditionType)),
        CheckConstraint("(condition_type = 'threshold') = (operator IS NOT NULL)", name="operator"),
        CheckConstraint("(condition_type = 'threshold') = (threshold IS NOT NULL)", name="threshold"),
        check_in("state", State),
        CheckConstraint(
            "(state IN ('recovering', 'no_data', 'breached')) = (incident_id IS NOT NULL)", name="incident_id"
        ),
        CheckConstraint("min_count >= 1", name="min_count"),
        Index("ix_monitor_kpi_id", "kpi_id"),
    )

    kpi_id: Mapped[UUID] = mapped_column(ForeignKey("kpi.id", ondelete="CASCADE"))
    condition_type: Mapped[str] = mapped_column(Text)
    operator: Mapped[str | None] = mapped_column(Text)
    threshold: Mapped[float | None] = mapped_column(Double)
    window: Mapped[timedelta | None] = mapped_column(Interval)
    hold_for: Mapped[timedelta] = mapped_column(Interval)
    keep_firing_for: Mapped[timedelta] = mapped_column(Interval)
    min_count: Mapped[int] = mapped_column(Integer)
    severity: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(Text, default="ok")
    since: Mapped[datetime] = mapped_column(Moment)
    bad_since: Mapped[datetime | None] = mapped_column(Moment)
    good_since: Mapped[datetime | None] = mapped_column(Moment)
    value: Mapped[float | None] = mapped_column(Double)
    incident_id: Mapped[UUID | None] = mapped_column(Uuid)
    evaluated_at: Mapped[datetime | None] = mapped_column(Moment)
    not_before: Mapped[datetime | None] = mapped_column(Moment, comment="earliest next evaluation, to coalesce events")

    def audited(self) -> dict[str, Any]:
        """Return what is watched for, not what was seen."""
        return {
            "kpi_id": self.kpi_id,
            "condition_type": self.condition_type,
            "operator": self.operator,
            "threshold": self.threshold,
            "window": self.window,
            "hold_for": self.hold_for,
            "keep_firing_for": self.keep_firing_for,
            "min_count": self.min_count,
            "severity": self.severity,
            "enabled": self.enabled,
        }
