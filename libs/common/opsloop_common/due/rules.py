"""When a failed due row is tried again, and when work that recurs has its next turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zlib import crc32

FIRST_PAUSE_SECONDS = 1.0
PAUSE_FACTOR = 5.0
LONGEST_PAUSE_SECONDS = 600.0
JITTER = 0.2  # rows that failed together do not come back together

ENDLESS_ATTEMPTS = 8
"""Of a row that is never given up so many failures are counted, and no more."""
PASSING_ATTEMPTS = 3
"""Of failures that are the database's or the network's so many are counted: pauses of up to 25 s, and tries left for its own."""
DEATHS = 4
"""So many workers in a row may die over such a row; then it waits as after a failure, and the others go on meanwhile."""

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def pause_seconds(attempts: int, chance: float, *, longest: float = LONGEST_PAUSE_SECONDS) -> float:
    """Return the pause after so many tries: 1 s, 5 s, 25 s, 125 s, 10 min …, plus up to 20 % by `chance` in [0, 1)."""
    exponent = min(max(attempts, 1) - 1, 10)
    return min(FIRST_PAUSE_SECONDS * PAUSE_FACTOR**exponent, LONGEST_PAUSE_SECONDS, longest) * (1 + JITTER * chance)


def retry_at(
    now: datetime, attempts: int, max_attempts: int | None, chance: float, *, every: timedelta | None = None
) -> datetime | None:
    """Return when to try again after `attempts` tries, or None when that was the last; what recurs, after a period at most."""
    if max_attempts is not None and attempts >= max_attempts:
        return None
    longest = LONGEST_PAUSE_SECONDS if every is None else every.total_seconds()
    return now + timedelta(seconds=pause_seconds(attempts, chance, longest=longest))


def has_killed(attempts: int, max_attempts: int | None) -> bool:
    """Say whether a row just claimed has had tries of which nobody recorded the end: its workers died over it."""
    return attempts > (ENDLESS_ATTEMPTS + DEATHS if max_attempts is None else max_attempts)


def counted(attempts: int, max_attempts: int | None, *, passing: bool = False) -> int:
    """Return the number of failures that a row remembers; of `passing` ones never so many that it is given up."""
    if passing:
        most = ENDLESS_ATTEMPTS if max_attempts is None else max_attempts - 1
        return max(attempts - 1, min(attempts, PASSING_ATTEMPTS, most))
    return min(attempts, ENDLESS_ATTEMPTS) if max_attempts is None else attempts


def next_turn(now: datetime, every: timedelta, workspace: str, kind: str) -> datetime:
    """Return the next turn after `now`: one a period, at a place in it that workspace and kind decide.

    So a thousand workspaces never come at one moment, and a late or failed turn does not move the later ones.
    """
    place = every * (crc32(f"{workspace} {kind}".encode()) / 2**32)
    return _BEGINNING + place + every * ((now - _BEGINNING - place) // every + 1)
