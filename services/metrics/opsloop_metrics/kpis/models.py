"""KPIs and their reported values."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Double, ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_common.ids import uuid7
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpis.rules import Direction, State
from opsloop_metrics.tables import Base


class Kpi(Resource, Base):
    """A number that somebody cares for. Its row's lock is taken first by whatever changes it, its monitors or their state."""

    NOUN, BY = "KPI", "key"
    __tablename__ = "kpi"
    __table_args__ = (
        UniqueConstraint("workspace", "key"),
        check_in("direction", Direction),
        check_in("period", Period),
        check_in("state", State),
        Index("ix_kpi_newest", "workspace", "created_at", "id"),
        Index("ix_kpi_measure_at", "workspace", "measure_at"),
    )

    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    unit: Mapped[str | None] = mapped_column(Text)
    direction: Mapped[str] = mapped_column(Text)
    target: Mapped[float | None] = mapped_column(Double)
    targets: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, comment="of days; target holds besides")
    period: Mapped[str] = mapped_column(Text, default=Period.DAY)
    state: Mapped[str] = mapped_column(Text, default=State.OK, comment="the worst of its monitors'")
    measure_at: Mapped[datetime | None] = mapped_column(Moment, comment="null: when a value is reported")
    measure_error: Mapped[str | None] = mapped_column(Text)
    target_met: Mapped[bool] = mapped_column(
        Boolean, default=False, comment="kpi.target_reached was sent for this crossing"
    )
    measure: Mapped[dict[str, Any]] = mapped_column(JSONB)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="what the measure reads")

    def audited(self) -> dict[str, Any]:
        """Return the definition; of the measure its type, since its conditions may name somebody, and of the owner that it is another."""
        return {
            "key": self.key,
            "name": self.name,
            "description": redaction.text(self.description),
            "tags": self.tags,
            "owner": redaction.text(self.owner),
            "unit": self.unit,
            "direction": self.direction,
            "target": self.target,
            "targets": self.targets,
            "period": self.period,
            "measure": redaction.Withheld(self.measure, lambda measure: f"({measure['type']})"),
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
