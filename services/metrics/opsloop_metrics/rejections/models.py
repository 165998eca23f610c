"""Tables of what was refused."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment
from opsloop_metrics.tables import Base


class Rejection(Base):
    """One message, or one row of a file, that was refused. `raw` and the cell's `value` are null where nobody may keep them.

    `ids` are what may be ids of persons in it, null as long as it or where it is from before they were told.
    """

    __tablename__ = "rejection"
    __table_args__ = (
        Index("ix_rejection_newest", "workspace", "received_at", "id"),
        Index("ix_rejection_import", "import_id", "row", postgresql_where=text("import_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(Moment)
    source: Mapped[str] = mapped_column(Text)
    vendor: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str | None] = mapped_column(Text)
    raw: Mapped[str | None] = mapped_column(Text)
    column: Mapped[str | None] = mapped_column("column_name", Text)
    value: Mapped[str | None] = mapped_column(Text)
    ids: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    import_id: Mapped[UUID | None] = mapped_column(Uuid)
    row: Mapped[int | None] = mapped_column(BigInteger)


class RejectionMinute(Base):
    """How many messages of requests were refused in a minute, also those of which no more is kept."""

    __tablename__ = "rejection_minute"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    minute: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
