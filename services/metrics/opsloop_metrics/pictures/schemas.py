"""HTTP shapes of the numbers beside a KPI's picture."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from opsloop_common.http.schemas import OutModel, Timestamp, parse_duration
from opsloop_metrics.insights.periods import Interval


def _read_interval(given: object) -> Interval | timedelta:
    return Interval(given) if isinstance(given, str) and given in list(Interval) else parse_duration(given)


Length = Annotated[
    Interval | timedelta,
    PlainValidator(_read_interval),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": [each.value for each in Interval]},
                {"type": "string", "format": "duration"},
            ],
            "examples": ["day", "PT10M"],
        }
    ),
]
"""An interval of the calendar, or an ISO 8601 duration."""


class PointOut(OutModel):
    """The value over the time from `from` until just before `to`."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Timestamp = Field(alias="from")
    to: Timestamp
    value: float | None
    samples: int


class SeriesOut(OutModel):
    """A KPI's values over consecutive intervals, oldest first."""

    key: str
    unit: str | None
    target: float | None
    points: list[PointOut]
