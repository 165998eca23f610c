"""Table of synonyms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_feedback.tables import Base


class SynonymGroup(Resource, Base):
    """Words that mean one thing; a single one keeps a word whole that no dictionary knows."""

    NOUN = "group of synonyms"
    __tablename__ = "synonym_group"
    __table_args__ = (Index("ix_synonym_group_newest", "workspace", "id"),)

    terms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    job_id: Mapped[UUID | None] = mapped_column(Uuid, comment="reads all posts again, since this was last changed")

    def audited(self) -> dict[str, Any]:
        """Return that words are other ones."""
        return {"terms": redaction.text("\n".join(self.terms))}
