"""The table of canned replies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_feedback.tables import Base


class CannedReply(Resource, Base):
    """What is said to authors again and again: a text for each language."""

    NOUN = "canned reply"
    __tablename__ = "canned_reply"
    __table_args__ = (Index("ix_canned_reply_workspace_id", "workspace", "id"),)

    name: Mapped[str] = mapped_column(Text)
    texts: Mapped[list[dict[str, str]]] = mapped_column(JSONB)

    def audited(self) -> dict[str, Any]:
        """Return in which languages it is; of what it says that it is something else."""
        return {
            "name": redaction.text(self.name),
            "locales": [text["locale"] for text in self.texts],
            "texts": redaction.text(self.texts),
        }
