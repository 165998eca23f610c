"""What a KPI measures, and when it is at its target: definitions, checked and pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from opsloop_common.conditions import read_conditions
from opsloop_common.contracts.known import field_fault, shape_at
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.meaningful import require_fields
from opsloop_metrics.events.rules import NUMERIC, Aggregate, Reading, Selection

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of our clock a reported value may be dated: partners' clocks differ."""

_WAITS = "is not supported yet"


class Direction(StrEnum):
    """Which way is better."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class Measure:
    """Where a KPI's number comes from: nothing of ours (`reported`), one selection of events, or one divided by another."""

    parts: tuple[Selection, ...] = ()

    @property
    def is_reported(self) -> bool:
        """Say whether values are posted rather than measured."""
        return not self.parts

    @property
    def event_types(self) -> list[str]:
        """Return the event types that can change the value."""
        return sorted({part.event for part in self.parts})


@dataclass(frozen=True)
class Definition:
    """A KPI as other rooms know it."""

    kpi_id: UUID
    key: str
    name: str
    unit: str | None
    target: float | None
    measure: Measure


def read_measure(raw: Mapping[str, Any], pointer: str = "/measure") -> Measure:
    """Return the measure that `raw` says; raises Invalid for what is wrong with it or not supported yet."""
    match raw["type"]:
        case "reported":
            return Measure()
        case "events":
            return Measure((read_selection(raw, pointer),))
        case "ratio":
            sides = ("numerator", "denominator")
            return Measure(tuple(_read_side(raw[side], f"{pointer}/{side}") for side in sides))
    raise Invalid(f"{pointer}/type", f"a measure of type {raw['type']} {_WAITS}")


def require_known(raw: Mapping[str, Any], pointer: str = "/measure") -> None:
    """Raise Invalid for a measure of fields that its events do not have; what was kept before we asked stays readable."""
    for side in ("numerator", "denominator") if raw["type"] == "ratio" else ():
        require_known(raw[side], f"{pointer}/{side}")
    if raw["type"] != "events":
        return
    types = [raw["event"]]
    if raw.get("property") and (fault := field_fault(raw["property"], types)):
        raise Invalid(f"{pointer}/property", fault)
    if raw["aggregate"] in NUMERIC and raw.get("property"):
        kinds = shape_at(raw["property"], types).kinds
        if kinds and "a number" not in kinds:
            told = " or ".join(sorted(kinds))
            raise Invalid(f"{pointer}/property", f"{raw['aggregate']} takes numbers; {raw['property']} is {told}")
    require_fields(read_conditions(raw.get("where") or ()), types, f"{pointer}/where")


def _read_side(raw: Mapping[str, Any], pointer: str) -> Selection:
    if raw["type"] != "events":
        raise Invalid(f"{pointer}/type", "both sides of a ratio are measures of type events")
    return read_selection(raw, pointer)


def read_selection(raw: Mapping[str, Any], pointer: str) -> Selection:
    """Return the selection of events that `raw` says; raises Invalid."""
    if raw["aggregate"] == "p95":
        raise Invalid(f"{pointer}/aggregate", f"the aggregate p95 {_WAITS}")
    aggregate = Aggregate(raw["aggregate"])
    where = read_conditions(raw.get("where") or ())
    property = raw.get("property")
    if aggregate in NUMERIC and property is None:
        raise Invalid(f"{pointer}/property", f"{aggregate} needs the property to take the numbers from")
    if aggregate is Aggregate.SHARE and not where:
        raise Invalid(f"{pointer}/where", "share needs conditions: it is those that fulfil them over all")
    return Selection(raw["event"], aggregate, property if aggregate in NUMERIC else None, where)


def require_reported(measure: Measure) -> None:
    """Raise Conflict when values are measured rather than posted."""
    if not measure.is_reported:
        raise Conflict("this KPI is measured from events; post values to a reported one")


def require_not_ahead(at: datetime, now: datetime) -> None:
    """Raise Invalid for a value dated further ahead than clocks differ."""
    if at > now + CLOCK_SKEW:
        raise Invalid("/at", f"more than {CLOCK_SKEW.seconds // 60} minutes ahead of the server's clock")


def combine(readings: Sequence[Reading]) -> Reading:
    """Return a measure's reading from those of its parts. A ratio over null or zero is null; its samples are the denominator's."""
    if len(readings) == 1:
        return readings[0]
    over, under = readings
    value = None if over.value is None or not under.value else over.value / under.value
    causes = [reading.cause for reading in readings if reading.cause]
    return Reading(
        value=value if value is None or abs(value) != float("inf") else None,
        samples=under.samples,
        oldest_at=_earliest(over.oldest_at, under.oldest_at),
        upcoming_at=_earliest(over.upcoming_at, under.upcoming_at),
        last_seen_at=under.last_seen_at,
        cause=max(causes, key=lambda cause: cause.event_id, default=None),
    )


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def meets_target(value: float, target: float, direction: Direction) -> bool:
    """Say whether `value` is at its target or beyond, the better way."""
    return value >= target if direction is Direction.UP else value <= target
