"""When a mail is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

WAITS_SECONDS = (30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600)
JITTER = 0.2
HELD_AT_MOST = timedelta(days=5)
"""Older news is not told any more, when the mail server takes nothing from us for so long (RFC 5321, 4.5.4.1: 4 to 5 days)."""


def next_attempt_at(tries: int, now: datetime, *, jitter: float) -> datetime | None:
    """Return when to try a mail again after `tries` failed tries, or None when they are used up."""
    if tries > len(WAITS_SECONDS):
        return None
    return now + timedelta(seconds=WAITS_SECONDS[tries - 1] * (1 + JITTER * jitter))
