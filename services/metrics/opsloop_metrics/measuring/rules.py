"""Which number of an insight is meant, what is measured next, and when again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from opsloop_metrics.kpi_periods.rules import Measured

MOST_SECONDS = 20.0
"""A minute, of one workspace: what is not measured by then waits for the next turn, longest waiting first."""
MOST_SECONDS_EACH = 10.0
"""For one KPI of events or formula, and for a statement of it: it holds a connection that others wait for."""
TOOK_TOO_LONG = f"it takes longer than {MOST_SECONDS_EACH:g} s"
SOON, LATER = timedelta(minutes=1), timedelta(minutes=15)
_SHARE = 20
"""What takes a second is measured at most every 20."""

NUMBER_OF = {
    "trends": "series.0.total",
    "active-users": "dau.last",
    "funnel": "steps.-1.from_first",
    "retention": "average.1",
    "lifecycle": "new.last",
    "stickiness": "people.-1",
    "paths": "sessions",
    "sessions": "sessions.last",
    "experience": "errors.total.crash_free_people",
    "attribution": "total.conversions",
    "breakdown": "total.events",
    "usage": "active.total",
    "churn": "churn_rate",
    "next-best": "items_compared",
    "revenue": "totals.net",
}
"""The number that a kind of insight is known for, where a KPI does not say which."""


class NoNumber(ValueError):
    """A path that leads to no number of an answer; says where it ends."""


def number_at(answer: Mapping[str, Any], path: str) -> float | None:
    """Return the number at a path (`series.0.total`) of an answer; null where the answer has null, or nothing at that place.

    Raises NoNumber. `last` is the last interval that is over, -1 the last of all.
    """
    found: Any = answer
    for step in path.split("."):
        match found:
            case Mapping() if step in found:
                found = found[step]
            case list() if step == "last":
                over = found[: answer.get("incomplete_from")]
                found = over[-1] if over else None
            case list() if step.lstrip("-").isdecimal():
                place = int(step)
                found = found[place] if -len(found) <= place < len(found) else None
            case None:
                return None
            case _:
                raise NoNumber(f"path {path}: the answer has no {step} there")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise NoNumber(f"path {path} leads to no number")
    return float(found)


def over_at(answer: Mapping[str, Any], path: str, as_of: datetime) -> datetime | None:
    """Return when the interval was over that `last` of a path names; None of a number that counts up to `as_of`."""
    if "last" not in path.split(".") or "intervals" not in answer:
        return None
    running = answer["incomplete_from"]
    return as_of if running is None else datetime.fromisoformat(answer["intervals"][running])


def measured_next(
    newest: Measured | None, before: tuple[datetime, datetime], current: tuple[datetime, datetime], now: datetime
) -> tuple[datetime, datetime, datetime]:
    """Return (start, end, as of) of what to measure: the end of a period that is over, once, before the one that runs.

    `before` is the period before that one: nothing is kept of it yet where nothing was known while it ran.
    """
    if newest is not None and newest.is_open(now):
        return newest.starts_at, newest.ends_at, newest.ends_at
    if newest is not None and newest.ends_at < current[0]:
        return *before, before[1]
    return *current, now


def again_at(now: datetime, ends_at: datetime, *, pause: timedelta, seconds: float) -> datetime:
    """Return when to measure again: after a pause that is longer for what took long, at the latest when the period ends.

    At once where that is over.
    """
    return max(now, min(now + max(pause, timedelta(seconds=_SHARE * seconds)), ends_at))
