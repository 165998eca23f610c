"""Tables of personas."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, PrimaryKeyConstraint, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Versioned
from opsloop_metrics.personas.rules import FIELDS
from opsloop_metrics.tables import Base


class Persona(Versioned, Base):
    """What the people of a segment are like, as it was written last; it goes with its segment."""

    NOUN = "persona"
    __tablename__ = "persona"

    segment_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    summary: Mapped[str | None] = mapped_column(Text)
    needs: Mapped[list[str]] = mapped_column(JSONB)
    pains: Mapped[list[str]] = mapped_column(JSONB)
    quotes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    @property
    def subject(self) -> str:
        """Return the table and the segment."""
        return f"persona/{self.segment_id}"

    def audited(self) -> dict[str, Any]:
        """Return that what somebody wrote is something else."""
        return {name: redaction.text(getattr(self, name)) for name in FIELDS}


class PersonaVersion(Base):
    """A persona as it was written once, and by whom."""

    __tablename__ = "persona_version"

    segment_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("persona.segment_id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    summary: Mapped[str | None] = mapped_column(Text)
    needs: Mapped[list[str]] = mapped_column(JSONB)
    pains: Mapped[list[str]] = mapped_column(JSONB)
    quotes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    written_at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(Text)


class ErasedFeedback(Base):
    """A post that was emptied, since its author was erased: nobody quotes it again."""

    __tablename__ = "erased_feedback"
    __table_args__ = (PrimaryKeyConstraint("workspace", "feedback_id"),)

    workspace: Mapped[str] = mapped_column(Text)
    feedback_id: Mapped[UUID] = mapped_column(Uuid)
