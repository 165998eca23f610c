"""Tables of CSAT."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Interval, SmallInteger, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, Versioned
from opsloop_feedback.csat.rules import DELAY, QUIET
from opsloop_feedback.tables import Base


class CsatSettings(Versioned, Base):
    """Whether a workspace asks authors, how long after a post was resolved, and how long it leaves who was asked alone."""

    NOUN = "CSAT settings"
    __tablename__ = "csat_settings"
    __table_args__ = (
        CheckConstraint("delay BETWEEN interval '0' AND interval '30 days'", name="delay"),
        CheckConstraint("quiet BETWEEN interval '0' AND interval '366 days'", name="quiet"),
    )

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=False)
    delay: Mapped[timedelta] = mapped_column(Interval, default=DELAY)
    quiet: Mapped[timedelta] = mapped_column(Interval, default=QUIET)

    @property
    def subject(self) -> str:
        """Return the table and the workspace."""
        return f"csat_settings/{self.workspace}"

    def audited(self) -> dict[str, Any]:
        """Return all of it."""
        seconds = {"delay_seconds": self.delay.total_seconds(), "quiet_seconds": self.quiet.total_seconds()}
        return {"enabled": self.enabled} | seconds


class CsatResponse(Base):
    """One resolution of a post: whether its author was asked what they think of it, and what they said."""

    __tablename__ = "csat_response"
    __table_args__ = (
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
        CheckConstraint("(score IS NULL) = (answered_at IS NULL)", name="answered"),
        CheckConstraint("(score IS NULL) = (changed_at IS NULL)", name="changed"),
        CheckConstraint("comment IS NULL OR score IS NOT NULL", name="comment"),
        CheckConstraint("asked_at IS NOT NULL OR answered_at IS NOT NULL", name="known"),
        UniqueConstraint("feedback_id", "resolved_at"),
        Index(
            "ix_csat_response_answered",
            "workspace",
            "answered_at",
            "id",
            postgresql_where="answered_at IS NOT NULL",
        ),
        Index("ix_csat_response_asked", "workspace", "asked_at", postgresql_where="asked_at IS NOT NULL"),
        Index("ix_csat_response_person", "workspace", "person", "asked_at", postgresql_where="person IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"))
    resolved_at: Mapped[datetime] = mapped_column(Moment, comment="which resolution")
    # as they were when somebody was asked, or answered unasked: who answers later judges the same work
    source: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    assignee: Mapped[str | None] = mapped_column(Text)
    team: Mapped[str | None] = mapped_column(Text)
    person: Mapped[str | None] = mapped_column(Text, comment="who was asked, so that they are left alone for a while")
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    failure: Mapped[str | None] = mapped_column(Text, comment="why the question did not go out")
    score: Mapped[int | None] = mapped_column(SmallInteger)
    comment: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    changed_at: Mapped[datetime | None] = mapped_column(Moment)
