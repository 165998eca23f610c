"""Tables of silences and inhibition rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json, Moment


class Silence(Resource, Base):
    """Alerts that all `matchers` hold for are not told of for a while."""

    NOUN = "silence"
    __tablename__ = "silence"
    __table_args__ = (
        CheckConstraint("starts_at <= ends_at", name="span"),
        Index("ix_silence_workspace_id", "workspace", "id"),
        Index("ix_silence_workspace_ends_at", "workspace", "ends_at"),
    )

    matchers: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    comment: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)

    def audited(self) -> dict[str, Any]:
        """Return when it holds; of what it is for and why that it is something else."""
        return {
            "matchers": redaction.text(self.matchers),
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "comment": redaction.text(self.comment),
        }


class InhibitionRule(Resource, Base):
    """While an alert of `source` fires, those of `target` with the same `equal` labels are not told of."""

    NOUN = "inhibition rule"
    __tablename__ = "inhibition_rule"
    __table_args__ = (Index("ix_inhibition_rule_workspace_id", "workspace", "id"),)

    name: Mapped[str] = mapped_column(Text)
    source: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    target: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    equal: Mapped[list[str]] = mapped_column(ARRAY(Text))

    def audited(self) -> dict[str, Any]:
        """Return which labels it compares; of the rest that it is something else."""
        return {
            "name": redaction.text(self.name),
            "source": redaction.text(self.source),
            "target": redaction.text(self.target),
            "equal": self.equal,
        }
