"""Tables of segments and their members."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_metrics.segments.rules import SegmentKind
from opsloop_metrics.tables import Base


class Segment(Resource, Base):
    """A group of people. `bucket` of `buckets` is the next one of the refresh under way, which sees the world `as_of` an instant."""

    NOUN = "segment"
    __tablename__ = "segment"
    __table_args__ = (
        check_in("kind", SegmentKind),
        CheckConstraint("(kind = 'dynamic') = (definition IS NOT NULL)", name="definition"),
        CheckConstraint("(as_of IS NULL) = (buckets IS NULL)", name="as_of"),
        CheckConstraint("bucket >= 0 AND (buckets IS NULL OR bucket < buckets)", name="bucket"),
        Index("ix_segment_newest", "workspace", "id"),
    )

    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    definition: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    size: Mapped[int] = mapped_column(Integer, comment="members when it was refreshed or changed last")
    refreshed_at: Mapped[datetime | None] = mapped_column(Moment, comment="the instant that its members are of")
    error: Mapped[str | None] = mapped_column(Text, comment="why the last refresh did not come to its end")
    job_id: Mapped[UUID | None] = mapped_column(Uuid)
    as_of: Mapped[datetime | None] = mapped_column(Moment)
    is_stale: Mapped[bool] = mapped_column(comment="it, or what it asks for, changed since its refresh began")
    bucket: Mapped[int] = mapped_column(Integer)
    buckets: Mapped[int | None] = mapped_column(Integer)

    def audited(self) -> dict[str, Any]:
        """Return its kind; of what somebody wrote, and of whom they ask for, that it is something else."""
        return {
            "kind": self.kind,
            "name": redaction.text(self.name),
            "description": redaction.text(self.description),
            "definition": redaction.text(self.definition),
        }


class SegmentMember(Base):
    """Somebody is in a segment. Of a segment that was thrown away its members go little by little."""

    __tablename__ = "segment_member"
    __table_args__ = (
        Index("ix_segment_member_entered", "segment_id", "entered_at", "person_id"),
        Index("ix_segment_member_user_id", "workspace", "user_id"),
    )

    segment_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str] = mapped_column(Text)
    entered_at: Mapped[datetime] = mapped_column(Moment)
