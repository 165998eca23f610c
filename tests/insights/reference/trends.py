"""Trends: numbers an interval, divided by values, combined by formulas, beside those of the period before."""

from __future__ import annotations

import ast
import itertools
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from statistics import fmean
from typing import Any

from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import (
    Event,
    chosen,
    field,
    is_number,
    label,
    matches,
    shown_as,
    shown_values,
    text,
)

PERCENTILES = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Number = float | None
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right if right else 0,
}


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return each series and formula, by breakdown value."""
    span, existing = span_of(query), chosen(events, query)
    before = [span.first]
    for _ in range(span.count):
        before.insert(0, span.calendar.before(before[0], span.interval))
    inside = [one for one in existing if span.place(one["time"]) is not None]
    earlier = [one for one in existing if before[0] <= one["time"] < before[-1]]
    values = _shown(inside, query)

    rows = []
    for value in values:
        now_rows = _numbers(_of_value(inside, query, value, values), span.edges, query)
        previous_rows = _numbers(_of_value(earlier, query, value, values), before, query)
        for place, (name, called, numbers) in enumerate(now_rows):
            previous = dict(zip(("values", "total"), previous_rows[place][2], strict=True))
            rows.append(
                {
                    "name": name,
                    "label": called,
                    "breakdown": value,
                    "values": numbers[0],
                    "total": numbers[1],
                    "previous": previous if query.get("compare") else None,
                    "moving_average": moving(numbers[0], query["moving_average"])
                    if query.get("moving_average")
                    else None,
                }
            )
    names = list(dict.fromkeys(row["name"] for row in rows))
    rows.sort(key=lambda row: names.index(row["name"]))  # stable: the values stay in rank order
    return {"intervals": span.labels(), "series": rows, "incomplete_from": span.incomplete_from(now)}


def _shown(events: list[Event], query: Mapping[str, Any]) -> list[str] | list[None]:
    if not (breakdown := query.get("breakdown")):
        return [None]
    sizes = Counter(
        text(field(one, breakdown["field"])) for series in query["series"] for one in events if matches(one, series)
    )
    return shown_values(sizes, breakdown.get("limit", 10))


def _of_value(events: list[Event], query: Mapping[str, Any], value: str | None, values: list[Any]) -> list[Event]:
    if value is None:
        return events
    return [one for one in events if shown_as(text(field(one, query["breakdown"]["field"])), values) == value]


def _numbers(events: list[Event], edges: list[datetime], query: Mapping[str, Any]) -> list[Any]:
    """Return name, label and (values, total) of each series and formula."""
    found: dict[str, tuple[list[Number], Number]] = {}
    rows = []
    for letter, series in zip(LETTERS, query["series"], strict=False):
        own = [one for one in events if matches(one, series)]
        values = [
            aggregate([one for one in own if start <= one["time"] < end], series)
            for start, end in itertools.pairwise(edges)
        ]
        found[letter] = (values, aggregate(own, series))
        rows.append((letter, label(series), found[letter]))
    for formula in query.get("formulas") or []:
        values = [
            calculate(formula, {letter: numbers[0][place] for letter, numbers in found.items()})
            for place in range(len(edges) - 1)
        ]
        total = calculate(formula, {letter: numbers[1] for letter, numbers in found.items()})
        rows.append((formula, formula, (values, total)))
    return rows


def aggregate(events: list[Event], series: Mapping[str, Any]) -> Number:
    """Return one number about events."""
    how = series.get("aggregate") or "count"
    if how == "count":
        return len(events)
    if how == "users":
        return len({one["person"] for one in events} - {None})
    numbers = sorted(value for one in events if is_number(value := field(one, series["property"])))
    if how == "sum":
        return sum(numbers)
    if not numbers:
        return None
    match how:
        case "avg":
            return fmean(numbers)
        case "min":
            return numbers[0]
        case "max":
            return numbers[-1]
    return percentile(numbers, PERCENTILES[how])


def percentile(numbers: list[float], share: float) -> float:
    """Return the percentile of sorted numbers, between the closest ranks in proportion."""
    place = (len(numbers) - 1) * share
    low = int(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


def calculate(formula: str, numbers: Mapping[str, Number]) -> float:
    """Return the value of a formula, its letters given; what is null or divided by 0 is 0."""

    def value(node: ast.expr) -> Any:
        match node:
            case ast.BinOp():
                return OPERATORS[type(node.op)](value(node.left), value(node.right))
            case ast.UnaryOp(op=ast.USub()):
                return -value(node.operand)
            case ast.Name():
                return numbers[node.id] or 0
            case ast.Constant():
                return node.value
        raise ValueError(f"no formula: {formula}")

    return float(value(ast.parse(formula, mode="eval").body))


def moving(values: list[Number], width: int) -> list[Number]:
    """Return the mean of each value and the `width` - 1 before it, as far as there are any."""
    near = [
        [one for one in values[max(0, place - width + 1) : place + 1] if one is not None]
        for place in range(len(values))
    ]
    return [fmean(some) if some else None for some in near]
