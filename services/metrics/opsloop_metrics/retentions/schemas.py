"""HTTP shapes of retention."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_metrics.retentions.rules import Breakdown, Retention, RetentionMode
from opsloop_metrics.shapes import BreakdownValue, EventFilterIn, Field_, InsightIn, ObjectIn, Place, When


class RetentionBreakdownIn(ObjectIn):
    """By which field of the first start event of each row to divide, and how many values to show."""

    field: Field_
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class RetentionIn(InsightIn):
    """Of those who did `start` in an interval: who did `return` in later ones? `docs/insights.md` says what each word means."""

    LIGHTER: ClassVar[str] = "a shorter time, fewer periods or no breakdown"

    start_event: EventFilterIn = Field(alias="start")
    return_event: EventFilterIn = Field(alias="return")
    periods: Annotated[int, Field(ge=1, le=100)] = 11
    mode: RetentionMode = RetentionMode.RECURRING
    rolling: bool = False
    windows_24h: bool = False
    min_occurrences: Annotated[int, Field(ge=1, le=1_000)] = 1
    breakdown: RetentionBreakdownIn | None = None

    def to_retention(self) -> Retention:
        """Return it as rules take it."""
        return Retention(
            start=self.start_event.to_filter(),
            back=self.return_event.to_filter(),
            periods=self.periods,
            mode=self.mode,
            rolling=self.rolling,
            windows_24h=self.windows_24h,
            min_occurrences=self.min_occurrences,
            breakdown=None if self.breakdown is None else Breakdown(self.breakdown.field, self.breakdown.limit),
        )


class RetentionPersonsIn(InModel):
    """Whom to list: of the cohort that begins at `cohort` who came back in a column (from 0), or who did not.

    Of a query with a breakdown `breakdown` is the value that is meant.
    """

    query: RetentionIn
    cohort: When
    column: Place
    breakdown: BreakdownValue | None = None
    retained: bool = True


class RetentionCellOut(OutModel):
    """How many came back, which part of the cohort that is (null of nobody), and whether the time for it has begun and is over.

    What has not begun has the count and share 0, and no picture shows it.
    """

    count: int
    share: float | None
    has_begun: bool
    is_complete: bool


class CohortOut(OutModel):
    """Who began in the interval from `start`: how many, and how many of them came back in each period."""

    start: Timestamp
    breakdown: str | None
    size: int
    values: list[RetentionCellOut]


class RetentionOut(OutModel):
    """Retention's numbers; `average` is of what is complete."""

    cohorts: list[CohortOut]
    average: list[float | None]
