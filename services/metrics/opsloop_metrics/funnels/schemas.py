"""HTTP shapes of funnels."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel
from opsloop_metrics.shapes import EventFilterIn, Field_, Lasting, ObjectIn, RangeIn
from opsloop_metrics.steps.rules import Attribution, Breakdown, CountBy, Exclusion, Funnel, FunnelMode, Order, Step

Number = Annotated[int, Field(ge=0, le=19)]


class StepIn(EventFilterIn):
    """A step: whatever matches does it. An optional one keeps nobody from the next."""

    optional: bool = False

    def to_step(self) -> Step:
        """Return it as rules take it."""
        return Step(self.to_filter(), self.optional)


class ExclusionIn(EventFilterIn):
    """Who does this between the steps numbered `from` and `to` (from 0) is not counted at all."""

    first: Number = Field(alias="from")
    last: Number = Field(alias="to")

    def to_exclusion(self) -> Exclusion:
        """Return it as rules take it."""
        return Exclusion(self.to_filter(), self.first, self.last)


class BreakdownIn(ObjectIn):
    """By which field to divide. Whose value counts: of the first or last step that has one, of step `step`, or of each event."""

    field: Field_
    attribution: Attribution = Attribution.FIRST
    step: Number = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class FunnelIn(RangeIn):
    """A funnel: who comes how far from the first step to the last within `window`. `docs/insights.md` says what each word means."""

    LIGHTER: ClassVar[str] = "a shorter time, fewer steps or no breakdown"

    steps: Annotated[list[StepIn], Field(min_length=2, max_length=20)]
    order: Order = Order.ORDERED
    window: Lasting = timedelta(days=14)
    mode: FunnelMode = FunnelMode.ENTRY
    exclusions: Annotated[list[ExclusionIn], Field(max_length=10)] = Field(default_factory=list)
    breakdown: BreakdownIn | None = None
    count_by: CountBy = CountBy.USERS

    def to_funnel(self) -> Funnel:
        """Return it as rules take it."""
        return Funnel(
            steps=tuple(step.to_step() for step in self.steps),
            order=self.order,
            window=self.window,
            mode=self.mode,
            exclusions=tuple(exclusion.to_exclusion() for exclusion in self.exclusions),
            breakdown=None if self.breakdown is None else Breakdown(**dict(self.breakdown)),
            count_by=self.count_by,
        )


class FunnelPersonsIn(InModel):
    """Whom to list: who did the step numbered `step` (from 0), or (`dropped`) who did the one before, not this, and no longer may."""

    query: FunnelIn
    step: Number
    dropped: bool = False


class FunnelStepOut(OutModel):
    """A step: how many did it, which part of the first and of the nearest step before; seconds since that one."""

    label: str
    count: int
    from_first: float | None
    from_previous: float | None
    dropped: int
    average_seconds: float | None
    median_seconds: float | None
    in_progress: int


class FunnelBinOut(OutModel):
    """How many took from `from_seconds` to less than `to_seconds`."""

    from_seconds: int
    to_seconds: int
    count: int


class TimeToConvertOut(OutModel):
    """The time from the first step to the last."""

    average_seconds: float | None
    median_seconds: float | None
    bins: list[FunnelBinOut]


class FunnelPartOut(OutModel):
    """The funnel of one breakdown value."""

    value: str
    steps: list[FunnelStepOut]


class FunnelOut(OutModel):
    """A funnel's numbers."""

    steps: list[FunnelStepOut]
    time_to_convert: TimeToConvertOut
    breakdown: list[FunnelPartOut] | None
