"""How a change is divided among the values of a field, to the letter in docs/kpis.md: pure arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Literal, Protocol, runtime_checkable

from opsloop_common.conditions import Condition
from opsloop_common.contracts.known import field_fault, shape_at
from opsloop_common.errors import Invalid
from opsloop_metrics.events.rules import Aggregate, Part, Selection
from opsloop_metrics.insights.periods import instant, require_years
from opsloop_metrics.kpi_measures.rules import Measure
from opsloop_metrics.trends.rules import Aggregate as TrendAggregate
from opsloop_metrics.trends.rules import Series, Trend
from opsloop_metrics.windows.rules import Span

FIELDS_TRIED, FIELDS_SHOWN, ROWS_SHOWN = 8, 3, 20
MOST_SPAN = timedelta(days=366)
OF_PRODUCTS = ("properties.plan", "channel", "utm_source", "country", "browser", "os", "device", "app_version")
"""The fields of product events that are tried: what a change of a product's numbers most often goes by."""
_NAMES_ONE = ("_id", "_at", ".name", ".detail")
"""Ends of fields that hold an id, a time or a free text: nearly each event has its own, and none is a group."""
_KINDS = {"a text", "true or false"}
_SORTED = frozenset({"data.kind", "data.severity", "data.sentiment"})
"""What one triage finds in the words of a post: none of them is the cause of another."""
_ADDED = {Aggregate.COUNT, Aggregate.SUM, Aggregate.USERS}
_DIVIDED = {Aggregate.SHARE, Aggregate.AVG}
_RANKED = {Aggregate.MEDIAN, Aggregate.P95}
_RANKS = {TrendAggregate.MEDIAN: 0.5, TrendAggregate.P90: 0.9, TrendAggregate.P95: 0.95, TrendAggregate.P99: 0.99}
_OF_TRENDS = {TrendAggregate.COUNT, TrendAggregate.SUM, TrendAggregate.USERS, TrendAggregate.AVG, *_RANKS}

_NOTHING = Part(0, None, 0.0, 0.0, 0.0, 0.0)
_LOST = 1e-12

Undivided = Literal["reported", "formula", "insight", "aggregate", "no_value"]
"""Why nothing is divided: values that are posted or calculated have no events, other numbers of insights and shares, averages and
medians in a ratio have no parts that add up, and of what had no value at one time nothing changed."""
REASONS: dict[Undivided, dict[str, str]] = {
    "reported": {
        "en": "Its values are reported: there are no events behind them that could be divided.",
        "zh": "它的值是上报的，背后没有可以拆分的事件。",
    },
    "formula": {
        "en": "It is calculated from other KPIs: ask for the explanation of each of these.",
        "zh": "它由其他 KPI 计算得出：请分别查看这些 KPI 的解释。",
    },
    "insight": {
        "en": "Of insights only the totals of undivided series of trends have parts: make a KPI of such a one.",
        "zh": "洞察中只有趋势里未拆分序列的总数可以拆分：请为这样的总数建立 KPI。",
    },
    "aggregate": {
        "en": "A share, an average, a median or a percentile within a ratio has no parts that add up: make a KPI of each of its sides.",
        "zh": "比率中的占比、平均、中位数与百分位数没有可以相加的部分：请为分子与分母各建一个 KPI。",
    },
    "no_value": {
        "en": "It had no value in one of the two times, so there is no change: ask for times in which it has one.",
        "zh": "两段时间之一没有值，因此没有变化：请选择有值的时间。",
    },
}
"""The same for people, with what to do instead."""


@runtime_checkable
class TrendQuestion(Protocol):
    """A saved question of trends, as far as it is read here."""

    time_zone: str | None
    where: Sequence[Condition]
    include_filtered: bool

    def to_trend(self) -> Trend:
        """Return it as trends take it."""
        ...


@dataclass(frozen=True)
class Spans:
    """Two times, the second not before the end of the first: `[compare_start, compare_end)` and `[start, end)`."""

    compare_start: datetime
    compare_end: datetime
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Row:
    """One value. `change` is what it adds to the whole change, `share` the part of it; of quotients `change` is `mix` + `rate`."""

    value: str | None
    before: float | None
    after: float | None
    change: float
    share: float | None
    mix: float | None = None
    rate: float | None = None
    weight_before: float | None = None
    weight_after: float | None = None


