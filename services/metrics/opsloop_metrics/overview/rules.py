"""The intervals of a chart."""

from __future__ import annotations

from datetime import datetime, timedelta

from opsloop_common.errors import Invalid

MAX_POINTS = 1_000


def edges(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return the edges of consecutive intervals from `start` to `end`, the last one cut off there; raises Invalid."""
    if end <= start:
        raise Invalid("/query/to", "is not after from")
    if step < timedelta(seconds=1):
        raise Invalid("/query/step", "is at least one second")
    count = -((start - end) // step)
    if count > MAX_POINTS:
        raise Invalid("/query/step", f"makes {count} intervals of this time; {MAX_POINTS} fit one answer")
    return [start + place * step for place in range(count)] + [end]
