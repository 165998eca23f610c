"""Tables of templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json, Moment


class Template(Resource, Base):
    """What is said, as it was written last; and which of its versions is sent."""

    NOUN, BY = "template", "key"
    __tablename__ = "template"
    __table_args__ = (
        UniqueConstraint("workspace", "key"),
        CheckConstraint("published_version BETWEEN 1 AND latest_version", name="published_version"),
        Index("ix_template_newest", "workspace", "id"),
    )

    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    contents: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    sample: Mapped[dict[str, Any]] = mapped_column(Json, comment="data to look at it with")
    latest_version: Mapped[int] = mapped_column(default=1)
    published_version: Mapped[int | None] = mapped_column(comment="what messages say; null: nothing yet")

    def audited(self) -> dict[str, Any]:
        """Return what it is called and which version is sent; of the words that they are others."""
        return {
            "key": self.key,
            "name": redaction.text(self.name),
            "contents": redaction.text(self.contents),
            "sample": redaction.text(self.sample),
            "latest_version": self.latest_version,
            "published_version": self.published_version,
        }


class TemplateVersion(Base):
    """What a template said in one of its versions; it never changes."""

    __tablename__ = "template_version"
    __table_args__ = (Index("ix_template_version_newest", "workspace", "template_id", "number"),)

    workspace: Mapped[str] = mapped_column(Text)
    template_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("template.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    contents: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
