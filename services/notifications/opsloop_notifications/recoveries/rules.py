"""How fast what was missed is delivered again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

PER_SECOND = 20
"""Without a rate of the endpoint's own. An endpoint that was down is often still weak: 740 calls came within seconds of its return."""
STEP = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Pace:
    """How many deliveries the next step queues, and after how long the one after it looks again."""

    page: int = 1
    pause: timedelta = STEP


def next_pace(pace: Pace, *, is_failing: bool, per_second: int) -> Pace:
    """Return the pace after a step: twice as many each second up to `per_second`, one at a time and ever more seldom while it fails."""
    if is_failing:
        return Pace(1, min(pace.pause * 2, LONGEST_PAUSE))
    return Pace(min(pace.page * 2, per_second))