@dataclass(frozen=True)
class Divided:
    """A change by one field: the rows that add or take most, and all others together.

    `net` is the whole change, `gross` all that went up or down; `moved`: see `_moved`.
    """

    field: str
    net: float
    gross: float
    moved: float
    rows: Sequence[Row]
    other: Row | None


@dataclass(frozen=True)
class Above:
    """Of a median or percentile: which part of its numbers was above `value`, midway from what it was to what it became."""

    value: float
    before: float
    after: float


@dataclass(frozen=True)
class Explanation:
    """What a KPI came to at two times, and by which fields the difference goes, the most telling first.

    With `above` it is the change of that part that goes by fields: more numbers above it is what lifts a median.
    """

    spans: Spans
    before: float | None
    after: float | None
    change: float | None
    undivided: Undivided | None
    fields: Sequence[Divided]
    above: Above | None = None


def spans_in(
    zone: str,
    start: date | datetime,
    end: date | datetime,
    compare_start: date | datetime | None = None,
    compare_end: date | datetime | None = None,
) -> Spans:
    """Return the times to compare; days are those of a zone, both ends included, and compared with as many before. Raises Invalid."""
    given = {"from": start, "to": end, "compare_from": compare_start, "compare_to": compare_end}
    require_years({f"/query/{name}": each for name, each in given.items()})
    if compare_start is None is compare_end and not isinstance(start, datetime) and not isinstance(end, datetime):
        compare_start, compare_end = start - (end - start) - timedelta(days=1), start - timedelta(days=1)
    return spans_of(
        instant(start, zone, whole_day=False),
        instant(end, zone, whole_day=True),
        None if compare_start is None else instant(compare_start, zone, whole_day=False),
        None if compare_end is None else instant(compare_end, zone, whole_day=True),
    )


def spans_of(
    start: datetime, end: datetime, compare_start: datetime | None = None, compare_end: datetime | None = None
) -> Spans:
    """Return the times to compare: as long just before, where it is not said. Raises Invalid for what cannot be compared."""
    if not timedelta() < end - start <= MOST_SPAN:
        raise Invalid("/query/to", f"has to be after from, by at most {MOST_SPAN.days} days")
    if (compare_start is None) is not (compare_end is None):
        missing = "compare_from" if compare_start is None else "compare_to"
        raise Invalid(f"/query/{missing}", "compare_from and compare_to go together")
    until = compare_end or start
    since = compare_start or start - (end - start)
    if not timedelta() < until - since <= MOST_SPAN:
        raise Invalid("/query/compare_to", f"has to be after compare_from, by at most {MOST_SPAN.days} days")
    if until > start:
        raise Invalid("/query/compare_to", "has to be before from, or there")
    return Spans(since, until, start, end)


def spans_between(over: Span, beside: Span | None) -> Spans | None:
    """Return the times of an alarm: those that it compared, or where these meet or there is but one, as long just before.

    None of a time without a begin, and of one in which nothing can be yet.
    """
    if over.start is None or not over.start < over.end:
        return None
    if beside is None or beside.start is None or not beside.start < beside.end <= over.start:
        return Spans(over.start - (over.end - over.start), over.start, over.start, over.end)
    return Spans(beside.start, beside.end, over.start, over.end)


def undivided(measure: Measure) -> Undivided | None:
    """Return why a measure cannot be divided, None where it can; of an insight it is seen when its question is read."""
    if measure.is_reported:
        return "reported"
    if measure.formula is not None:
        return "formula"
    fitting = _ADDED if len(measure.parts) == 2 else _ADDED | _DIVIDED | _RANKED
    return None if all(part.aggregate in fitting for part in measure.parts) else "aggregate"


def is_quotient(measure: Measure) -> bool:
    """Say whether a measure of events is one number divided by another."""
    return len(measure.parts) == 2 or any(part.aggregate in _DIVIDED for part in measure.parts)


