"""One table under row-level security."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Text, Uuid, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from opsloop_common.ids import uuid7
from opsloop_common.plumbing import NAMING


class Base(DeclarativeBase):
    """Tables of the sample service."""

    metadata = MetaData(naming_convention=NAMING)


class Note(Base):
    """Something written down."""

    __tablename__ = "note"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
