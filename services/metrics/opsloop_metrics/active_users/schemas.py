"""HTTP shapes of active users."""

from __future__ import annotations

from typing import ClassVar, Literal

from opsloop_common.http.schemas import InModel, OutModel
from opsloop_metrics.active_users.rules import Measure
from opsloop_metrics.insights.periods import Interval
from opsloop_metrics.shapes import InsightIn, Place


class ActiveUsersIn(InsightIn):
    """How many people were active, told once a day, week or month."""

    BY_DAY: ClassVar[bool] = True

    interval: Literal[Interval.DAY, Interval.WEEK, Interval.MONTH] = Interval.DAY


class ActiveUsersPersonsIn(InModel):
    """Whom to list: who is counted as `measure` in the interval of that number (from 0)."""

    query: ActiveUsersIn
    interval: Place
    measure: Measure = Measure.DAU


class ActiveUsersOut(OutModel):
    """Distinct people of the last day of each interval (`dau`), of the 7 (`wau`) and the 30 (`mau`) days that end with it.

    `stickiness` is dau / mau, null where nobody was active. From `incomplete_from` on intervals are not over.
    """

    intervals: list[str]
    dau: list[int]
    wau: list[int]
    mau: list[int]
    stickiness: list[float | None]
    incomplete_from: int | None
