"""What a trend asks, and its rows from what the store found: `$other`, totals, formulas, moving averages, the time before."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from string import ascii_uppercase

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.insights.tables import Cell

OTHER = "$other"
MOST_NUMBERS = 100_000
"""Numbers of one answer, each of which may have its moving average and its number before: some 3 MB."""
Number = int | float | None


class Aggregate(StrEnum):
    """What is told of the events of an interval: how many, of how many people, or something of a property's numbers."""

    COUNT = "count"
    USERS = "users"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"


_ZERO_OF_NOTHING = (Aggregate.COUNT, Aggregate.USERS, Aggregate.SUM)


@dataclass(frozen=True)
class Series:
    """Which events, and what is told of them; `field` is where the numbers stand."""

    wanted: EventFilter
    aggregate: Aggregate = Aggregate.COUNT
    field: str | None = None

    @property
    def empty(self) -> Number:
        """Return what is told of no events."""
        return 0 if self.aggregate in _ZERO_OF_NOTHING else None


@dataclass(frozen=True)
class Trend:
    """A query: its series are called A, B, C …"""

    series: tuple[Series, ...]
    breakdown: str | None = None
    limit: int = 10
    formulas: tuple[str, ...] = ()
    moving_average: int | None = None
    compare: bool = False


@dataclass(frozen=True)
class Shown:
    """Which breakdown values have rows, in their order, and whether all others together have one."""

    values: tuple[str, ...]
    has_other: bool

    @property
    def rows(self) -> list[tuple[int, str | None]]:
        """Return the place of each row in what the store found, and its value: others have place 0, the shown ones 1, 2, …"""
        return [*enumerate(self.values, start=1), *([(0, OTHER)] if self.has_other else [])]


@dataclass(frozen=True)
class Numbers:
    """A number for each interval, and one of them all."""

    values: list[Number]
    total: Number


@dataclass(frozen=True)
class Row:
    """A series or formula of one breakdown value."""

    name: str
    label: str
    breakdown: str | None
    values: list[Number]
    total: Number
    previous: Numbers | None
    moving_average: list[Number] | None


@dataclass(frozen=True)
class Trends:
    """An answer: all of A by breakdown value, all of B …, then each formula."""

    intervals: list[str]
    series: list[Row]
    incomplete_from: int | None


Found = Sequence[tuple[int, int | None, Number]]
"""What the store found of a series: place of the breakdown value (no breakdown: 0), place of the interval (None: all), number."""


def shown(ranked: Sequence[str], limit: int) -> Shown:
    """Return which values are shown of the first `limit` + 1 in their rank."""
    return Shown(tuple(ranked[:limit]), len(ranked) > limit)


def require_sound(trend: Trend, intervals: int) -> None:
    """Refuse what cannot be answered; raises Invalid with all that is wrong."""
    errors = [*_faults_of_series(trend), *_faults_of_formulas(trend)]
    rows = (len(trend.series) + len(trend.formulas)) * (trend.limit + 1 if trend.breakdown else 1)
    if rows * intervals > MOST_NUMBERS:
        asked = f"{rows} rows of {intervals} intervals are more than {MOST_NUMBERS:,} numbers"
        errors.append(FieldError("/interval", f"{asked}; take a longer interval, fewer series or a smaller limit"))
    if errors:
        raise Invalid.each(errors)


def _faults_of_series(trend: Trend) -> Iterator[FieldError]:
    for place, series in enumerate(trend.series):
        pointer = f"/series/{place}/property"
        if series.aggregate in (Aggregate.COUNT, Aggregate.USERS):
            if series.field is not None:
                yield FieldError(pointer, f"has no meaning for {series.aggregate}; take sum, avg or another aggregate")
        elif series.field is None:
            yield FieldError(pointer, f"{series.aggregate} needs the field whose numbers are meant: properties.amount")


def _faults_of_formulas(trend: Trend) -> Iterator[FieldError]:
    for place, formula in enumerate(trend.formulas):
        try:
            read_formula(formula, ascii_uppercase[: len(trend.series)])
        except FormulaError as error:
            yield FieldError(f"/formulas/{place}", str(error))


class FormulaError(ValueError):
    """A formula that is none; says what is wrong, and at which character."""


Letters = Mapping[str, Number]
_TOKEN = re.compile(r"\s*(?:(\d{1,15}(?:\.\d{1,15})?|[A-Z]|[-+*/()])|(\S))", re.ASCII)
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def read_formula(
    formula: str, letters: str, *, over_zero: float = 0.0, what: str = "series", written: str = "", names: str = ""
) -> Callable[[Letters], Number]:
    """Return a function from the numbers of `letters` to the formula's; raises FormulaError.

    What is null counts as 0, x / 0 is `over_zero`; a result beyond all numbers, or none, is null. `what` is what letters stand for;
    `written` and `names` are the formula and its letters as people wrote them, for what they are told.
    """
    places, tokens = [], []
    for found in _TOKEN.finditer(formula):
        token, stranger = found.groups()
        at = f"at character {found.end()}"
        letter = (written or formula)[found.end() - 1]
        if stranger is not None:
            raise FormulaError(f"has {stranger!r} {at}; a formula has letters, numbers, + - * / and parentheses")
        if token.isalpha() and token not in letters:
            raise FormulaError(f"has {letter} {at}; the {what} are {', '.join(names or letters)}")
        places.append(found.start(1))
        tokens.append(token)
    if tokens and tokens[-1] in "+-*/(":
        raise FormulaError(f"ends with {tokens[-1]} at character {places[-1] + 1}; something has to follow")
    # divided by blanks, so that neither 1E5 nor ** is something to Python; leading zeros would be a fault of its own
    plain = [token.lstrip("0") or "0" if token.isdecimal() else token for token in tokens]
    try:
        tree = ast.parse(" ".join(plain), mode="eval").body
    except SyntaxError as error:
        before = " ".join(plain)[: max(0, (error.offset or 1) - 1)].count(" ")
        at = f"at character {places[before] + 1}" if places else "at its beginning"
        raise FormulaError(f"is no formula {at}") from error
    _require_plain(tree)
    return lambda numbers: finite(_value(tree, numbers, over_zero))


