"""The tables of objectives, key results and check-ins."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Double, ForeignKey, Index, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_common.ids import uuid7
from opsloop_metrics.objectives.rules import GoalState
from opsloop_metrics.tables import Base


class Objective(Resource, Base):
    """What a team wants to reach in a time. Its row's lock is taken first by whatever changes it or its key results."""

    NOUN = "objective"
    __tablename__ = "objective"
    __table_args__ = (
        check_in("state", GoalState),
        CheckConstraint("first_day <= last_day", name="last_day"),
        Index("ix_objective_newest", "workspace", "id"),
        Index("ix_objective_parent_id", "parent_id"),
    )

    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    period: Mapped[str | None] = mapped_column(Text, comment="its name; null where two days were said")
    first_day: Mapped[date] = mapped_column(Date)
    last_day: Mapped[date] = mapped_column(Date)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("objective.id"))
    progress: Mapped[float | None] = mapped_column(Double)
    pace: Mapped[float] = mapped_column(Double)
    state: Mapped[str] = mapped_column(Text)
    judged_at: Mapped[datetime] = mapped_column(Moment)

    def audited(self) -> dict[str, Any]:
        """Return when and whose it is; of what somebody wrote that it is something else."""
        return {
            "title": redaction.text(self.title),
            "description": redaction.text(self.description),
            "owner": redaction.text(self.owner),
            "first_day": self.first_day,
            "last_day": self.last_day,
            "parent_id": self.parent_id,
        }


class KeyResult(Resource, Base):
    """A number by which an objective is measured: a KPI's, or one that people say when they check in."""

    NOUN = "key result"
    __tablename__ = "key_result"
    __table_args__ = (
        check_in("state", GoalState),
        CheckConstraint("start <> target", name="target"),
        CheckConstraint("weight > 0", name="weight"),
        Index("ix_key_result_objective_id", "objective_id", "id"),
        Index("ix_key_result_kpi_id", "kpi_id"),
    )

    objective_id: Mapped[UUID] = mapped_column(ForeignKey("objective.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(Text)
    kpi_id: Mapped[UUID | None] = mapped_column(ForeignKey("kpi.id", ondelete="SET NULL"))
    kpi_key: Mapped[str | None] = mapped_column(Text, comment="stays when the KPI is gone, and names nothing then")
    unit: Mapped[str | None] = mapped_column(Text, comment="the KPI's where one measures it")
    start: Mapped[float] = mapped_column(Double)
    target: Mapped[float] = mapped_column(Double)
    weight: Mapped[float] = mapped_column(Double)
    value: Mapped[float | None] = mapped_column(Double)
    progress: Mapped[float | None] = mapped_column(Double)
    state: Mapped[str] = mapped_column(Text)
    confidence: Mapped[int | None] = mapped_column(Integer, comment="of the latest check-in")

    @property
    def kpi(self) -> str | None:
        """Return the key of the KPI that measures it."""
        return None if self.kpi_id is None else self.kpi_key

    def audited(self) -> dict[str, Any]:
        """Return what it is measured by; of what somebody wrote that it is something else."""
        return {
            "objective_id": self.objective_id,
            "title": redaction.text(self.title),
            "kpi": self.kpi,
            "unit": redaction.text(self.unit),
            "start": self.start,
            "target": self.target,
            "weight": self.weight,
        }


class CheckIn(Base):
    """What somebody said about a key result at a time."""

    __tablename__ = "check_in"
    __table_args__ = (
        CheckConstraint("confidence BETWEEN 1 AND 5", name="confidence"),
        Index("ix_check_in_key_result_id", "key_result_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    key_result_id: Mapped[UUID] = mapped_column(ForeignKey("key_result.id", ondelete="CASCADE"))
    value: Mapped[float | None] = mapped_column(Double)
    confidence: Mapped[int] = mapped_column(Integer)
    note: Mapped[str | None] = mapped_column(Text)
    said_by: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime] = mapped_column(Moment)
