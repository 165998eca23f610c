"""HTTP shapes of trends."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from opsloop_common.http.schemas import InModel, OutModel, said
from opsloop_metrics.shapes import BreakdownValue, EventFilterIn, Field_, InsightIn, ObjectIn, Place
from opsloop_metrics.trends.rules import Aggregate, Series, Trend

MOST_SERIES = 10
Formula = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(said)]
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""A number as it is: what is counted has no fraction."""


class SeriesIn(EventFilterIn):
    """Which events, and what is told of them. All aggregates but `count` and `users` are of the numbers in `property`."""

    aggregate: Aggregate = Aggregate.COUNT
    property: Field_ | None = None

    def to_series(self) -> Series:
        """Return it as rules take it."""
        return Series(self.to_filter(), self.aggregate, self.property)


class TrendBreakdownIn(ObjectIn):
    """By which field to divide, and how many of its values have rows of their own."""

    field: Field_
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class TrendsIn(InsightIn):
    """Numbers an interval. Series are called A, B, C …, and formulas go by these letters: `B / A`."""

    LIGHTER: ClassVar[str] = "a shorter time, fewer series or no breakdown"

    series: Annotated[list[SeriesIn], Field(min_length=1, max_length=MOST_SERIES)]
    breakdown: TrendBreakdownIn | None = None
    formulas: Annotated[list[Formula], Field(max_length=10)] = Field(default_factory=list)
    moving_average: Annotated[int, Field(ge=1, le=100)] | None = None
    compare: Literal["previous"] | None = None

    def to_trend(self) -> Trend:
        """Return it as rules take it."""
        divided = {"breakdown": self.breakdown.field, "limit": self.breakdown.limit} if self.breakdown else {}
        return Trend(
            series=tuple(series.to_series() for series in self.series),
            formulas=tuple(self.formulas),
            moving_average=self.moving_average,
            compare=self.compare is not None,
            **divided,  # type: ignore[arg-type]
        )


class TrendsPersonsIn(InModel):
    """Whom to list: who did what the series of that number (from 0) is of, in the interval of that number (null: at any time).

    Of a query with a breakdown `breakdown` is the value that is meant.
    """

    query: TrendsIn
    series: Place
    interval: Place | None = None
    breakdown: BreakdownValue | None = None


class PreviousOut(OutModel):
    """The numbers of as many intervals directly before."""

    values: list[Number | None]
    total: Number | None


class TrendOut(OutModel):
    """A series or formula, of one breakdown value if it is divided: `$none` is the absence of one, `$other` all others together.

    `total` is of the whole time: people count once in it, an average is one of all events.
    """

    name: str
    label: str
    breakdown: str | None
    values: list[Number | None]
    total: Number | None
    previous: PreviousOut | None
    moving_average: list[Number | None] | None


class TrendsOut(OutModel):
    """All of A by breakdown value, all of B …, then each formula. From `incomplete_from` on intervals are not over."""

    intervals: list[str]
    series: list[TrendOut]
    incomplete_from: int | None
