"""The tables of competitors, their series and points."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource
from opsloop_metrics.tables import Base


class Competitor(Resource, Base):
    """Somebody whose numbers are worth knowing: another product, or a market."""

    NOUN = "competitor"
    __tablename__ = "competitor"
    __table_args__ = (Index("ix_competitor_newest", "workspace", "id"),)

    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)

    def audited(self) -> dict[str, Any]:
        """Return that what somebody wrote is something else."""
        return {
            "name": redaction.text(self.name),
            "url": redaction.text(self.url),
            "notes": redaction.text(self.notes),
        }


class CompetitorSeries(Resource, Base):
    """A number of a competitor over time, and where it comes from."""

    NOUN, BY = "series", "key"
    __tablename__ = "competitor_series"
    __table_args__ = (
        UniqueConstraint("competitor_id", "key"),
        CheckConstraint("alert_change > 0", name="alert_change"),
        CheckConstraint("(source IS NULL) = (pull_at IS NULL)", name="pull_at"),
        Index("ix_competitor_series_competitor_id", "competitor_id", "id"),
        Index("ix_competitor_series_pull_at", "workspace", "pull_at"),
    )

    competitor_id: Mapped[UUID] = mapped_column(ForeignKey("competitor.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    unit: Mapped[str | None] = mapped_column(Text)
    source: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), comment="null: points are posted")
    alert_change: Mapped[float | None] = mapped_column(Double, comment="null: nobody is told")
    told_at: Mapped[datetime | None] = mapped_column(Moment, comment="the newest point that was told of")
    pull_at: Mapped[datetime | None] = mapped_column(Moment, comment="null: nothing is pulled")
    pulled_at: Mapped[datetime | None] = mapped_column(Moment, comment="the latest try")
    last_error: Mapped[str | None] = mapped_column(Text)

    @property
    def alert(self) -> dict[str, float] | None:
        """Return when somebody is told, as people say it."""
        return None if self.alert_change is None else {"change": self.alert_change}

    def audited(self) -> dict[str, Any]:
        """Return its key and alert; of its address, which may hold a secret, that it is another."""
        return {
            "competitor_id": self.competitor_id,
            "key": self.key,
            "name": redaction.text(self.name),
            "unit": redaction.text(self.unit),
            "source": redaction.text(self.source),
            "alert_change": self.alert_change,
        }


class CompetitorPoint(Base):
    """One number of a series. One a moment: the same moment again corrects it."""

    __tablename__ = "competitor_point"
    __table_args__ = (PrimaryKeyConstraint("series_id", "at"),)

    series_id: Mapped[UUID] = mapped_column(ForeignKey("competitor_series.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Moment)
    workspace: Mapped[str] = mapped_column(Text)
    value: Mapped[float] = mapped_column(Double)
