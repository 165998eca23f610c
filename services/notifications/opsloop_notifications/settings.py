"""Settings of the notifications service."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from opsloop_common.mailboxes import read_mailbox
from opsloop_common.settings import Settings


class NotificationsSettings(Settings):
    """What this service reads besides the common settings."""

    mail_from: str = Field(default="OpsLoop <opsloop@localhost>", max_length=320)
    """Who mails are from (`OPSLOOP_MAIL_FROM`); its domain stands in their Message-ID."""
    event_retention_days: int = Field(default=30, ge=15, le=3650)
    """How long the event log, ended deliveries and ended notifications are kept; longer than the bus's 14 days, within which
    an event may come again."""

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        read_mailbox(value)
        return value


def kept_for(settings: Settings | None) -> timedelta:
    """Return how long events and what came of them are kept, also for a runtime that was built with the common settings only."""
    given = settings if isinstance(settings, NotificationsSettings) else NotificationsSettings()
    return timedelta(days=given.event_retention_days)


def mail_from(settings: Settings) -> str:
    """Return who mails are from, also for a runtime that was built with the common settings only."""
    return settings.mail_from if isinstance(settings, NotificationsSettings) else NotificationsSettings().mail_from
