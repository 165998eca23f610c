"""HTTP shapes of lifecycles."""

from __future__ import annotations

from opsloop_common.http.schemas import InModel, OutModel
from opsloop_metrics.lifecycles.rules import Status
from opsloop_metrics.shapes import ActivityIn, Place


class LifecycleIn(ActivityIn):
    """Of those who do something, who is new, returns, comes back, or stays away."""


class LifecyclePersonsIn(InModel):
    """Whom to list: who is something in the interval of that number (from 0)."""

    query: LifecycleIn
    interval: Place
    status: Status


class LifecycleOut(OutModel):
    """People of each interval. New, returning and resurrecting are those who are active; the dormant, as negative numbers, were.

    From `incomplete_from` on intervals are not over.
    """

    intervals: list[str]
    new: list[int]
    returning: list[int]
    resurrecting: list[int]
    dormant: list[int]
    incomplete_from: int | None
