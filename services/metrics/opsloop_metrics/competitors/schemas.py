"""HTTP shapes of competitors, series and points."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from opsloop_common.http.schemas import (
    Duration,
    InModel,
    OutModel,
    ShortText,
    Slug,
    Timestamp,
    absent,
    plain_text,
    storable,
)
from opsloop_metrics.competitors.rules import MOST_POINTS_AT_ONCE
from opsloop_metrics.shapes import Link, LongText

Unit = Annotated[ShortText, AfterValidator(plain_text)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class CompetitorIn(InModel):
    """A competitor, or a market, to follow."""

    name: ShortText
    url: Link | None = None
    notes: LongText | None = None


class CompetitorPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    url: Link | None = None
    notes: LongText | None = None


class CompetitorOut(OutModel):
    """A competitor."""

    id: UUID
    name: str
    url: str | None
    notes: str | None
    created_at: Timestamp
    updated_at: Timestamp


class SeriesUrl(InModel):
    """An address that is asked every hour to every 31 days.

    `json`: `pointer` (RFC 6901) leads to the number, `at_pointer` to its time. `csv`: `column` names the numbers' column, `at_column`
    that of the times. Without a time the number is of the moment of asking, and of rows the last one counts.
    """

    type: Literal["url"]
    url: Annotated[str, StringConstraints(min_length=1, max_length=2_048), AfterValidator(storable)]
    format: Literal["json", "csv"]
    pointer: ShortText | None = None
    at_pointer: ShortText | None = None
    column: ShortText | None = None
    at_column: ShortText | None = None
    every: Duration = timedelta(days=1)


Source = Literal["manual"] | SeriesUrl


class SeriesAlert(InModel):
    """When to tell: at a change of this share against the point before, 0.2 for a fifth, up or down."""

    change: Annotated[float, Field(gt=0, le=1_000_000)]


class CompetitorSeriesIn(InModel):
    """A number to follow."""

    key: Slug
    name: ShortText
    unit: Unit | None = None
    source: Source = "manual"
    alert: SeriesAlert | None = None


class CompetitorSeriesPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    unit: Unit | None = None
    source: Source = Field(default_factory=absent)
    alert: SeriesAlert | None = None


class SeriesUrlOut(OutModel):
    """An address that is asked."""

    type: Literal["url"]
    url: str
    format: Literal["json", "csv"]
    pointer: str | None
    at_pointer: str | None
    column: str | None
    at_column: str | None
    every: Duration


class SeriesAlertOut(OutModel):
    """When somebody is told."""

    change: float


def _by_hand_or_pulled(kept: object) -> object:
    return "manual" if kept is None else kept


class CompetitorSeriesOut(OutModel):
    """A series. `last_error` says why the latest try brought nothing; null when it did, or nothing is pulled."""

    id: UUID
    competitor_id: UUID
    key: str
    name: str
    unit: str | None
    source: Annotated[Literal["manual"] | SeriesUrlOut, BeforeValidator(_by_hand_or_pulled)]
    alert: SeriesAlertOut | None
    pull_at: Timestamp | None
    pulled_at: Timestamp | None
    last_error: str | None
    created_at: Timestamp
    updated_at: Timestamp


class CompetitorPointIn(InModel):
    """A number at a time, at most five minutes ahead; `at` left out means now."""

    at: Timestamp | None = None
    value: Number


class CompetitorPointsIn(InModel):
    """Points to take, each of another time."""

    points: Annotated[list[CompetitorPointIn], Field(min_length=1, max_length=MOST_POINTS_AT_ONCE)]


class PointsTakenOut(OutModel):
    """What became of points; the others stood there already."""

    created: int
    corrected: int


class CompetitorPointOut(OutModel):
    """A number at a time."""

    at: Timestamp
    value: float


class ComparedOut(OutModel):
    """One day: the latest number of each, and both measured by the first day that has both."""

    day: date
    ours: float | None
    theirs: float | None
    ours_index: float | None
    theirs_index: float | None


class ComparisonOut(OutModel):
    """A KPI beside a series, day by day of the workspace's zone. `base_day` is 100; null where no day has both."""

    kpi: str
    series: str
    base_day: date | None
    days: list[ComparedOut]
