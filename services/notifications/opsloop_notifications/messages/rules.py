"""What is said through which channel, and when a mail is tried again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

EMAIL = "email"
Contents = Sequence[Mapping[str, Any]]
"""Of each language and channel, what is said."""
WAITS_SECONDS = (30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600)
JITTER = 0.2
HELD_AT_MOST = timedelta(days=5)
"""Older news is not told any more, when the mail server takes nothing from us for so long (RFC 5321, 4.5.4.1: 4 to 5 days)."""


def of_channel(contents: Contents, channel: str) -> list[Mapping[str, Any]]:
    """Return what is said through a channel; what campaigns say names none, and is mail."""
    return [content for content in contents if content.get("channel", EMAIL) == channel]


def next_attempt_at(tries: int, now: datetime, *, jitter: float) -> datetime | None:
    """Return when to try a mail again after `tries` failed tries, or None when they are used up."""
    if tries > len(WAITS_SECONDS):
        return None
    return now + timedelta(seconds=WAITS_SECONDS[tries - 1] * (1 + JITTER * jitter))