def fields_of(selections: Sequence[Selection], fields: Sequence[str]) -> list[str]:
    """Return which fields to try of those that all the events have: lists of fixed values and yes or no first, then other texts.

    Of what a triage found none, where what counts goes by some of it: they are one finding, told in several ways.
    """
    types = [each.event for each in selections]
    is_of_triage = any(_is_sorted(each) for each in selections)
    fitting: list[tuple[bool, str]] = []
    for field in sorted(fields):
        shapes = [shape_at(field, [each]) for each in types]
        if field.endswith(_NAMES_ONE) or not all(shape.kinds and shape.kinds <= _KINDS for shape in shapes):
            continue
        if is_of_triage and field in _SORTED:
            continue
        is_open = any(shape.texts is None and "a text" in shape.kinds for shape in shapes)
        fitting.append((is_open, field))
    return [field for _, field in sorted(fitting)][:FIELDS_TRIED]


def _is_sorted(selection: Selection) -> bool:
    asked = {selection.property, *(condition.field for condition in selection.where)}
    return selection.event.startswith("feedback.") and not asked.isdisjoint(_SORTED)


def require_data_field(field: str, types: Sequence[str]) -> None:
    """Raise Invalid for what is no field of events of the types."""
    fault = field_fault(field, types)
    if fault or not field.startswith("data."):
        raise Invalid("/query/by", fault or "is a path below the data of its events, such as data.channel")


def require_product_field(field: str) -> None:
    """Raise Invalid for a path below the data of domain events, where a product's are divided."""
    if field.startswith("data."):
        raise Invalid("/query/by", "is a field of a product's events, such as country or properties.plan")


def is_ranked(measure: Measure) -> bool:
    """Say whether a measure of events is a median or percentile."""
    return len(measure.parts) == 1 and measure.parts[0].aggregate in _RANKED


def rank_of(series: Series) -> float | None:
    """Return of which rank, 0 to 1, a series is the number; None of what is no median or percentile."""
    return _RANKS.get(series.aggregate)


def midway(before: float | None, after: float | None) -> float | None:
    """Return what lies between two numbers; None without one of them."""
    return None if before is None or after is None else before / 2 + after / 2


def ranked(found: Explanation, before: float | None, after: float | None, above: float) -> Explanation:
    """Return the explanation of a median from that of the part of its numbers that is `above` one."""
    if found.before is None or found.after is None or before is None or after is None:
        return Explanation(found.spans, before, after, None, "no_value", [])
    parts = Above(above, found.before, found.after)
    return replace(found, before=before, after=after, change=after - before, above=parts)


def is_average(series: Series) -> bool:
    """Say whether a series is a sum divided by how many there are."""
    return series.aggregate is TrendAggregate.AVG


def series_of(trend: Trend, path: str | None) -> Series | None:
    """Return the series of a trend whose total a KPI is; None where the number is another, or has no parts that add up."""
    head, _, rest = (path or "series.0.total").partition(".")
    place, _, name = rest.partition(".")
    if head != "series" or name != "total" or not place.isdecimal() or trend.breakdown is not None:
        return None
    series = trend.series[int(place)] if int(place) < len(trend.series) else None
    return series if series is not None and series.aggregate in _OF_TRENDS else None


def joined(over: Sequence[Part], under: Sequence[Part], *, most: int) -> list[Part]:
    """Return the parts of a ratio: what `over` adds up to above what `under` does.

    A side that has `most` values of a field may have more: one that it does not name is not nothing there, and goes to the others.
    """
    sides = [{(part.field, part.value): part for part in side} for side in (over, under)]
    named = [Counter(part.field for part in side) for side in (over, under)]
    found = []
    for field, value in sorted(sides[0].keys() | sides[1].keys(), key=str):
        above, below = (side.get((field, value), _NOTHING) for side in sides)
        unknown = [part is _NOTHING and count[field] >= most for part, count in zip((above, below), named, strict=True)]
        if not any(unknown):
            found.append(Part(field, value, above.before, above.after, below.before, below.after))
    return found


