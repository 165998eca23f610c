"""The table of clusters."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, Index, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource
from opsloop_feedback.tables import Base


class Cluster(Resource, Base):
    """A topic that several people speak of. Its numbers are those of its members, written with them."""

    NOUN = "cluster"
    __tablename__ = "cluster"
    __table_args__ = (
        CheckConstraint("posts = this_week + before AND posts = s1 + s2 + s3 + s4", name="sums"),
        CheckConstraint("authors BETWEEN 0 AND posts", name="authors"),
        Index("ix_cluster_rising", "workspace", "rising", "id"),
        Index("ix_cluster_posts", "workspace", "posts", "id"),
        Index("ix_cluster_last", "workspace", "last_at", "id"),
    )

    name: Mapped[str | None] = mapped_column(Text, comment="what people call it")
    terms: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="what tells it best, as its posts put it")
    examples: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), comment="posts that are most like all of it")
    posts: Mapped[int] = mapped_column(Integer)
    this_week: Mapped[int] = mapped_column(Integer)
    before: Mapped[int] = mapped_column(Integer)
    authors: Mapped[int] = mapped_column(Integer)
    s1: Mapped[int] = mapped_column(Integer)
    s2: Mapped[int] = mapped_column(Integer)
    s3: Mapped[int] = mapped_column(Integer)
    s4: Mapped[int] = mapped_column(Integer)
    rising: Mapped[float] = mapped_column(Double)
    first_at: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)
    is_dismissed: Mapped[bool]
    came_from_id: Mapped[UUID | None] = mapped_column(Uuid, comment="the one that it was part of")
    merged_into_id: Mapped[UUID | None] = mapped_column(Uuid, comment="the one that most of it belongs to since")

    def audited(self) -> dict[str, Any]:
        """Return whether it was dismissed; of what people call it, that it is another."""
        return {"name": redaction.text(self.name), "is_dismissed": self.is_dismissed}
