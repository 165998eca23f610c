"""What a KPI measures: what is read, what is refused and why, without a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsloop_common.conditions import Condition as Where
from opsloop_common.conditions import Op
from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_metrics.events.rules import Aggregate, Cause, Reading, Selection
from opsloop_metrics.kpi_measures import rules as measures
from opsloop_metrics.kpi_measures.rules import Measure

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
WHERE = [{"field": "data.severity", "op": "eq", "value": "s1"}]
COUNT = {"type": "events", "event": "a.b", "aggregate": "count"}
EVENTS = Measure((Selection("a.b", Aggregate.COUNT),))
REPORTED = Measure()


def refusal(read: Callable[[], object]) -> FieldError:
    """Return the one field that is refused."""
    with pytest.raises(Invalid) as refused:
        read()
    [error] = refused.value.errors
    return error


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "reported"}, REPORTED),
        (COUNT, EVENTS),
        (COUNT | {"property": "data.x"}, EVENTS),
        (
            COUNT | {"aggregate": "sum", "property": "data.x"},
            Measure((Selection("a.b", Aggregate.SUM, "data.x"),)),
        ),
        (
            COUNT | {"aggregate": "share", "where": WHERE},
            Measure((Selection("a.b", Aggregate.SHARE, None, (Where(field="data.severity", op=Op.EQ, value="s1"),)),)),
        ),
        (
            {"type": "ratio", "numerator": COUNT, "denominator": COUNT | {"event": "c.d"}},
            Measure((Selection("a.b", Aggregate.COUNT), Selection("c.d", Aggregate.COUNT))),
        ),
    ],
)
def test_a_measure_is_read(raw: dict[str, Any], expected: Measure):
    assert measures.read_measure(raw) == expected


SIDES = "both sides of a ratio are measures of type events"
NUMBERS = "needs the property to take the numbers from"


@pytest.mark.parametrize(
    ("raw", "pointer", "detail"),
    [
        ({"type": "guess"}, "/measure/type", "a measure of type guess is not supported yet"),
        (COUNT | {"aggregate": "p95"}, "/measure/property", f"p95 {NUMBERS}"),
        (COUNT | {"aggregate": "avg"}, "/measure/property", f"avg {NUMBERS}"),
        (
            COUNT | {"aggregate": "share"},
            "/measure/where",
            "share needs conditions: it is those that fulfil them over all",
        ),
        ({"type": "ratio", "numerator": {"type": "reported"}, "denominator": COUNT}, "/measure/numerator/type", SIDES),
        ({"type": "ratio", "numerator": COUNT, "denominator": {"type": "ratio"}}, "/measure/denominator/type", SIDES),
        (
            {"type": "ratio", "numerator": COUNT, "denominator": COUNT | {"aggregate": "sum"}},
            "/measure/denominator/property",
            f"sum {NUMBERS}",
        ),
    ],
)
def test_a_measure_that_is_none_is_refused(raw: dict[str, Any], pointer: str, detail: str):
    assert refusal(lambda: measures.read_measure(raw)) == FieldError(pointer, detail)


def cause(id: str) -> Cause:
    return Cause(id, "c", 0, None)


OVER = Reading(3.0, 3, NOW - DAY, NOW + 2 * DAY, NOW - 3 * SECOND, cause("1"))
UNDER = Reading(4.0, 4, NOW - SECOND, NOW + DAY, NOW - 4 * SECOND, cause("2"))


def test_one_part_is_the_reading():
    assert measures.combine([OVER]) is OVER


def test_a_ratio_is_of_both_parts():
    expected = Reading(0.75, 4, NOW - DAY, NOW + DAY, NOW - 4 * SECOND, cause("2"))

    assert measures.combine([OVER, UNDER]) == expected
    assert measures.combine([UNDER, OVER]).cause == cause("2")


@pytest.mark.parametrize(
    ("over", "under", "value"),
    [
        (None, 4.0, None),
        (3.0, None, None),
        (3.0, 0.0, None),
        (0.0, 3.0, 0.0),
        (1e308, 1e-10, None),
        (-1e308, 1e-10, None),
    ],
)
def test_a_ratio_over_nothing_is_null(over: float | None, under: float | None, value: float | None):
    found = measures.combine([Reading(over, 1), Reading(under, 2)])

    assert found == Reading(value, 2)


def test_a_measure_knows_its_events():
    assert REPORTED.is_reported
    assert not EVENTS.is_reported
    two = Measure(
        (Selection("c.d", Aggregate.COUNT), Selection("a.b", Aggregate.COUNT), Selection("a.b", Aggregate.COUNT))
    )
    assert two.event_types == ["a.b", "c.d"]


MINUTE = timedelta(minutes=1)


def test_a_ratio_is_null_over_nothing_and_takes_the_denominators_samples():
    newest = Cause("b", "c", 0, None)
    over = Reading(3.0, 3, oldest_at=NOW, cause=Cause("a", "c", 0, None))

    whole = measures.combine([over, Reading(4.0, 4, oldest_at=NOW - MINUTE, cause=newest)])

    assert (whole.value, whole.samples, whole.oldest_at, whole.cause) == (0.75, 4, NOW - MINUTE, newest)
    assert measures.combine([over, Reading(0.0, 0)]).value is None
    assert measures.combine([over, Reading(None, 0)]).value is None
    assert measures.combine([Reading(None, 0), over]).value is None
    assert measures.combine([Reading(1e308, 1), Reading(1e-308, 1)]).value is None


@pytest.mark.parametrize("side", ["numerator", "denominator"])
def test_what_is_kept_stays_readable_and_what_comes_is_asked_for_known_names(side):
    known = {"type": "events", "event": "feedback.received", "aggregate": "count"}
    unknown = known | {"where": [{"field": "data.severty", "op": "eq", "value": "s1"}]}
    measure = {"type": "ratio", "numerator": known, "denominator": known} | {side: unknown}

    assert len(measures.read_measure(measure).parts) == 2
    with pytest.raises(Invalid) as refused:
        measures.require_known(measure)

    [error] = refused.value.errors
    assert error.pointer == f"/measure/{side}/where/0/field"
    assert error.detail.endswith("did you mean data.severity?")


A_OVER_B = {"type": "formula", "formula": "a / b * 100", "of": {"a": "paid", "b": "visits"}}


@pytest.mark.parametrize(
    ("formula", "numbers", "value"),
    [
        ("a / b * 100", {"A": 3.0, "B": 8.0}, 37.5),
        ("A / B", {"A": 3.0, "B": 8.0}, 0.375),
        ("a - b * 2", {"A": 10.0, "B": 3.0}, 4.0),
        ("-(a + b)", {"A": 1.0, "B": 2.5}, -3.5),
        # null spreads, however little it would change
        ("a * 0 + b", {"A": None, "B": 3.0}, None),
        # over 0 there is no quotient, and nothing that is made of one
        ("a / b", {"A": 3.0, "B": 0.0}, None),
        ("a / b", {"A": 0.0, "B": 0.0}, None),
        ("1 + a / b", {"A": 3.0, "B": 0.0}, None),
        ("b / a / a", {"A": 0.0, "B": 1.0}, None),
        # beyond all numbers
        ("a * b", {"A": 1e200, "B": 1e200}, None),
    ],
)
def test_a_formula_comes_to_a_number_or_to_null(formula: str, numbers: dict[str, float | None], value: float | None):
    measure = measures.read_measure(A_OVER_B | {"formula": formula})

    assert measure.formula is not None
    assert measure.formula.value(numbers) == value


def test_a_measure_says_where_its_values_come_from():
    formula = measures.read_measure(A_OVER_B)
    insight = measures.read_measure({"type": "insight", "insight_id": "0198f000-0000-7000-8000-000000000001"})

    assert [each.is_reported for each in (REPORTED, EVENTS, formula, insight)] == [True, False, False, False]
    assert [each.is_asked for each in (REPORTED, EVENTS, formula, insight)] == [False, False, True, True]
    assert [each.is_kept for each in (REPORTED, EVENTS, formula, insight)] == [True, False, True, True]
    assert [each.event_types for each in (REPORTED, formula, insight)] == [[], [], []]


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"formula": "a / c"}, "/measure/of/b", "does not stand in the formula"),
        ({"formula": "a / b + c"}, "/measure/formula", "has c at character 9; the letters are a, b"),
        ({"formula": "a / b +"}, "/measure/formula", "ends with + at character 7; something has to follow"),
        ({"formula": "a / b * ("}, "/measure/formula", "ends with ( at character 9; something has to follow"),
        ({"formula": "a ** b"}, "/measure/formula", "is no formula at character 4"),
        ({"formula": "a % b"}, "/measure/formula", None),
        ({"formula": "a(b)"}, "/measure/formula", "needs an operator before the parenthesis after A"),
        ({"of": {"a": "paid", "A": "visits"}, "formula": "a"}, "/measure/of", "names a letter twice"),
    ],
)
def test_a_formula_that_is_none_is_refused(change: dict[str, Any], pointer: str, detail: str | None):
    error = refusal(lambda: measures.read_measure(A_OVER_B | change))

    assert error.pointer == pointer
    assert detail is None or error.detail == detail


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_no_formula_stands_on_itself(key: str):
    """Of a: a = f(b), b = f(c). A formula of a KPI on which it stands itself would close the ring."""
    behind = {"a": ["b"], "b": ["c"]}

    with pytest.raises(Conflict, match=f"^a formula of {key} cannot stand on {key}"):
        measures.require_acyclic(key, {"A": "a"}, behind)
    measures.require_acyclic("another", {"A": "a"}, behind)


def test_a_ring_that_two_made_at_once_ends_all_the_same():
    measures.require_acyclic("k", {"A": "a"}, {"a": ["b"], "b": ["a"]})


def test_a_formula_stands_on_twenty_at_most():
    chain = {f"k{place}": [f"k{place + 1}"] for place in range(19)}
    measures.require_acyclic("k", {"A": "k0"}, chain)

    error = refusal(lambda: measures.require_acyclic("k", {"A": "k0"}, chain | {"k19": ["k20"]}))
    assert error == FieldError("/measure/of", "stands on 21 KPIs; 20 are the most")


def test_a_products_event_is_none_of_ours_and_how_it_is_measured_is_told():
    with pytest.raises(ValueError, match="Paid is no event type of OpsLoop's own") as refused:
        measures.known_event("Paid")
    assert "measured by a saved insight" in str(refused.value)
    with pytest.raises(ValueError, match=r"did you mean feedback\.received"):
        measures.known_event("feedback.recieved")
    assert measures.known_event("feedback.received") == "feedback.received"
