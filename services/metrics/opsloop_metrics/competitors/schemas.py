"""HTTP shapes of competitors, series and points."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from opsloop_common.http.schemas import (
    Duration,
    InModel,
    OutModel,
    ShortText,
    Slug,
    Timestamp,
    absent,
    plain_text,
    said,
    storable,
)
from opsloop_metrics.competitors.rules import MOST_POINTS_AT_ONCE

_DATE = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}")


def _day(value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError("must be a day such as 2026-10-01")


Link = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s]+$"), AfterValidator(said)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Unit = Annotated[ShortText, AfterValidator(plain_text)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Pointer = Annotated[str, StringConstraints(max_length=500), AfterValidator(storable)]


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


class UrlSource(InModel):
    """An address that is asked every hour to every 31 days.

    `json`: `pointer` (RFC 6901) leads to the number, `at_pointer` to its time. `csv`: `column` names the numbers' column, `at_column`
    that of the times. Without a time the number is of the moment of asking, and of rows the last one counts.
    """

    type: Literal["url"]
    url: Annotated[str, StringConstraints(min_length=1, max_length=2_048), AfterValidator(storable)]
    format: Literal["json", "csv"]
    pointer: Pointer | None = None
    at_pointer: Pointer | None = None
    column: ShortText | None = None
    at_column: ShortText | None = None
    every: Duration = timedelta(days=1)


Source = Literal["manual"] | UrlSource


class Alert(InModel):
    """When to tell: at a change of this share against the point before, 0.2 for a fifth, up or down."""

    change: Annotated[float, Field(gt=0, le=1_000_000)]


class SeriesIn(InModel):
    """A number to follow."""

    key: Slug
    name: ShortText
    unit: Unit | None = None
    source: Source = "manual"
    alert: Alert | None = None


class SeriesPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    unit: Unit | None = None
    source: Source = Field(default_factory=absent)
    alert: Alert | None = None


class UrlSourceOut(OutModel):
    """An address that is asked."""

    type: Literal["url"]
    url: str
    format: Literal["json", "csv"]
    pointer: str | None
    at_pointer: str | None
    column: str | None
    at_column: str | None
    every: Duration


class AlertOut(OutModel):
    """When somebody is told."""

    change: float


class SeriesOut(OutModel):
    """A series. `last_error` says why the latest try brought nothing; null when it did, or nothing is pulled."""

    id: UUID
    competitor_id: UUID
    key: str
    name: str
    unit: str | None
    source: Literal["manual"] | UrlSourceOut = Field(validation_alias="comes_from")
    alert: AlertOut | None
    pull_at: Timestamp | None
    pulled_at: Timestamp | None
    last_error: str | None
    created_at: Timestamp
    updated_at: Timestamp


class PointIn(InModel):
    """A number at a time, at most five minutes ahead; `at` left out means now."""

    at: Timestamp | None = None
    value: Number


class PointsIn(InModel):
    """Points to take, each of another time."""

    points: Annotated[list[PointIn], Field(min_length=1, max_length=MOST_POINTS_AT_ONCE)]


class PointsTakenOut(OutModel):
    """What became of points; the others stood there already."""

    created: int
    corrected: int


class PointOut(OutModel):
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
