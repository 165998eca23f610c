"""Tables of files of events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_metrics.event_files.rules import Format
from opsloop_metrics.event_imports.rules import Stage
from opsloop_metrics.tables import Base


class EventImport(Base):
    """A file of events: what it is, how far it was read, and what its rows came to."""

    __tablename__ = "event_import"
    __table_args__ = (
        check_in("format", Format),
        check_in("stage", Stage),
        Index("ix_event_import_newest", "workspace", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    columns: Mapped[dict[str, Any]] = mapped_column(JSONB)
    time_zone: Mapped[str] = mapped_column(Text, comment="in which times without an offset are read")
    source: Mapped[str] = mapped_column(Text)
    stage: Mapped[str] = mapped_column(Text)
    job_id: Mapped[UUID | None] = mapped_column(Uuid)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    parts: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    stored: Mapped[int] = mapped_column(BigInteger)
    known: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)


class EventImportRow(Base):
    """How many rows of a file said the same so far, of those without a name of their own; gone once the file was read."""

    __tablename__ = "event_import_row"

    import_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("event_import.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="64 bits of a hash of what they say")
    workspace: Mapped[str] = mapped_column(Text)
    count: Mapped[int] = mapped_column(BigInteger)


class EventImportChunk(Base):
    """A piece of a file, from its byte `start` on; gone once the file was read."""

    __tablename__ = "event_import_chunk"

    import_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("event_import.id", ondelete="CASCADE"), primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    data: Mapped[bytes] = mapped_column(LargeBinary)
