"""HTTP shapes of breakdown."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from opsloop_common.http.schemas import OutModel, ShortText
from opsloop_metrics.breakdowns.rules import Breakdown, Of
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.shapes import Field_, RangeIn


class BreakdownTableIn(RangeIn):
    """Which values were seen, with whom, how often: of events called `event` (null: whatever people did) or of sessions' pages."""

    LIGHTER: ClassVar[str] = "a shorter time, fewer fields in by or fields with fewer values, or without compare"

    event: ShortText | None = None
    of: Of = Of.EVENTS
    by: Annotated[list[Field_], Field(min_length=1, max_length=3)]
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    compare: Literal["previous"] | None = None
    sessions: bool = False

    def to_breakdown(self) -> Breakdown:
        """Return it as rules take it."""
        return Breakdown(
            tuple(self.by), EventFilter(self.event), self.of, self.limit, self.compare is not None, self.sessions
        )


class BreakdownCountOut(OutModel):
    """Events (of entries and exits: sessions), and people with one of them."""

    events: int
    people: int


class BreakdownSeenOut(BreakdownCountOut):
    """Also sessions with one of the events, and the share of them that have no other; null unless `sessions` is asked for."""

    sessions: int | None
    bounce_rate: float | None


class BreakdownRowOut(BreakdownSeenOut):
    """The values of the fields in `by`, `$none` where one is absent; `share` is the part of all people."""

    values: list[str]
    share: float
    previous: BreakdownCountOut | None


class BreakdownOut(OutModel):
    """The rows with the most people; `other` is what is left. In `other` and `total` a person counts once."""

    by: list[str]
    rows: list[BreakdownRowOut]
    other: BreakdownSeenOut | None
    total: BreakdownSeenOut
