"""Settings of the notifications service."""

from __future__ import annotations

from pydantic import Field

from opsloop_common.settings import Settings


class NotificationsSettings(Settings):
    """What this service reads besides the common settings."""

    mail_from: str = Field(default="OpsLoop <opsloop@localhost>", max_length=320)
    """Who mails are from (`OPSLOOP_MAIL_FROM`); its domain stands in their Message-ID."""


def mail_from(settings: Settings) -> str:
    """Return who mails are from, also for a runtime that was built with the common settings only."""
    return settings.mail_from if isinstance(settings, NotificationsSettings) else NotificationsSettings().mail_from
