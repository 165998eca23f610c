"""The table of teams."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_feedback.tables import Base


class Team(Resource, Base):
    """People who work on posts together. Posts name it by its name, which therefore stays."""

    NOUN = "team"
    __tablename__ = "team"
    __table_args__ = (
        UniqueConstraint("workspace", "name"),
        Index("ix_team_workspace_id", "workspace", "id"),
        Index("ix_team_calendar_id", "calendar_id"),
    )

    name: Mapped[str] = mapped_column(Text)
    calendar_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("working_calendar.id", ondelete="RESTRICT"))
    members: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    def audited(self) -> dict[str, Any]:
        """Return when it works; of who it is that they are others."""
        return {
            "name": redaction.text(self.name),
            "calendar_id": self.calendar_id,
            "members": redaction.text(self.members),
            "away": sum(one["is_away"] for one in self.members),
        }
