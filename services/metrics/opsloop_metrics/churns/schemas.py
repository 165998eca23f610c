"""HTTP shapes of churn."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Self

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel, ShortText
from opsloop_metrics.churns.rules import Answer, Churn
from opsloop_metrics.insights.periods import EventFilter, moved
from opsloop_metrics.shapes import EventFilterIn, Field_, Lasting, RangeIn, Where, lasting


class AnswerIn(InModel):
    """What counts as an answer: each value of `field`, of a list each element, in events called `event` for which all of `where` hold."""

    event: ShortText
    field: Field_
    where: Where = Field(default_factory=list)
    label: ShortText | None = None

    def to_answer(self) -> Answer:
        """Return it as rules take it."""
        return Answer(EventFilter(self.event, tuple(self.where), self.label), self.field)


def _feedback() -> list[AnswerIn]:
    fields = ("kind", "severity", "area", "tags")
    return [AnswerIn(event="feedback.received", field=f"properties.{field}") for field in fields]


class ChurnIn(RangeIn):
    """What did people say who left, against those who stayed?

    Left has who was not active in `inactive_for` after their last `activity` of the range, or who did what `left` names in the range.
    """

    LIGHTER: ClassVar[str] = "a shorter time, fewer answers, or answers with fewer values"

    activity: EventFilterIn = Field(default_factory=EventFilterIn)
    inactive_for: Annotated[Lasting, lasting(timedelta(hours=1), timedelta(days=365))] = timedelta(days=30)
    left: EventFilterIn | None = None
    answers: Annotated[list[AnswerIn], Field(min_length=1, max_length=10)] = Field(default_factory=_feedback)
    min_people: Annotated[int, Field(ge=1, le=10_000)] = 5
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100

    def until(self, at: datetime, *, days: int | None) -> Self:
        """Return the query for which nobody is undecided at a time: one without `to` ends `inactive_for` before."""
        return super().until(moved(at, -self.inactive_for), days=days)

    def to_question(self) -> Churn:
        """Return it as rules take it."""
        return Churn(
            activity=self.activity.to_filter(),
            inactive_for=self.inactive_for,
            left=None if self.left is None else self.left.to_filter(),
            answers=tuple(each.to_answer() for each in self.answers),
            min_people=self.min_people,
            limit=self.limit,
        )


class ReasonOut(OutModel):
    """An answer: which part of those who left and of those who stayed gave it.

    The true difference lies between `difference_low` and `difference_high` (95 %): where 0 is between them, it may be chance.
    """

    label: str
    value: str
    left: int
    stayed: int
    left_share: float | None
    stayed_share: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    lift: float | None


class ChurnOut(OutModel):
    """Who left, and the answers, first the one that sets those who left apart most.

    `undecided`: it is too early to say. `silent`: the part of those who left that gave no answer. `left_out`: values that fewer than
    `min_people` gave.
    """

    people: int
    left: int
    stayed: int
    undecided: int
    churn_rate: float | None
    silent: float | None
    rows: list[ReasonOut]
    left_out: int
