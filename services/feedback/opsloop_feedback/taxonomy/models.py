"""The table of areas."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_feedback.tables import Base


class TaxonomyArea(Resource, Base):
    """A part of the product, what it is a part of, and the words by which posts are about it."""

    NOUN = "area"
    __tablename__ = "taxonomy_area"
    __table_args__ = (
        UniqueConstraint("workspace", "name"),
        CheckConstraint("parent_id <> id", name="parent_id"),
        Index("ix_taxonomy_area_parent_id", "parent_id"),
    )

    name: Mapped[str] = mapped_column(Text)
    parent_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("taxonomy_area.id"))
    words: Mapped[list[str]] = mapped_column(ARRAY(Text))

    def audited(self) -> dict[str, Any]:
        """Return where it belongs; of its words that they are others."""
        return {"name": redaction.text(self.name), "parent_id": self.parent_id, "words": redaction.text(self.words)}
