"""Where a session ends: what queries say in SQL, said once in plain words (docs/insights.md §9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

IDLE = timedelta(minutes=30)
"""Whoever does nothing for longer than this has left; the next thing that he does begins a session."""
_UTC = "%Y-%m-%dT%H:%M:%SZ"
MARGIN = timedelta(hours=24)
"""How far events are read before and after a range, so that a session at its edge is seen whole."""


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

    A gap of exactly `idle` ends none. Midnight does not, nor does a change of the clocks: times are moments. Raises ValueError for
    times that are not sorted.
    """
    first = 0
    for place in range(1, len(times) + 1):
        if place < len(times) and (gap := times[place] - times[place - 1]) <= idle:
            if gap < timedelta():
                raise ValueError("times have to be sorted")
            continue
        yield Session(times[first], times[place - 1], place - first)
        first = place


class Counted(NamedTuple):
    """The sessions that began in the interval numbered `place`, of which there is at least one."""

    place: int
    sessions: int
    average_seconds: float
    bounces: int
    people: int


@dataclass(frozen=True)
class Result:
    """Sessions by the interval that they began in; mean and share of none are None."""

    intervals: list[datetime]
    sessions: list[int]
    average_seconds: list[float | None]
    bounce_rate: list[float | None]
    people: list[int]
    incomplete_from: int | None


def answered(intervals: Sequence[datetime], counted: Iterable[Counted], *, incomplete_from: int | None) -> Result:
    """Return the answer for intervals by their starts."""
    found = {each.place: each for each in counted}
    rows = [found.get(place) for place in range(len(intervals))]
    return Result(
        intervals=list(intervals),
        sessions=[row.sessions if row else 0 for row in rows],
        average_seconds=[row.average_seconds if row else None for row in rows],
        bounce_rate=[row.bounces / row.sessions if row else None for row in rows],
        people=[row.people if row else 0 for row in rows],
        incomplete_from=incomplete_from,
    )


def as_table(result: Result) -> tuple[list[str], list[list[str | int | float | None]]]:
    """Return an answer as a table, a row an interval: names of columns, rows."""
    names = ["interval", "sessions", "average_seconds", "bounce_rate", "people"]
    columns = (result.sessions, result.average_seconds, result.bounce_rate, result.people)
    return names, [[start.strftime(_UTC), *row] for start, *row in zip(result.intervals, *columns, strict=True)]
