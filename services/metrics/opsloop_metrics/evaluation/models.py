"""History of evaluations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Double, ForeignKey, Index, Integer, PrimaryKeyConstraint, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_metrics.tables import Base


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
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    value: Mapped[float | None] = mapped_column(Double)
    samples: Mapped[int] = mapped_column(Integer)
