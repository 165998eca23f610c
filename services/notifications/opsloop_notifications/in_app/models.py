"""Tables of in-app inboxes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json, Moment


class InAppInbox(Base):
    """A person's inbox. Each change of an entry takes the next position, under this row's lock: so they become readable in order."""

    __tablename__ = "in_app_inbox"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


class InAppEntry(Resource, Base):
    """One message in a person's inbox; its id is the notification's. The lock of the inbox is taken before that of an entry."""

    NOUN = "entry"
    __tablename__ = "in_app_entry"
    __table_args__ = (
        Index("ix_in_app_entry_newest", "workspace", "user_id", "id"),
        Index("ix_in_app_entry_position", "workspace", "user_id", "position"),
        Index(
            "ix_in_app_entry_unread",
            "workspace",
            "user_id",
            postgresql_where=text("read_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL"),
        ),
        Index("ix_in_app_entry_oldest", "workspace", "created_at"),
    )

    user_id: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime | None] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
    archived_at: Mapped[datetime | None] = mapped_column(Moment)
    snoozed_until: Mapped[datetime | None] = mapped_column(Moment, comment="null again when the time has come")
    undo_id: Mapped[str | None] = mapped_column(
        Text, comment="of the last change of many, while nothing else changed it"
    )
    before: Mapped[dict[str, Any] | None] = mapped_column(Json, comment="what it was before that")

    @property
    def is_seen(self) -> bool:
        """Say whether the person saw that it is there."""
        return self.seen_at is not None

    @property
    def is_read(self) -> bool:
        """Say whether the person read it."""
        return self.read_at is not None

    @property
    def is_archived(self) -> bool:
        """Say whether the person put it away."""
        return self.archived_at is not None

    @property
    def status(self) -> str:
        """Return where it stands, in one word."""
        if self.is_archived:
            return "archived"
        if self.snoozed_until is not None:
            return "snoozed"
        return "read" if self.is_read else "seen" if self.is_seen else "unseen"

    def audited(self) -> dict[str, Any]:
        """Return what became of it."""
        return {
            "status": self.status,
            "is_seen": self.is_seen,
            "is_read": self.is_read,
            "is_archived": self.is_archived,
        }
