"""Tables of files of posts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_feedback.feedback_imports.rules import FileType, Stage
from opsloop_feedback.import_formats.rules import Format
from opsloop_feedback.tables import Base


class FeedbackImport(Base):
    """A file of posts: what it is, how far it was read, and what its rows came to."""

    __tablename__ = "feedback_import"
    __table_args__ = (
        check_in("format", Format),
        check_in("type", FileType),
        check_in("stage", Stage),
        Index("ix_feedback_import_newest", "workspace", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    tag: Mapped[str | None] = mapped_column(Text, comment="that all its posts get")
    format: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="of a CSV, as its first row has them")
    mapping: Mapped[dict[str, str]] = mapped_column(JSONB, comment="the fields of columns, as somebody named them")
    channel: Mapped[str | None] = mapped_column(Text, comment="of all posts, whatever the file says")
    source: Mapped[str] = mapped_column(Text, comment="whose the posts are: the key's that brought the file")
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
    existing: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    removed: Mapped[int] = mapped_column(BigInteger, comment="taken back by an undo")
    kept: Mapped[int] = mapped_column(BigInteger, comment="left by an undo, since people worked on them")


class FeedbackImportError(Base):
    """A row of a file that was refused. What stood in it is not kept."""

    __tablename__ = "feedback_import_error"

    import_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("feedback_import.id", ondelete="CASCADE"), primary_key=True
    )
    row: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    field: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)


class FeedbackImportKey(Base):
    """A post that a dry run met, by a digest of its key, so that the next row of the same is known. Gone with the end of the run."""

    __tablename__ = "feedback_import_key"

    import_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("feedback_import.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
