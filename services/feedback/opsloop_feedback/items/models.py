"""The table of items: each is one feedback."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Sequence,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_feedback.states.rules import Status
from opsloop_feedback.tables import Base

# A counter row per workspace would make every post of a workspace wait for the one before; a sequence has gaps instead.
UNFINISHED = "assignee IS NOT NULL AND status IN ('new', 'open', 'pending', 'snoozed')"
DUE = "coalesce(due_at, '9999-12-31 00:00:00+00'::timestamp with time zone)"
"""What is promised for no time comes after all that is: pages are of columns that are never null."""
NUMBER = Sequence("feedback_number", data_type=BigInteger, metadata=Base.metadata)


class Feedback(Resource, Base):
    """One thing that somebody said, and how far we are with it."""

    NOUN = "feedback"
    __tablename__ = "feedback"
    __table_args__ = (
        check_in("kind", get_args(Kind)),
        check_in("severity", get_args(Severity)),
        CheckConstraint("sentiment BETWEEN -1 AND 1", name="sentiment"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        check_in("status", Status),
        CheckConstraint("(status = 'merged') = (merged_into_id IS NOT NULL)", name="merged"),
        CheckConstraint("merged_into_id <> id", name="merged_into_itself"),
        CheckConstraint("affected_users >= 0", name="affected_users"),
        CheckConstraint("voters >= 0", name="voters"),
        UniqueConstraint("workspace", "number"),
        Index(
            "ix_feedback_merged_into",
            "workspace",
            "merged_into_id",
            postgresql_where="merged_into_id IS NOT NULL",
        ),
        Index(
            "ix_feedback_import",
            "workspace",
            "import_id",
            "id",
            postgresql_where="import_id IS NOT NULL",
        ),
        Index("ix_feedback_newest", "workspace", "created_at", "number"),
        Index("ix_feedback_updated", "workspace", "updated_at", "number"),
        Index("ix_feedback_due", "workspace", text(DUE), "number"),
        Index("ix_feedback_severity", "workspace", "severity", "number"),
        Index("ix_feedback_affected", "workspace", "affected_users", "number"),
        Index(
            "ix_feedback_author_user_id",
            "workspace",
            "author_user_id",
            postgresql_where="author_user_id IS NOT NULL",
        ),
        Index("ix_feedback_in_hand", "workspace", "assignee", postgresql_where=UNFINISHED),
        Index(
            "ix_feedback_author_email",
            "workspace",
            text("lower(author_email)"),
            postgresql_where="author_email IS NOT NULL",
        ),
        Index(
            "uq_feedback_external_id",
            "workspace",
            "external_id",  # before the rest, so that the list's filter finds by it
            "source",
            "channel",
            unique=True,
            postgresql_where="external_id IS NOT NULL",
        ),
    )

    # who posts below SQLAlchemy leaves the first version to the database
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    number: Mapped[int] = mapped_column(BigInteger, NUMBER, server_default=NUMBER.next_value())
    status: Mapped[str] = mapped_column(Text, default="new", server_default="new")
    body: Mapped[str] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    sentiment: Mapped[float] = mapped_column(Double)
    triage: Mapped[dict[str, Any]] = mapped_column(JSONB)
    channel: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text, comment="who posted it; 'unattributed' where that was not kept")
    external_id: Mapped[str | None] = mapped_column(Text)
    author_user_id: Mapped[str | None] = mapped_column(Text)
    author_email: Mapped[str | None] = mapped_column(Text)
    author_name: Mapped[str | None] = mapped_column(Text)
    author_verified: Mapped[bool] = mapped_column(comment="false where a browser's key claims who the author is")
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    locale: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    area: Mapped[str | None] = mapped_column(Text)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    assignee: Mapped[str | None] = mapped_column(Text)
    team: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    occurred_at: Mapped[datetime] = mapped_column(Moment)
    first_replied_at: Mapped[datetime | None] = mapped_column(Moment)
    resolved_at: Mapped[datetime | None] = mapped_column(Moment)
    merged_into_id: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("feedback.id"), comment="who stands for it; never one that another stands for"
    )
    affected_users: Mapped[int] = mapped_column(comment="distinct authors of it and of all that it stands for")
    import_id: Mapped[UUID | None] = mapped_column(Uuid, comment="the file that it came with, which may be forgotten")
    voters: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="who else wanted it where it comes from, nobody knows whom"
    )
    source_url: Mapped[str | None] = mapped_column(
        Text, comment="where it was said, as who posted it has it; only shown"
    )
    entered_by: Mapped[str | None] = mapped_column(Text, comment="who wrote down what somebody else said")
    search_text: Mapped[str] = mapped_column(
        Text, deferred=True, deferred_raiseload=True, comment="title and body as triage.rules.searchable folds them"
    )

    @property
    def author(self) -> dict[str, str | bool | None]:
        """Return who said it, as far as we know."""
        return {
            "user_id": self.author_user_id,
            "email": self.author_email,
            "name": self.author_name,
            "verified": self.author_verified,
        }

    def audited(self) -> dict[str, Any]:
        """Return states and labels; of what somebody wrote only that it is another."""
        return {
            "status": self.status,
            "kind": self.kind,
            "severity": self.severity,
            "sentiment": self.sentiment,
            "area": self.area,
            "tags": self.tags,
            "assignee": self.assignee,
            "team": self.team,
            "due_at": self.due_at,
            "merged_into_id": self.merged_into_id,
            "locale": self.locale,
            "title": redaction.text(self.title),
        }
