"""The tables of bulk changes: what was asked, and what became of each post."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_feedback.bulk_changes.rules import BulkOutcome, Stage
from opsloop_feedback.tables import Base


class BulkChange(Resource, Base):
    """One change of many posts, and how far it is."""

    NOUN = "bulk change"
    __tablename__ = "bulk_change"
    __table_args__ = (check_in("stage", Stage), Index("ix_bulk_change_workspace_id", "workspace", "id"))

    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid), comment="only these; null: all that the filters leave")
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    stage: Mapped[str] = mapped_column(Text)
    upto: Mapped[int] = mapped_column(BigInteger, comment="the newest number when it was asked: what comes later stays")
    job_id: Mapped[UUID | None] = mapped_column(Uuid)
    changed: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(BigInteger, default=0)
    undone: Mapped[int] = mapped_column(BigInteger, default=0)
    skipped: Mapped[int] = mapped_column(BigInteger, default=0)

    def audited(self) -> dict[str, Any]:
        """Return how far it is; of words and people that they are others."""
        return {
            "filters": redaction.text(self.filters),
            "changes": redaction.text(self.changes),
            "stage": self.stage,
            "changed": self.changed,
            "undone": self.undone,
        }


class BulkChangePost(Base):
    """What a bulk change made of one post: what it was and is of each field that differs, or why it was refused."""

    __tablename__ = "bulk_change_post"
    __table_args__ = (check_in("outcome", BulkOutcome),)

    bulk_change_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("bulk_change.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    feedback_id: Mapped[UUID] = mapped_column(Uuid)
    outcome: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB)
    kept: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="fields that somebody changed since, which undoing left alone"
    )
    reason: Mapped[str | None] = mapped_column(Text)
