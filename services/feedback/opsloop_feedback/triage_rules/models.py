"""The table of triage rules."""

from __future__ import annotations

from typing import Any, get_args

from sqlalchemy import CheckConstraint, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_feedback.tables import Base


class TriageRule(Resource, Base):
    """Of which posts a team decides something, and what."""

    NOUN = "triage rule"
    __tablename__ = "triage_rule"
    __table_args__ = (
        UniqueConstraint("workspace", "name"),
        check_in("kind", get_args(Kind)),
        check_in("severity", get_args(Severity)),
        CheckConstraint(
            "kind IS NOT NULL OR severity IS NOT NULL OR area IS NOT NULL OR cardinality(add_tags) > 0", name="decides"
        ),
    )

    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(Integer)
    enabled: Mapped[bool]
    when: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    kind: Mapped[str | None] = mapped_column(Text)
    severity: Mapped[str | None] = mapped_column(Text)
    area: Mapped[str | None] = mapped_column(Text)
    add_tags: Mapped[list[str]] = mapped_column(ARRAY(Text))

    @property
    def set(self) -> dict[str, Any]:
        """Return what it decides."""
        return {"kind": self.kind, "severity": self.severity, "area": self.area, "add_tags": self.add_tags}

    def audited(self) -> dict[str, Any]:
        """Return what it decides; of whom, that it is another."""
        return {
            "name": redaction.text(self.name),
            "position": self.position,
            "enabled": self.enabled,
            "when": redaction.text(self.when),
            "kind": self.kind,
            "severity": self.severity,
            "area": self.area,
            "add_tags": self.add_tags,
        }
