"""HTTP shapes of stickiness."""

from __future__ import annotations

from opsloop_common.http.schemas import OutModel
from opsloop_metrics.shapes import ActivityIn


class StickinessIn(ActivityIn):
    """In how many of the intervals people did something."""


class StickinessOut(OutModel):
    """`people[n - 1]` did it in exactly n of the `periods` intervals."""

    periods: int
    people: list[int]
