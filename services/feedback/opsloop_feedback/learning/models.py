"""Tables of learning: what people corrected, and what was learnt of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Double, Index, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_feedback.learning.rules import FIELDS
from opsloop_feedback.tables import Base


class Correction(Base):
    """What a person says a post is, where triage said something else. It stays when the post is sorted anew."""

    __tablename__ = "triage_correction"
    __table_args__ = (
        check_in("field", FIELDS),
        Index("ix_triage_correction_newest", "workspace", "field", "corrected_at"),
    )

    feedback_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    field: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text, comment="what triage said; '' is no area")
    label: Mapped[str] = mapped_column(Text)
    corrected_by: Mapped[str] = mapped_column(Text)
    corrected_at: Mapped[datetime] = mapped_column(Moment)


class TriageModel(Base):
    """What was learnt of one field, how it compares with the rules, and whether it is believed."""

    __tablename__ = "triage_model"
    __table_args__ = (check_in("field", FIELDS),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    field: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool]
    corrections: Mapped[int] = mapped_column(Integer)
    lessons: Mapped[int] = mapped_column(Integer)
    rules_score: Mapped[float] = mapped_column(Double)
    learner_score: Mapped[float] = mapped_column(Double)
    trained_at: Mapped[datetime] = mapped_column(Moment)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB, deferred=True, deferred_raiseload=True)
