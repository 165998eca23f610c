"""HTTP shapes of stickiness."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel
from opsloop_metrics.insights.periods import MOST_INTERVALS
from opsloop_metrics.shapes import ActivityIn


class StickinessIn(ActivityIn):
    """In how many of the intervals people did something."""


class StickinessPersonsIn(InModel):
    """Whom to list: who did it in exactly so many intervals."""

    query: StickinessIn
    intervals: Annotated[int, Field(ge=1, le=MOST_INTERVALS + 1)]


class StickinessOut(OutModel):
    """`people[n - 1]` did it in exactly n of the `periods` intervals."""

    periods: int
    people: list[int]
