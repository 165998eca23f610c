"""What is handed to the sender."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

CLAIMED_AT_FIRST = 64
"""How many deliveries of an endpoint a process holds before it has seen it answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One claimed delivery with its endpoint. `tries` of the schedule and `made` attempts in all ended before."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    document: str
    url: str
    sealed_secrets: tuple[str, ...]
    tries: int
    made: int
    is_failing: bool

    @property
    def group(self) -> str:
        """Return the endpoint's id."""
        return str(self.webhook_id)


def live_secrets(
    secret: str, previous: str | None, previous_expires_at: datetime | None, now: datetime
) -> tuple[str, ...]:
    """Return the sealed secrets to sign with: the one before too, until its grace period ends."""
    if previous and previous_expires_at and now < previous_expires_at:
        return secret, previous
    return (secret,)