def explain(spans: Spans, fields: Sequence[str], parts: Sequence[Part], *, is_quotient: bool) -> Explanation:
    """Return which of the fields tell most. Of `parts` field 0 is the whole, 1 the first of `fields`."""
    whole = next((part for part in parts if part.field == 0), _NOTHING)
    before, after = (_number(*pair) if is_quotient else pair[0] for pair in _pairs(whole))
    if before is None or after is None or not isfinite(after - before):
        return Explanation(spans, _finite(before), _finite(after), None, "no_value", [])
    found = [
        divide(field, whole, [part for part in parts if part.field == place], is_quotient=is_quotient)
        for place, field in enumerate(fields, 1)
    ]
    telling = [each for each in found if _is_finite(each) and (len(fields) == 1 or len(each.rows) > 1)]
    telling.sort(key=lambda each: (-each.moved, each.field))
    of_triage = [each for each in telling if each.field in _SORTED]
    shown = [each for each in telling if each not in of_triage[1:]]  # they tell the same of the same posts
    return Explanation(spans, before, after, after - before, None, shown[:FIELDS_SHOWN])


def divide(field: str, whole: Part, parts: Sequence[Part], *, is_quotient: bool) -> Divided:
    """Return the change by one field: the rows that change most, and what all others come to; together they are the change."""
    row = _quotient if is_quotient else _sum
    rows = {part.value: row(part, whole) for part in parts}
    ranked = sorted(parts, key=lambda part: (-abs(rows[part.value].change), str(part.value)))
    shown = ranked[:ROWS_SHOWN]
    rest = _rest(whole, shown)
    told = [rows[part.value] for part in shown]
    others = None if rest is None else row(rest, whole)
    changes = [each.change for each in (*told, *([] if others is None else [others]))]
    net, gross = sum(changes), sum(map(abs, changes))
    moved = max((_moved(rows[part.value], part, whole, net) for part in shown), default=0.0)
    return Divided(field, net, gross, moved, told, others)


def _sum(part: Part, whole: Part) -> Row:
    change = part.after - part.before
    return Row(part.value, part.before, part.after, change, _share(change, whole.after - whole.before))


def _quotient(part: Part, whole: Part) -> Row:
    """Divide a quotient's change into what the value's own rate did and what its weight did, both at their means of the two times.

    A weight counts by how far the value's rate lies from the whole's: more of what is better than the rest lifts the whole.
    """
    before, after = (_number(*pair) for pair in _pairs(part))
    was, now = (_number(*pair) or 0.0 for pair in _pairs(whole))
    weights = [part.under_before / whole.under_before, part.under_after / whole.under_after]
    usual, gained = (was + now) / 2, weights[1] - weights[0]
    rates = [rate for rate in (before, after) if rate is not None]
    change = part.after / whole.under_after - part.before / whole.under_before - usual * gained
    mix = (sum(rates) / len(rates) - usual) * gained if rates else 0.0
    return Row(part.value, before, after, change, _share(change, now - was), mix, change - mix, *weights)


def _moved(row: Row, part: Part, whole: Part, net: float) -> float:
    """Return by how much a value changed otherwise than its due: its part of the whole before, of quotients its mean weight, times `net`.

    So a field is the more telling the further one of its values went its own way, also where others went as far the other way.
    """
    if row.weight_before is not None and row.weight_after is not None:
        due = (row.weight_before + row.weight_after) / 2
    else:
        due = part.before / whole.before if whole.before else 0.0
    return abs(row.change - due * net)


def _rest(whole: Part, shown: Sequence[Part]) -> Part | None:
    """Return all that is not shown as one part; None where nothing is left, but for what adding up loses."""
    names = ("before", "after", "under_before", "under_after")
    left = {name: getattr(whole, name) - sum(getattr(part, name) for part in shown) for name in names}
    scale = {name: sum(abs(getattr(part, name)) for part in (whole, *shown)) for name in names}
    if all(abs(left[name]) <= _LOST * scale[name] for name in names):
        return None
    return Part(whole.field, None, **left)


def _pairs(part: Part) -> tuple[tuple[float, float], tuple[float, float]]:
    return (part.before, part.under_before), (part.after, part.under_after)


def _number(over: float, under: float) -> float | None:
    return over / under if under else None


def _share(change: float, whole: float) -> float | None:
    return change / whole if whole else None


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None


def _is_finite(divided: Divided) -> bool:
    told = [divided, *divided.rows, *([divided.other] if divided.other else [])]
    return all(isfinite(number) for each in told for number in vars(each).values() if isinstance(number, float))
