"""When a failed due row is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_PAUSE_SECONDS = 1.0
PAUSE_FACTOR = 5.0
LONGEST_PAUSE_SECONDS = 600.0
JITTER = 0.2  # rows that failed together do not come back together


def pause_seconds(attempts: int, chance: float) -> float:
    """Return the pause after so many tries: 1 s, 5 s, 25 s, 125 s, 10 min …, plus up to 20 % by `chance` in [0, 1)."""
    exponent = min(max(attempts, 1) - 1, 10)
    return min(FIRST_PAUSE_SECONDS * PAUSE_FACTOR**exponent, LONGEST_PAUSE_SECONDS) * (1 + JITTER * chance)


def retry_at(now: datetime, attempts: int, max_attempts: int, chance: float) -> datetime | None:
    """Return when to try again after `attempts` tries, or None when that was the last."""
    if attempts >= max_attempts:
        return None
    return now + timedelta(seconds=pause_seconds(attempts, chance))
