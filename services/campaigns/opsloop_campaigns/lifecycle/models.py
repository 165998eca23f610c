"""The table of campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, CheckConstraint, Index, Integer, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_campaigns.budgets.rules import HeldBy
from opsloop_campaigns.lifecycle.rules import Status, fingerprint
from opsloop_campaigns.tables import Base
from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_common.ids import uuid7


class Campaign(Resource, Base):
    """Something said to a list of people, once."""

    NOUN = "campaign"
    __tablename__ = "campaign"

    name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    # up to 100,000 ids: read only where they are shown or compared
    user_ids: Mapped[list[str]] = mapped_column(ARRAY(Text), deferred=True, deferred_raiseload=True)
    audience_size: Mapped[int] = mapped_column(Integer)
    messages: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    message_id: Mapped[UUID] = mapped_column(Uuid, default=uuid7)
    # in the order of user ids, everybody up to here was requested
    requested_through: Mapped[str] = mapped_column(Text, default="")
    schedule_at: Mapped[datetime | None] = mapped_column(Moment)
    author: Mapped[str] = mapped_column(Text)
    edited_by: Mapped[str] = mapped_column(Text)
    # everybody who wrote any of it, of a playbook's campaign who wrote the playbook: they cannot approve it
    writers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    approved_by: Mapped[str | None] = mapped_column(Text)
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    playbook_id: Mapped[UUID | None] = mapped_column(Uuid)
    trigger_event_id: Mapped[UUID | None] = mapped_column(Uuid)
    trigger_type: Mapped[str | None] = mapped_column(Text)
    incident_id: Mapped[str | None] = mapped_column(Text)
    held_by: Mapped[str | None] = mapped_column(Text)
    # launched by a playbook, and no person looked at it first: what the budgets count
    unattended: Mapped[bool] = mapped_column(Boolean, default=False)
    # the first event of the chain that a playbook launched this because of
    cause_root: Mapped[str | None] = mapped_column(Text)
    # the inherited part of the context, for what the service does by itself after the launch
    cause: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        check_in("status", Status),
        CheckConstraint("status <> 'scheduled' OR schedule_at IS NOT NULL", name="scheduled_has_start"),
        CheckConstraint("(trigger_event_id IS NULL) = (trigger_type IS NULL)", name="trigger"),
        check_in("held_by", HeldBy),
        Index("ix_campaign_newest", "workspace", text("created_at DESC"), text("id DESC")),
        Index("ix_campaign_unattended", "workspace", "created_at", postgresql_where=text("unattended")),
        Index(
            "ix_campaign_waiting",
            "workspace",
            "playbook_id",
            postgresql_where=text("status = 'pending_approval' AND playbook_id IS NOT NULL"),
        ),
    )

    def audited(self) -> dict[str, Any]:
        """Return where it stands; of the people their number and a fingerprint, of what is said that it is something else."""
        user_ids = self.__dict__.get("user_ids")  # there where they were read: a change of status does not need them
        return {
            "name": self.name,
            "status": self.status,
            "audience_size": self.audience_size,
            "audience_sha256": redaction.Withheld(user_ids, fingerprint),
            "messages": redaction.text(self.messages),
            "schedule_at": self.schedule_at,
            "playbook_id": self.playbook_id,
            "held_by": self.held_by,
        }
