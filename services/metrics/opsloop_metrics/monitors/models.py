"""Monitors, and the history of what they saw."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    Interval,
    PrimaryKeyConstraint,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, Resource, check_in
from opsloop_metrics.alarms.rules import ConditionType
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.monitors.rules import State
from opsloop_metrics.tables import Base


class Monitor(Resource, Base):
    """What to watch a KPI for, and where its state machine is."""

    NOUN = "monitor"
    __tablename__ = "monitor"
    __table_args__ = (
        check_in("condition_type", get_args(ConditionType)),
        CheckConstraint("(condition_type IN ('threshold', 'change')) = (operator IS NOT NULL)", name="operator"),
        CheckConstraint(
            "(condition_type IN ('threshold', 'change', 'off_track')) = (threshold IS NOT NULL)", name="threshold"
        ),
        CheckConstraint("(condition_type = 'anomaly') = (unusual IS NOT NULL)", name="unusual"),
        check_in("calendar", Period),
        CheckConstraint('"window" IS NULL OR calendar IS NULL', name="window"),
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
    unusual: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), comment="what an anomaly is")
    window: Mapped[timedelta | None] = mapped_column(Interval)
    calendar: Mapped[str | None] = mapped_column(Text, comment="the period that is the window instead")
    reach: Mapped[timedelta | None] = mapped_column(Interval, comment="how far back a look goes")
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
    expected: Mapped[float | None] = mapped_column(Double)
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    words: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    judged_at: Mapped[datetime | None] = mapped_column(Moment, comment="the start of the newest bucket that was judged")
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
            "unusual": self.unusual,
            "window": self.window,
            "calendar": self.calendar,
            "hold_for": self.hold_for,
            "keep_firing_for": self.keep_firing_for,
            "min_count": self.min_count,
            "severity": self.severity,
            "enabled": self.enabled,
        }


class Evaluation(Base):
    """What a monitor saw. One row a slot of time and state: the last evaluation in it stands for the others."""

    __tablename__ = "evaluation"
    __table_args__ = (
        PrimaryKeyConstraint("monitor_id", "slot", "state"),
        Index("ix_evaluation_newest", "monitor_id", "at"),
        Index("ix_evaluation_age", "workspace", "at"),
    )

    monitor_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("monitor.id", ondelete="CASCADE"))
    slot: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment)
    value: Mapped[float | None] = mapped_column(Double)
    samples: Mapped[int] = mapped_column(Integer)
