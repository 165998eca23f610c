"""Table of recipients."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, Time, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Versioned, check_in
from opsloop_notifications.recipients.learning import BY_HAND
from opsloop_notifications.recipients.rules import AddressState
from opsloop_notifications.tables import Base, Json, Moment


class Recipient(Versioned, Base):
    """A person as other services name them (`user_id`), with an address, a language, and what they want to hear when."""

    NOUN, BY = "recipient", "user_id"
    __tablename__ = "recipient"
    __table_args__ = (
        check_in("state", AddressState),
        CheckConstraint("(quiet_start IS NULL) = (quiet_end IS NULL)", name="quiet_hours"),
        CheckConstraint("(consent_source IS NULL) = (consent_at IS NULL)", name="consent"),
        CheckConstraint("(claimed_email IS NULL) = (claim IS NULL)", name="claim"),
        CheckConstraint("claimed_email <> email", name="claimed_email"),
        UniqueConstraint("workspace", "person_id"),
        Index("ix_recipient_address", "workspace", text("lower(email)")),
        Index("ix_recipient_newest", "workspace", "created_at", "user_id"),
    )

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(Uuid, comment="rules.person_id of both: what links and events carry")
    email: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, comment="of the address")
    locale: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    time_zone: Mapped[str | None] = mapped_column(Text, comment="null: the workspace's")
    wanted: Mapped[dict[str, dict[str, bool]]] = mapped_column(Json, comment="topic → channel → whether it is wanted")
    digests: Mapped[dict[str, dict[str, dict[str, Any]]]] = mapped_column(Json, comment="topic → channel → how often")
    quiet_start: Mapped[time | None] = mapped_column(Time, comment="of the night in the person's zone")
    quiet_end: Mapped[time | None] = mapped_column(Time)
    consent_source: Mapped[str | None] = mapped_column(
        Text, comment="how we know that the address is theirs, as was said"
    )
    consent_at: Mapped[datetime | None] = mapped_column(Moment)
    is_by_hand: Mapped[bool] = mapped_column(comment="somebody said so through the API; then no event changes it")
    asked_at: Mapped[datetime | None] = mapped_column(Moment, comment="when they were asked to confirm the address")
    learned: Mapped[dict[str, dict[str, Any]]] = mapped_column(
        Json, comment="field → who said so (learning.Teller); what is not named somebody put"
    )
    claimed_email: Mapped[str | None] = mapped_column(Text, comment="beside the address: what a browser says")
    claim: Mapped[dict[str, Any] | None] = mapped_column(Json, comment="who said so (learning.Teller)")

    @property
    def subject(self) -> str:
        """Return what the audit log calls the row: always the same for a person, and no name that would outlive an erasure there."""
        return f"recipient/{self.person_id}"

    @property
    def quiet_hours(self) -> dict[str, time] | None:
        """Return when the person wants to be left alone, as people say it."""
        if self.quiet_start is None or self.quiet_end is None:
            return None
        return {"start": self.quiet_start, "end": self.quiet_end}

    @property
    def consent(self) -> dict[str, Any] | None:
        """Return on what ground the address is known to be theirs, as people say it."""
        return None if self.consent_source is None else {"source": self.consent_source, "at": self.consent_at}

    @property
    def source(self) -> str | None:
        """Return where the address was learned, or that it, or that there is none, was put; None where nobody said one."""
        kept = self.learned.get("email")
        return str(kept["source"]) if kept is not None else BY_HAND if self.is_by_hand else None

    @property
    def unconfirmed(self) -> dict[str, Any] | None:
        """Return the address that is only claimed, beside the one that is kept, as people say it."""
        if self.claim is None:
            return None
        about = {name: self.claim[name] for name in ("source", "by", "at")}
        return {"email": self.claimed_email} | about

    @property
    def topics(self) -> list[dict[str, Any]]:
        """Return what is wanted as a list, by topic and channel, and how often it is gathered where the person said so."""
        return [
            {
                "topic": topic,
                "channel": channel,
                "is_on": is_on,
                "digest": self.digests.get(topic, {}).get(channel),
            }
            for topic, channels in sorted(self.wanted.items())
            for channel, is_on in sorted(channels.items())
        ]

    def audited(self) -> dict[str, Any]:
        """Return that there is another address or name, and the states, labels and times."""
        return {
            "email": redaction.text(self.email),
            "source": self.source,
            "unconfirmed": redaction.text(self.claimed_email),
            "state": self.state,
            "consent": redaction.text(self.consent_source),
            "locale": self.locale,
            "name": redaction.text(self.name),
            "time_zone": self.time_zone,
            "topics": self.topics,
            "quiet_start": self.quiet_start and f"{self.quiet_start:%H:%M}",
            "quiet_end": self.quiet_end and f"{self.quiet_end:%H:%M}",
        }
