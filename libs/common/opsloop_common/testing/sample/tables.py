"""The base of the sample service's tables, and notes: one table for whatever tests write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import MetaData, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource
from opsloop_common.plumbing import NAMING


class Base(DeclarativeBase):
    """Tables of the sample service."""

    metadata = MetaData(naming_convention=NAMING)


class Note(Resource, Base):
    """Something written down."""

    NOUN = "note"
    __tablename__ = "note"

    text: Mapped[str] = mapped_column(Text)
    # tests write notes in many ways, without the clock of a service
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    def audited(self) -> dict[str, Any]:
        """Return that it says something else."""
        return {"text": redaction.text(self.text)}
