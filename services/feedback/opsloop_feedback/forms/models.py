"""Tables of forms."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Date, ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_feedback.forms.rules import Outcome
from opsloop_feedback.tables import Base


class Form(Resource, Base):
    """What a page below `/p/<workspace>/forms/<slug>` asks whoever visits it."""

    NOUN = "form"
    __tablename__ = "form"
    __table_args__ = (
        UniqueConstraint("workspace", "slug"),
        Index("ix_form_workspace_id", "workspace", "id"),
    )

    slug: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool]
    kind: Mapped[str | None] = mapped_column(Text)
    area: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    accent: Mapped[str | None] = mapped_column(Text)
    texts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    fields: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    def audited(self) -> dict[str, Any]:
        """Return what it asks and whether it is open; of words that they are others."""
        return {
            "slug": self.slug,
            "enabled": self.enabled,
            "kind": self.kind,
            "accent": self.accent,
            "locales": [text["locale"] for text in self.texts],
            "asks": [field["ask"] for field in self.fields],
            "name": redaction.text(self.name),
            "labels": redaction.text([self.area, self.tags]),
            "texts": redaction.text(self.texts),
            "fields": redaction.text(self.fields),
        }


class FormDay(Base):
    """How much of what was sent by a form in a day became of it what."""

    __tablename__ = "form_day"
    __table_args__ = (check_in("outcome", Outcome),)

    form_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("form.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    outcome: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    count: Mapped[int] = mapped_column(BigInteger)
