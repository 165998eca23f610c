"""The table of clocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Interval, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_common.ids import uuid7
from opsloop_feedback.sla_clocks.rules import ClockStatus, Ticking
from opsloop_feedback.sla_policies.rules import Target
from opsloop_feedback.tables import Base


class SlaClock(Base):
    """A clock of a post, with what was promised when it began. What it says of severity and team is as when it ended."""

    __tablename__ = "sla_clock"
    __table_args__ = (
        check_in("target", Target),
        check_in("status", ClockStatus),
        CheckConstraint("(status = 'running') = (running_since IS NOT NULL)", name="running"),
        CheckConstraint("(status = 'breached') = (breached_at IS NOT NULL)", name="breached"),
        CheckConstraint(
            "status = 'breached' OR (status IN ('met', 'cancelled')) = (ended_at IS NOT NULL)", name="ended"
        ),
        Index("uq_sla_clock_open", "feedback_id", "target", unique=True, postgresql_where="ended_at IS NULL"),
        Index("ix_sla_clock_feedback", "feedback_id", "started_at", "id"),
        Index("ix_sla_clock_calendar_id", "calendar_id", postgresql_where="ended_at IS NULL"),
        Index("ix_sla_clock_met", "workspace", "ended_at", postgresql_where="status = 'met'"),
        Index("ix_sla_clock_breached", "workspace", "breached_at", postgresql_where="status = 'breached'"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"))
    policy_id: Mapped[UUID] = mapped_column(Uuid, comment="of one that may be gone")
    policy: Mapped[str] = mapped_column(Text, comment="its name when the clock began")
    target: Mapped[str] = mapped_column(Text)
    calendar_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("working_calendar.id", ondelete="RESTRICT"))
    allowed: Mapped[timedelta] = mapped_column(Interval)
    warns_after: Mapped[timedelta] = mapped_column(Interval)
    status: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(Moment)
    running_since: Mapped[datetime | None] = mapped_column(Moment)
    spent: Mapped[timedelta] = mapped_column(Interval)
    warns_at: Mapped[datetime | None] = mapped_column(Moment)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    warned_at: Mapped[datetime | None] = mapped_column(Moment)
    breached_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    severity: Mapped[str] = mapped_column(Text)
    team: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int] = mapped_column(BigInteger)

    @property
    def ticking(self) -> Ticking:
        """Return the clock as the rules have it."""
        return Ticking(self.allowed, self.warns_after, self.spent, self.running_since)
