"""The table of macros."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_feedback.tables import Base


class Macro(Resource, Base):
    """Several changes of a post that are made as one."""

    NOUN = "macro"
    __tablename__ = "macro"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'pending', 'snoozed', 'resolved', 'closed')", name="status"),
        Index("ix_macro_workspace_id", "workspace", "id"),
    )

    name: Mapped[str] = mapped_column(Text)
    canned_reply_id: Mapped[UUID | None] = mapped_column(Uuid, comment="of one that may be gone")
    note: Mapped[str | None] = mapped_column(Text)
    add_tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    remove_tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    status: Mapped[str | None] = mapped_column(Text)
    team: Mapped[str | None] = mapped_column(Text)
    assignee: Mapped[str | None] = mapped_column(Text)

    def audited(self) -> dict[str, Any]:
        """Return what it does; of words and people that they are others."""
        return {
            "name": redaction.text(self.name),
            "canned_reply_id": self.canned_reply_id,
            "note": redaction.text(self.note),
            "add_tags": redaction.text(self.add_tags),
            "remove_tags": redaction.text(self.remove_tags),
            "status": self.status,
            "team": redaction.text(self.team),
            "assignee": redaction.text(self.assignee),
        }
