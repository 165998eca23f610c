"""Settings of the notifications service."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from opsloop_common.mailboxes import read_mailbox
from opsloop_common.settings import Settings
from opsloop_notifications.returns.rules import LOCAL_CHARACTERS


class NotificationsSettings(Settings):
    """What this service reads besides the common settings."""

    mail_from: str = Field(default="OpsLoop <opsloop@localhost>", max_length=320)
    """Who mails are from (`OPSLOOP_MAIL_FROM`); its domain stands in their Message-ID."""
    mail_return: str | None = Field(default=None, max_length=254)
    """The mailbox that gets what cannot be delivered (`OPSLOOP_MAIL_RETURN`), by a sub-address a mail: `bounces+…@example.com`."""
    event_retention_days: int = Field(default=30, ge=15, le=3650)
    """How long the event log, ended deliveries and ended notifications are kept; longer than the bus's 14 days, within which
    an event may come again."""

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        read_mailbox(value)
        return value

    @field_validator("mail_return")
    @classmethod
    def _mailbox(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name, address = read_mailbox(value)
        local = address.rpartition("@")[0]
        if name or not address.isascii() or len(local) > LOCAL_CHARACTERS:
            raise ValueError(
                f"must look like bounces@example.com, with up to {LOCAL_CHARACTERS} characters before the @"
            )
        return address

    @property
    def events_kept(self) -> timedelta:
        """Return how long events and what came of them are kept."""
        return timedelta(days=self.event_retention_days)
