"""The table of annotations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_metrics.annotations.rules import AnnotationSource
from opsloop_metrics.tables import Base


class Annotation(Resource, Base):
    """Something that happened at a time."""

    NOUN = "annotation"
    __tablename__ = "annotation"
    __table_args__ = (
        check_in("source", AnnotationSource),
        UniqueConstraint("workspace", "event_id"),
        Index("ix_annotation_at", "workspace", "at", "id"),
    )

    at: Mapped[datetime] = mapped_column(Moment)
    text: Mapped[str] = mapped_column(Text)
    link: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    event_id: Mapped[UUID | None] = mapped_column(Uuid, comment="of which the service made it by itself")

    def audited(self) -> dict[str, Any]:
        """Return when and whose; of what somebody wrote that it is something else."""
        return {
            "at": self.at,
            "source": self.source,
            "text": redaction.text(self.text),
            "link": redaction.text(self.link),
        }
