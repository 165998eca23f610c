"""What a KPI measures, checked and pure: what the raw measure says, and how readings of its parts become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import Any
from uuid import UUID

from opsloop_common.conditions import read_conditions
from opsloop_common.contracts.known import field_fault, known_type, shape_at
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.invisible import visible
from opsloop_common.known_names import NAME_CHARACTERS
from opsloop_common.meaningful import require_fields
from opsloop_metrics.events.rules import NUMERIC, Aggregate, Reading, Selection
from opsloop_metrics.trends.rules import FormulaError, read_formula

MOST_BEHIND = 20
"""KPIs that a formula may stand on, those of its formulas with them: each is asked at each measuring."""

_ADDED = {Aggregate.COUNT, Aggregate.USERS, Aggregate.SUM}
_WAITS = "is not supported yet"


@dataclass(frozen=True)
class Asked:
    """One number of a saved insight; `path` None: the one its kind is known for; `days`: of how many it is asked, if it does not say."""

    insight_id: UUID
    path: str | None = None
    days: int | None = None


@dataclass(frozen=True)
class Formula:
    """A calculation with other KPIs, whose keys stand for letters (`a` is kept as `A`)."""

    formula: str
    of: Mapping[str, str]

    def value(self, numbers: Mapping[str, float | None]) -> float | None:
        """Return what it comes to; null where one of the numbers is, over 0, and beyond all numbers."""
        if any(numbers[letter] is None for letter in self.of):
            return None
        found = read_formula(self.formula, "".join(self.of), over_zero=nan)(numbers)
        return None if found is None else float(found)


@dataclass(frozen=True)
class Measure:
    """Where a KPI's number comes from: nothing of ours (`reported`), events, one selection divided by another, an insight, a formula."""

    parts: tuple[Selection, ...] = ()
    insight: Asked | None = None
    formula: Formula | None = None

    @property
    def is_reported(self) -> bool:
        """Say whether values are posted rather than measured."""
        return not self.parts and not self.is_asked

    @property
    def is_asked(self) -> bool:
        """Say whether values are measured from time to time and kept, because asking takes long or several."""
        return self.insight is not None or self.formula is not None

    @property
    def is_kept(self) -> bool:
        """Say whether there is a value without asking events."""
        return not self.parts

    @property
    def adds_up(self) -> bool:
        """Say whether it begins each period with nothing and grows; formulas may be made of what does."""
        return self.formula is not None or (len(self.parts) == 1 and self.parts[0].aggregate in _ADDED)

    @property
    def event_types(self) -> list[str]:
        """Return the event types that can change the value."""
        return sorted({part.event for part in self.parts})


def known_event(name: str) -> str:
    """Return an event type of ours; a ValueError for any other, which for a product's event says how that is measured."""
    if "." in name:
        return known_type(name)
    ours = "is no event type of OpsLoop's own, such as feedback.received; a product's events are measured by a saved insight"
    raise ValueError(f'{visible(name[:NAME_CHARACTERS])} {ours}: {{"type": "insight", "insight_id": …}}')


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
        case "insight":
            return Measure(insight=Asked(UUID(str(raw["insight_id"])), raw.get("path"), raw.get("days")))
        case "formula":
            return Measure(formula=_read_formula(raw, pointer))
    raise Invalid(f"{pointer}/type", f"a measure of type {raw['type']} {_WAITS}")


def _read_formula(raw: Mapping[str, Any], pointer: str) -> Formula:
    of = {letter.upper(): key for letter, key in raw["of"].items()}
    formula = Formula(raw["formula"].upper(), of)
    if len(of) < len(raw["of"]):
        raise Invalid(f"{pointer}/of", "names a letter twice")
    unused = sorted(letter for letter in raw["of"] if letter.upper() not in formula.formula)
    if unused:
        raise Invalid(f"{pointer}/of/{unused[0]}", "does not stand in the formula")
    try:
        read_formula(formula.formula, "".join(of), what="letters", written=raw["formula"], names="".join(raw["of"]))
    except FormulaError as error:
        raise Invalid(f"{pointer}/formula", str(error)) from error
    return formula


def require_acyclic(key: str | None, of: Mapping[str, str], behind: Mapping[str, Sequence[str]]) -> None:
    """Refuse a formula that stands on too much (Invalid), or on its own KPI, `key`, at whatever remove (Conflict).

    `of` are its letters and keys, `behind` the keys on which each formula of the workspace stands.
    """
    seen: set[str] = set()
    ahead = list(of.values())
    while ahead:
        now = ahead.pop()
        if now == key:
            raise Conflict(f"a formula of {key} cannot stand on {key}, which this one does by way of other formulas")
        if now not in seen:
            seen.add(now)
            ahead += behind.get(now, ())
    if len(seen) > MOST_BEHIND:
        raise Invalid("/measure/of", f"stands on {len(seen)} KPIs; {MOST_BEHIND} are the most")


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
    aggregate = Aggregate(raw["aggregate"])
    where = read_conditions(raw.get("where") or ())
    property = raw.get("property")
    if aggregate in NUMERIC and property is None:
        raise Invalid(f"{pointer}/property", f"{aggregate} needs the property to take the numbers from")
    if aggregate is Aggregate.SHARE and not where:
        raise Invalid(f"{pointer}/where", "share needs conditions: it is those that fulfil them over all")
    return Selection(raw["event"], aggregate, property if aggregate in NUMERIC else None, where)


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
