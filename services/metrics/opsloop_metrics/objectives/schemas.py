"""HTTP shapes of objectives, key results and check-ins."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from opsloop_common.http.paging import Listing
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, in_words, plain_text
from opsloop_metrics.objectives.rules import PERIOD, GoalState
from opsloop_metrics.shapes import Day, LongText

PeriodName = Annotated[
    str,
    *in_words(
        PERIOD,
        "must be a year, half, quarter or month, such as 2026, 2026-H1, 2026-Q4 or 2026-10",
        longest=7,
        like=str.upper,
    ),
]
Number = Annotated[float, Field(allow_inf_nan=False)]
Unit = Annotated[ShortText, AfterValidator(plain_text)]
Weight = Annotated[float, Field(gt=0, le=1_000_000)]
Confidence = Annotated[int, Field(ge=1, le=5, description="From 1, hardly, to 5, surely.")]
Share = Annotated[float, Field(ge=0, le=1)]


class ObjectiveIn(InModel):
    """What to reach: in a named `period`, or `from` a first day `to` a last one, of the workspace's time zone."""

    title: ShortText
    description: LongText | None = None
    owner: ShortText | None = None
    period: PeriodName | None = None
    first_day: Day | None = Field(default=None, alias="from")
    last_day: Day | None = Field(default=None, alias="to")
    parent_id: UUID | None = None


class ObjectivePatch(InModel):
    """What to change; fields left out stay. A `period` takes the place of `from` and `to`, and these of a period."""

    title: ShortText = Field(default_factory=absent)
    description: LongText | None = None
    owner: ShortText | None = None
    period: PeriodName | None = None
    first_day: Day | None = Field(default=None, alias="from")
    last_day: Day | None = Field(default=None, alias="to")
    parent_id: UUID | None = None


class ObjectiveOut(OutModel):
    """An objective, as it stood at `judged_at`. `progress` is null while nothing measures it."""

    model_config = ConfigDict(populate_by_name=True)

    id: UUID
    title: str
    description: str | None
    owner: str | None
    period: str | None
    first_day: date = Field(alias="from")
    last_day: date = Field(alias="to")
    parent_id: UUID | None
    progress: Share | None
    pace: Share
    state: GoalState
    judged_at: Timestamp
    created_at: Timestamp
    updated_at: Timestamp


class StateCountsOut(OutModel):
    """How many stand where."""

    not_started: int
    on_track: int
    at_risk: int
    off_track: int
    achieved: int
    missed: int


class SummaryOut(OutModel):
    """All objectives of a list together: `progress` is the mean of those that are measured and stand below none of the others."""

    objectives: int
    progress: Share | None
    states: StateCountsOut


class ObjectivesOut(Listing[ObjectiveOut]):
    """One page of objectives; `summary` is of all pages together."""

    summary: SummaryOut


class KeyResultIn(InModel):
    """A number that goes from `start` to `target`, up or down: of a KPI by its key, or said by hand when people check in.

    A KPI has a unit of its own; for what is said by hand `unit` names it.
    """

    title: ShortText
    kpi: ShortText | None = None
    unit: Unit | None = None
    start: Number
    target: Number
    weight: Weight = 1.0


class KeyResultPatch(InModel):
    """What to change; fields left out stay. `kpi` null leaves the last value, and people say the next."""

    title: ShortText = Field(default_factory=absent)
    kpi: ShortText | None = None
    unit: Unit | None = None
    start: Number = Field(default_factory=absent)
    target: Number = Field(default_factory=absent)
    weight: Weight = Field(default_factory=absent)


class KeyResultOut(OutModel):
    """A key result. `value` is that of its KPI over the objective's time so far, in its `unit`, or what was said last."""

    id: UUID
    objective_id: UUID
    title: str
    kpi: str | None
    unit: str | None
    start: float
    target: float
    weight: float
    value: float | None
    progress: Share | None
    state: GoalState
    confidence: int | None
    created_at: Timestamp
    updated_at: Timestamp


class CheckInIn(InModel):
    """What to say about a key result: how sure one is, and the value where no KPI measures it."""

    value: Number | None = None
    confidence: Confidence
    note: LongText | None = None


class CheckInOut(OutModel):
    """What somebody said."""

    id: UUID
    value: float | None
    confidence: int
    note: str | None
    said_by: str
    said_at: Timestamp
