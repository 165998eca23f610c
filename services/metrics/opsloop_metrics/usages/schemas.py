"""HTTP shapes of usage."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from opsloop_common.http.schemas import OutModel
from opsloop_metrics.shapes import EventFilterIn, Field_, InsightIn
from opsloop_metrics.usages.rules import Features


class UsageIn(InsightIn):
    """Who uses which of `features`? Without any: of the `limit` values of `by` that most people used."""

    LIGHTER: ClassVar[str] = "a shorter time, a few features by their names, or fewer events with a condition in where"

    BY_DAY: ClassVar[bool] = True  # a bit a day is kept of each person and feature

    features: Annotated[list[EventFilterIn], Field(max_length=20)] = Field(default_factory=list)
    by: Field_ = "event"
    limit: Annotated[int, Field(ge=1, le=50)] = 20

    def to_features(self) -> Features:
        """Return it as rules take it."""
        return Features(tuple(each.to_filter() for each in self.features), self.by, self.limit)


class FeatureOut(OutModel):
    """A feature: how many used it, which part of the active people that is, and for how many it was the first time ever."""

    label: str
    people: int
    adoption: float | None
    new_people: int
    events: int
    events_per_person: float | None
    days_per_person: float | None
    adoption_by_interval: list[float | None]


class ActiveOut(OutModel):
    """How many people were active at all, of whom adoption is a part."""

    total: int
    by_interval: list[int]


class UsageOut(OutModel):
    """Features, those that most people used first; `breadth[n]` of the active people used exactly n of them.

    From `incomplete_from` on intervals are not over.
    """

    intervals: list[str]
    features: list[FeatureOut]
    active: ActiveOut
    breadth: list[int]
    incomplete_from: int | None
