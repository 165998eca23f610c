"""The table of dashboards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_metrics.tables import Base


class Dashboard(Resource, Base):
    """Saved insights that are looked at together. A tile is {insight_id, width}; its insight may be gone meanwhile."""

    NOUN = "dashboard"
    __tablename__ = "dashboard"
    __table_args__ = (Index("ix_dashboard_newest", "workspace", "id"),)

    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    tiles: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    def audited(self) -> dict[str, Any]:
        """Return its tiles; of what somebody wrote that it is something else."""
        return {
            "name": redaction.text(self.name),
            "description": redaction.text(self.description),
            "tiles": self.tiles,
        }
