"""Where a session ends: what queries say in SQL, said once in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

IDLE = timedelta(minutes=30)
"""Whoever does nothing for this long has left; the next thing that he does begins a session."""


class Session(NamedTuple):
    """What one person did in one go: the times of its first and last event, and how many there were."""

    began_at: datetime
    ended_at: datetime
    events: int

    @property
    def length(self) -> timedelta:
        """Return how long it lasted, nothing for one event."""
        return self.ended_at - self.began_at

    @property
    def is_bounce(self) -> bool:
        """Say whether nothing came after its first event."""
        return self.events == 1


def cut(times: Sequence[datetime], idle: timedelta = IDLE) -> Iterator[Session]:
    """Yield the sessions of one person's events in order; `times` are aware and sorted, equal ones are different events.

    A gap of exactly `idle` ends a session. Midnight does not, nor does a change of the clocks: times are moments. Raises ValueError for
    times that are not sorted.
    """
    first = 0
    for place in range(1, len(times) + 1):
        if place < len(times) and (gap := times[place] - times[place - 1]) < idle:
            if gap < timedelta():
                raise ValueError("times have to be sorted")
            continue
        yield Session(times[first], times[place - 1], place - first)
        first = place


def share_of_bounces(sessions: Sequence[Session]) -> float | None:
    """Return which share of sessions had one event, None of no sessions."""
    return sum(session.is_bounce for session in sessions) / len(sessions) if sessions else None
