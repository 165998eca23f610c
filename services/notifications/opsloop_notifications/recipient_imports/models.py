"""Tables of files of recipients."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import check_in
from opsloop_notifications.recipient_imports.rules import Format, Stage
from opsloop_notifications.tables import Base, Json, Moment


class RecipientImport(Base):
    """A file of recipients: what it is, how far it was read, and what its rows came to."""

    __tablename__ = "recipient_import"
    __table_args__ = (
        check_in("format", Format),
        check_in("stage", Stage),
        Index("ix_recipient_import_newest", "workspace", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    columns: Mapped[list[str]] = mapped_column(Json, comment="of a CSV, as its first row has them")
    delimiter: Mapped[str | None] = mapped_column(Text)
    consent_source: Mapped[str | None] = mapped_column(Text, comment="of all rows that say none")
    consent_at: Mapped[datetime | None] = mapped_column(Moment)
    is_dry_run: Mapped[bool]
    stage: Mapped[str] = mapped_column(Text)
    job_id: Mapped[UUID | None] = mapped_column(Uuid)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    size: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, comment="null once it was read")
    rows: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[int] = mapped_column(BigInteger)
    existing: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    kept_addresses: Mapped[int] = mapped_column(BigInteger)


class RecipientImportError(Base):
    """A row of a file that was refused. What stood in it is not kept."""

    __tablename__ = "recipient_import_error"

    import_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("recipient_import.id", ondelete="CASCADE"), primary_key=True
    )
    row: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    field: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)


class RecipientImportRow(Base):
    """What a file did to a person, so that it can be undone; gone with the person."""

    __tablename__ = "recipient_import_row"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace", "user_id"], ["recipient.workspace", "recipient.user_id"], ondelete="CASCADE"
        ),
        Index("ix_recipient_import_row_person", "workspace", "user_id"),
    )

    import_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("recipient_import.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(comment="of the recipient, as the file left it")
    before: Mapped[dict[str, Any] | None] = mapped_column(Json, comment="null: nobody knew them")
