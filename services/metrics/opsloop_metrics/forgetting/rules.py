"""From when on events are kept."""

from __future__ import annotations

from datetime import datetime, timedelta


def kept_from(now: datetime, kept: timedelta, longest_reach: timedelta | None) -> datetime:
    """Return the time from which on events stay.

    A window that is longer, from before the setting was lowered, keeps what it measures.
    """
    return now - max(kept, longest_reach or timedelta())
