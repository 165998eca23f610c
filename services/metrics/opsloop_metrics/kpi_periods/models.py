"""What KPIs came to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Double, ForeignKey, PrimaryKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment
from opsloop_metrics.tables import Base


class KpiMeasurement(Base):
    """What a KPI came to in a period: as of `at`, which is the period's end once that is over, and before that when it was looked at."""

    __tablename__ = "kpi_measurement"
    __table_args__ = (PrimaryKeyConstraint("kpi_id", "starts_at"),)

    kpi_id: Mapped[UUID] = mapped_column(ForeignKey("kpi.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    workspace: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment)
    value: Mapped[float | None] = mapped_column(Double)
    measured_at: Mapped[datetime] = mapped_column(Moment)
