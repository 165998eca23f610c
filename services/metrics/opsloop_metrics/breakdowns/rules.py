"""What is asked of a table of values, and how counts become an answer (docs/insights.md §11)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter, Frame, is_midnight, midnight
from opsloop_metrics.insights.tables import Cell

NONE, OTHER = "$none", "$other"


class Of(StrEnum):
    """Whose values: of events, or of the page with which a session began or ended."""

    EVENTS = "events"
    ENTRIES = "entries"
    EXITS = "exits"


@dataclass(frozen=True)
class Breakdown:
    """A query; `by` has one to three fields."""

    by: tuple[str, ...]
    counted: EventFilter = field(default_factory=EventFilter)
    of: Of = Of.EVENTS
    limit: int = 100
    compare: bool = False
    sessions: bool = False

    def require_sound(self) -> None:
        """Refuse what cannot be meant; raises Invalid."""
        if len(set(self.by)) < len(self.by):
            raise Invalid("/by", "names a field twice")
        if self.of is not Of.EVENTS and self.counted.event is not None:
            raise Invalid("/event", f"has no meaning for {self.of}, which are of pages; leave it out")


class Counted(NamedTuple):
    """What was counted of one row; `place` is its rank from 1, one more than the limit for all others, 0 for all together."""

    place: int
    values: list[str]
    events: int
    people: int
    events_before: int
    people_before: int
    sessions: int = 0
    bounces: int = 0


@dataclass(frozen=True)
class Count:
    """Events, and people with one of them."""

    events: int
    people: int


@dataclass(frozen=True)
class Seen(Count):
    """… and, where it was asked, sessions that begin in the range and have one of the events, and the share of those of one event."""

    sessions: int | None
    bounce_rate: float | None


@dataclass(frozen=True)
class Row:
    """The values of all fields; `share` is the part of all people who have them."""

    values: list[str]
    events: int
    people: int
    share: float
    sessions: int | None
    bounce_rate: float | None
    previous: Count | None


@dataclass(frozen=True)
class Result:
    """An answer: the rows with the most people, what is left, and all together."""

    by: list[str]
    rows: list[Row]
    other: Seen | None
    total: Seen


def start_before(frame: Frame) -> datetime:
    """Return when the time as long as the frame's begins that ends where this starts.

    From midnight to midnight it has as many days, whatever clocks did in them. Raises Invalid where no calendar goes so far back.
    """
    zone = ZoneInfo(frame.zone)
    try:
        if is_midnight(frame.start, frame.zone) and is_midnight(frame.end, frame.zone):
            start, end = (at.astimezone(zone).date() for at in (frame.start, frame.end))
            return midnight(start - (end - start), frame.zone)
        return frame.start - (frame.end - frame.start)
    except OverflowError as error:
        raise Invalid("/from", "is beyond what can be counted") from error


def answered(asked: Breakdown, counted: Iterable[Counted]) -> Result:
    """Return the answer from what was counted."""
    found = {each.place: each for each in counted}
    every, rest = found.pop(0, None), found.pop(asked.limit + 1, None)
    total = _seen(asked, every or Counted(0, [], 0, 0, 0, 0))
    rows = [
        Row(
            values=each.values,
            share=each.people / total.people,
            **vars(_seen(asked, each)),
            previous=Count(each.events_before, each.people_before) if asked.compare else None,
        )
        for _, each in sorted(found.items())
    ]
    return Result(list(asked.by), rows, None if rest is None else _seen(asked, rest), total)


def _seen(asked: Breakdown, counted: Counted) -> Seen:
    sessions = counted.sessions if asked.sessions else None
    return Seen(counted.events, counted.people, sessions, counted.bounces / sessions if sessions else None)


def as_table(result: Result) -> tuple[list[str], list[list[Cell]]]:
    """Return an answer as a table, a row its values, what is left as the last: names of columns, rows."""
    names = [*result.by, "events", "people", "share", "previous_events", "previous_people", "sessions", "bounce_rate"]
    rows: list[list[Cell]] = []
    for row in result.rows:
        before = [row.previous.events, row.previous.people] if row.previous else [None, None]
        rows.append([*row.values, row.events, row.people, row.share, *before, row.sessions, row.bounce_rate])
    if result.other is not None:
        share = result.other.people / result.total.people
        other = result.other
        told = [other.events, other.people, share, None, None, other.sessions, other.bounce_rate]
        rows.append([*[OTHER] * len(result.by), *told])
    return names, rows
