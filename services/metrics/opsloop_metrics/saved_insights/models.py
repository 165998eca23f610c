"""The table of saved insights."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_metrics.saved_insights.rules import InsightKind
from opsloop_metrics.tables import Base


class SavedInsight(Resource, Base):
    """A question about a product's events that somebody will ask again."""

    NOUN = "insight"
    __tablename__ = "saved_insight"
    __table_args__ = (check_in("kind", InsightKind), Index("ix_saved_insight_newest", "workspace", "id"))

    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    query: Mapped[dict[str, Any]] = mapped_column(JSONB)

    def audited(self) -> dict[str, Any]:
        """Return its kind; of what somebody wrote, and of whom they ask for, that it is something else."""
        return {
            "kind": self.kind,
            "name": redaction.text(self.name),
            "description": redaction.text(self.description),
            "query": redaction.text(self.query),
        }
