"""Table of alert rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Interval, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json


class AlertRule(Resource, Base):
    """Which events fire an alert, and which end it."""

    NOUN = "alert rule"
    __tablename__ = "alert_rule"
    __table_args__ = (
        CheckConstraint("cardinality(event_types) > 0", name="event_types"),
        UniqueConstraint("workspace", "name"),
    )

    name: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    resolve_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    when: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    labels: Mapped[dict[str, str]] = mapped_column(Json)
    labels_from: Mapped[dict[str, str]] = mapped_column(Json)
    annotations: Mapped[dict[str, str]] = mapped_column(Json)
    annotations_from: Mapped[dict[str, str]] = mapped_column(Json)
    incident_from: Mapped[str | None] = mapped_column(Text)
    resolve_after: Mapped[timedelta | None] = mapped_column(Interval)

    def audited(self) -> dict[str, Any]:
        """Return what it hears; of what it says that it is something else."""
        return {
            "name": redaction.text(self.name),
            "enabled": self.enabled,
            "event_types": self.event_types,
            "resolve_types": self.resolve_types,
            "when": redaction.text(self.when),
            "labels": redaction.text(self.labels),
            "labels_from": redaction.text(self.labels_from),
            "annotations": redaction.text(self.annotations),
            "annotations_from": redaction.text(self.annotations_from),
            "incident_from": self.incident_from,
            "resolve_after_seconds": self.resolve_after and self.resolve_after.total_seconds(),
        }
