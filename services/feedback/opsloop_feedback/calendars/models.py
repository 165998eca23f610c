"""The table of calendars."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_feedback.tables import Base


class WorkingCalendar(Resource, Base):
    """When is worked: windows of the week, and days that are unlike their weekday."""

    NOUN = "calendar"
    __tablename__ = "working_calendar"
    __table_args__ = (Index("ix_working_calendar_workspace_id", "workspace", "id"),)

    name: Mapped[str] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(Text)
    week: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    days: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    def audited(self) -> dict[str, Any]:
        """Return when is worked; of names that they are others."""
        named = [one["name"] for one in self.days]
        return {
            "name": redaction.text(self.name),
            "time_zone": self.time_zone,
            "week": self.week,
            "days": [{key: value for key, value in one.items() if key != "name"} for one in self.days],
            "names_of_days": redaction.text(named),
        }
