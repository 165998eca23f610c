"""The table of views."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_feedback.filters.rules import Sort
from opsloop_feedback.tables import Base


class View(Resource, Base):
    """Which posts somebody looks at again and again, and in which order."""

    NOUN = "view"
    __tablename__ = "feedback_view"
    __table_args__ = (check_in("sort", Sort), Index("ix_feedback_view_workspace_id", "workspace", "id"))

    name: Mapped[str] = mapped_column(Text)
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sort: Mapped[str] = mapped_column(Text)
    is_shared: Mapped[bool]
    owner: Mapped[str] = mapped_column(
        Text, comment="whose it is: a person, or whoever speaks by a key, also by the next one"
    )

    def audited(self) -> dict[str, Any]:
        """Return its order and who sees it; of what it asks for, words and people, that it is another."""
        return {
            "name": redaction.text(self.name),
            "filters": redaction.text(self.filters),
            "sort": self.sort,
            "is_shared": self.is_shared,
        }
