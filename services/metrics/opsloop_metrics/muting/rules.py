"""Until when a monitor keeps quiet, by what and why; and which times maintenance makes unfit to be learnt from: pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class MutedBy(StrEnum):
    """What keeps a monitor quiet."""

    MUTE = "mute"
    MAINTENANCE_WINDOW = "maintenance_window"


@dataclass(frozen=True)
class Muted:
    """Until when, by what, and why: what somebody gave as the reason, or what the window is called."""

    until: datetime
    by: MutedBy
    why: str | None


def longest(silences: Iterable[Muted]) -> Muted | None:
    """Return the one that lasts longest, None without any."""
    return max(silences, key=lambda each: (each.until, each.by), default=None)


@dataclass(frozen=True)
class Maintained:
    """A time of maintenance, `[start, end)`. `recurs`: it is one of many, and so a part of what is usual."""

    start: datetime
    end: datetime
    recurs: bool = False


def left_out(edges: Sequence[datetime], times: Sequence[Maintained]) -> set[int]:
    """Return the places of the intervals `[edges[i], edges[i + 1])` whose values say nothing, for there was maintenance.

    Those that one for once touches, and those of which what recurs takes half or more: less of it is part of what is usual.
    """
    once = {place for each in times if not each.recurs for place in _touched(edges, each.start, each.end)}
    taken = defaultdict[int, timedelta](timedelta)
    for start, end in _joined(each for each in times if each.recurs):
        for place in _touched(edges, start, end):
            taken[place] += min(end, edges[place + 1]) - max(start, edges[place])
    return once | {place for place, time in taken.items() if 2 * time >= edges[place + 1] - edges[place]}


def _touched(edges: Sequence[datetime], start: datetime, end: datetime) -> range:
    return range(max(bisect_right(edges, start) - 1, 0), min(bisect_left(edges, end), len(edges) - 1))


def _joined(times: Iterable[Maintained]) -> Iterator[tuple[datetime, datetime]]:
    """Yield what times take, nothing of it twice."""
    until = None
    for each in sorted(times, key=lambda each: each.start):
        start = each.start if until is None else max(each.start, until)
        if start < each.end:
            yield start, each.end
            until = each.end