def _require_plain(tree: ast.expr) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):  # A (B), which is no product here
            raise FormulaError(f"needs an operator before the parenthesis after {ast.unparse(node.func)}")
        if isinstance(node, ast.Tuple):
            raise FormulaError("has parentheses with nothing in them")


def _value(node: ast.expr, numbers: Letters, over_zero: float) -> float:
    match node:
        case ast.BinOp():
            left, right = (_value(side, numbers, over_zero) for side in (node.left, node.right))
            if isinstance(node.op, ast.Div) and not right:
                return over_zero
            return _OPERATORS[type(node.op)](left, right)
        case ast.UnaryOp():
            value = _value(node.operand, numbers, over_zero)
            return -value if isinstance(node.op, ast.USub) else value
        case ast.Name():
            return float(numbers[node.id] or 0)
        case ast.Constant():
            return float(str(node.value))
    raise TypeError(f"{type(node).__name__} is in no formula")


def finite(value: float) -> Number:
    """Return a number, None for one beyond all numbers."""
    return value if isfinite(value) else None


def moving(values: Sequence[Number], width: int) -> list[Number]:
    """Return the mean of each value and up to `width` - 1 before it; nulls are left out, null where none is left."""
    near = ([one for one in values[max(0, end - width) : end] if one is not None] for end in range(1, len(values) + 1))
    return [finite(sum(some) / len(some)) if some else None for some in near]


def trends_of(
    trend: Trend,
    intervals: list[str],
    shown_values: Shown | None,
    found: Sequence[Found],
    before: Sequence[Found] | None,
    *,
    incomplete_from: int | None,
) -> Trends:
    """Return the answer from what was found of each series, and of each in the time before if it is compared."""
    rows: list[list[Row]] = [[] for _ in range(len(trend.series) + len(trend.formulas))]
    for place, value in shown_values.rows if shown_values is not None else [(0, None)]:
        now = _numbers(trend, found, place, len(intervals))
        earlier = _numbers(trend, before, place, len(intervals)) if before is not None else [None] * len(now)
        for own, (name, label), numbers, previous in zip(rows, _names(trend), now, earlier, strict=True):
            average = None if trend.moving_average is None else moving(numbers.values, trend.moving_average)
            own.append(Row(name, label, value, numbers.values, numbers.total, previous, average))
    return Trends(intervals, [row for own in rows for row in own], incomplete_from)


def _names(trend: Trend) -> list[tuple[str, str]]:
    series = [(letter, one.wanted.name) for letter, one in zip(ascii_uppercase, trend.series, strict=False)]
    return series + [(formula, formula) for formula in trend.formulas]


def _numbers(trend: Trend, found: Sequence[Found], place: int, size: int) -> list[Numbers]:
    """Return the numbers of each series and formula for one breakdown value."""
    numbers = [_filled(one, rows, place, size) for one, rows in zip(trend.series, found, strict=True)]
    letters = ascii_uppercase[: len(numbers)]
    by_interval = [
        dict(zip(letters, column, strict=True)) for column in zip(*(one.values for one in numbers), strict=True)
    ]
    totals = {letter: one.total for letter, one in zip(letters, numbers, strict=True)}
    for formula in trend.formulas:
        calculate = read_formula(formula, letters)
        numbers.append(Numbers([calculate(column) for column in by_interval], calculate(totals)))
    return numbers


def _filled(series: Series, rows: Found, wanted: int, size: int) -> Numbers:
    values, total = [series.empty] * size, series.empty
    for place, interval, number in rows:
        told = series.empty if number is None else number
        if place == wanted and interval is None:
            total = told
        elif place == wanted and interval is not None:
            values[interval] = told
    return Numbers(values, total)


def as_table(answer: Trends) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, and a row for each interval of each series, with one for them all (`total`)."""
    rows: list[list[Cell]] = []
    for one in answer.series:
        previous = [*one.previous.values, one.previous.total] if one.previous else [None] * (len(one.values) + 1)
        average = [*(one.moving_average or [None] * len(one.values)), None]
        told = zip([*answer.intervals, "total"], [*one.values, one.total], average, previous, strict=True)
        rows += [[one.name, one.label, one.breakdown, *cells] for cells in told]
    return ["name", "label", "breakdown", "interval", "value", "moving_average", "previous"], rows
