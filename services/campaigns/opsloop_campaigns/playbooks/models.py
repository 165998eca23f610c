"""The tables of playbooks and of what they did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Interval,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_campaigns.approvals.rules import approval_of
from opsloop_campaigns.playbooks.rules import RunOutcome
from opsloop_campaigns.tables import Base
from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_common.ids import uuid7


class Playbook(Resource, Base):
    """What to launch when an event arrives for which the conditions hold."""

    NOUN = "playbook"
    __tablename__ = "playbook"

    name: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)
    event_type: Mapped[str] = mapped_column(Text)
    conditions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    cooldown: Mapped[timedelta | None] = mapped_column(Interval)
    requires_approval: Mapped[bool] = mapped_column(Boolean)
    launch: Mapped[dict[str, Any]] = mapped_column(JSONB)
    author: Mapped[str] = mapped_column(Text)
    edited_by: Mapped[str] = mapped_column(Text)
    # everybody who wrote what it does: they approve neither it nor its campaigns
    writers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    approved_by: Mapped[str | None] = mapped_column(Text)
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    # when an event last said that campaigns of it are held
    told_at: Mapped[datetime | None] = mapped_column(Moment)
    last_run_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        CheckConstraint("cooldown >= INTERVAL '0'", name="cooldown"),
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approval"),
        Index("ix_playbook_listening", "workspace", "event_type", postgresql_where=text("enabled")),
        Index("ix_playbook_newest", "workspace", text("created_at DESC"), text("id DESC")),
    )

    def audited(self) -> dict[str, Any]:
        """Return what it does, under the names of the API; of people their number, of texts and conditions that they are others."""
        launch = dict(self.launch)
        return {
            "name": self.name,
            "enabled": self.enabled,
            "on": self.event_type,
            "when": redaction.text(self.conditions),
            "cooldown": self.cooldown,
            "requires_approval": self.requires_approval,
            "launch": {
                "name": launch["name"],
                "user_ids": redaction.Withheld(launch["user_ids"], lambda user_ids: f"({len(user_ids)} people)"),
                "messages": redaction.text(launch["messages"]),
            },
            "approval": approval_of(requires_approval=self.requires_approval, approved_by=self.approved_by),
        }


class PlaybookRun(Base):
    """One matching event, and what the playbook made of it."""

    __tablename__ = "playbook_run"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    playbook_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("playbook.id", ondelete="CASCADE"))
    event_id: Mapped[UUID] = mapped_column(Uuid)
    event_type: Mapped[str] = mapped_column(Text)
    once_key: Mapped[str] = mapped_column(Text, comment="the incident, or the event where there is none")
    incident_id: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    campaign_id: Mapped[UUID | None] = mapped_column(Uuid)
    at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        UniqueConstraint("playbook_id", "event_id", name="uq_playbook_run_event"),
        check_in("outcome", RunOutcome),
        CheckConstraint(
            "(campaign_id IS NOT NULL) = (outcome IN ('launched', 'approval_requested', 'held'))", name="has_campaign"
        ),
        Index(
            "uq_playbook_run_once",
            "playbook_id",
            "once_key",
            unique=True,
            postgresql_where=text("campaign_id IS NOT NULL"),
        ),
        Index("ix_playbook_run_newest", "playbook_id", text("at DESC"), text("id DESC")),
    )
