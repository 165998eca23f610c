"""Settings of the feedback service."""

from __future__ import annotations

from pydantic import Field, field_validator

from opsloop_common.mailboxes import address_flaw
from opsloop_common.settings import Settings


class FeedbackSettings(Settings):
    """What this service reads besides the common settings."""

    reply_domain: str | None = Field(default=None, max_length=180)
    """Whose mail comes to us (`OPSLOOP_REPLY_DOMAIN`): answers to replies are sent to `reply+…@` there."""

    @field_validator("reply_domain")
    @classmethod
    def _domain(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or address_flaw(f"reply@{value}") is not None):
            raise ValueError("must be a domain such as mail.example.com")
        return value
