"""Which language a person gets, and when a mail is tried again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

WAITS_SECONDS = (30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600)
JITTER = 0.2
HELD_AT_MOST = timedelta(days=5)
"""Older news is not told any more, when the mail server takes nothing from us for so long (RFC 5321, 4.5.4.1: 4 to 5 days)."""


def best_locale(offered: Sequence[str], wanted: str | None) -> int:
    """Return which of the offered locales (not empty) suits best.

    BCP 47 lookup (RFC 4647 §3.4): zh-Hans-CN, zh-Hans, zh; then one of the same language; then the first.
    """
    tags = [tag.lower() for tag in offered]
    subtags = (wanted or "").lower().split("-")
    for length in range(len(subtags), 0, -1):
        tag = "-".join(subtags[:length])
        if tag in tags:
            return tags.index(tag)
    languages = [tag.partition("-")[0] for tag in tags]
    return languages.index(subtags[0]) if subtags[0] in languages else 0


def next_attempt_at(tries: int, now: datetime, *, jitter: float) -> datetime | None:
    """Return when to try a mail again after `tries` failed tries, or None when they are used up."""
    if tries > len(WAITS_SECONDS):
        return None
    return now + timedelta(seconds=WAITS_SECONDS[tries - 1] * (1 + JITTER * jitter))
