"""How a change is divided: the worked sheet of docs/kpis.md, and that parts are always the whole."""

from datetime import UTC, datetime, timedelta
from math import isclose
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from opsloop_common.conditions import read_conditions
from opsloop_common.errors import Invalid
from opsloop_metrics.events.rules import Aggregate, Part, Selection
from opsloop_metrics.explanations import rules
from opsloop_metrics.explanations.rules import Above, Row
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.kpi_measures.rules import Asked, Formula, Measure
from opsloop_metrics.trends.rules import Aggregate as TrendAggregate
from opsloop_metrics.trends.rules import Series, Trend

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPANS = rules.spans_of(NOON, NOON + HOUR)
WHERE = read_conditions([{"field": "data.severity", "op": "eq", "value": "s1"}])


def part(value, before, after, under_before=0.0, under_after=0.0, field=1):
    return Part(field, value, before, after, under_before, under_after)


def whole(*parts):
    sums = [sum(getattr(each, name) for each in parts) for name in ("before", "after", "under_before", "under_after")]
    return Part(0, None, *sums)


def explained(*parts, is_quotient=False, fields=("data.channel",)):
    of_first = [each for each in parts if each.field == 1]
    return rules.explain(SPANS, fields, [whole(*of_first), *parts], is_quotient=is_quotient)


def rounded(row):
    return {name: round(number, 9) if isinstance(number, float) else number for name, number in vars(row).items()}


def test_the_sheet_of_a_count():
    """100 complaints became 120: 30 more were severe, 10 fewer were not."""
    found = explained(part("s1", 10, 40), part("s2", 20, 20), part("s4", 70, 60))

    assert (found.before, found.after, found.change, found.undivided) == (100, 120, 20, None)
    [divided] = found.fields
    assert divided.rows == [
        Row("s1", 10, 40, 30, 1.5),
        Row("s4", 70, 60, -10, -0.5),
        Row("s2", 20, 20, 0, 0.0),
    ]
    assert divided.other is None
    assert (divided.net, divided.gross) == (20, 40)
    assert divided.moved == 28  # 30, of which a tenth of 20 was its due


def test_the_sheet_of_a_share():
    """18 % of the feedback was severe and became 28 %: on the form more of it is, and more comes by the form."""
    mails, forms = part("email", 6, 4, 60, 40), part("form", 12, 24, 40, 60)

    found = explained(mails, forms, is_quotient=True)

    assert (found.before, found.after, round(found.change, 9)) == (0.18, 0.28, 0.1)
    [divided] = found.fields
    assert [rounded(row) for row in divided.rows] == [
        {
            "value": "form", "before": 0.3, "after": 0.4, "change": 0.074, "share": 0.74,
            "mix": 0.024,  # (0.35 - 0.23) * (0.6 - 0.4)
            "rate": 0.05,  # 0.5 * (0.4 - 0.3)
            "weight_before": 0.4, "weight_after": 0.6,
        },
        {
            "value": "email", "before": 0.1, "after": 0.1, "change": 0.026, "share": 0.26,
            "mix": 0.026,  # (0.1 - 0.23) * (0.4 - 0.6): less of what is below the rest lifts the whole
            "rate": 0.0,
            "weight_before": 0.6, "weight_after": 0.4,
        },
    ]  # fmt: skip
    assert [round(each, 9) for each in (divided.net, divided.gross)] == [0.1, 0.1]
    assert round(divided.moved, 9) == 0.024  # 0.74 of the change with half of the weight


@pytest.mark.parametrize(
    ("parts", "row"),
    [
        # a value that is new, or gone, has one rate: all it does is by its weight
        (
            [part("a", 5, 5, 10, 10), part("new", 0, 9, 0, 10)],
            {"before": None, "after": 0.9, "change": 0.15, "mix": 0.15, "rate": 0.0},
        ),
        (
            [part("a", 5, 5, 10, 10), part("new", 9, 0, 10, 0)],
            {"before": 0.9, "after": None, "change": -0.15, "mix": -0.15, "rate": 0.0},
        ),
        # above without anything below has no weight: it is all rate
        (
            [part("a", 5, 5, 10, 10), part("new", 0, 4, 0, 0)],
            {"before": None, "after": None, "change": 0.4, "mix": 0.0, "rate": 0.4},
        ),
    ],
)
def test_values_of_one_time_only(parts, row):
    [divided] = explained(*parts, is_quotient=True).fields

    [found] = [rounded(each) for each in divided.rows if each.value == "new"]
    assert {name: found[name] for name in row} == row


def test_what_has_no_value_at_one_time_is_not_divided():
    found = explained(part("a", 0, 5, 0, 10), is_quotient=True)

    assert (found.before, found.after, found.change, found.undivided, found.fields) == (None, 0.5, None, "no_value", [])
    # a count of nothing is a number
    assert explained(part("a", 0, 5), part("b", 0, 1)).fields[0].rows[0].share == 5 / 6


def test_what_cannot_be_told_is_not():
    assert explained(part("a", 0, float("inf"))).undivided == "no_value"
    huge = explained(part("a", 1e308, -1e308), part("b", -1e308, 1e308), fields=("data.a", "data.b"))
    assert huge.fields == []  # a row's own change is beyond all numbers


def test_twenty_values_are_shown_and_the_others_are_one():
    parts = [part(f"v{number:02}", 10, 10 + number) for number in range(25)]

    [divided] = explained(*parts).fields

    assert [row.value for row in divided.rows] == [f"v{number:02}" for number in range(24, 4, -1)]
    assert divided.other == Row(None, 50, 60, 10, 10 / 300)


def test_what_the_store_did_not_name_is_with_the_others():
    found = rules.divide(
        "data.area", whole(part("a", 7, 9), part("unseen", 3, 1)), [part("a", 7, 9)], is_quotient=False
    )

    assert found.other == Row(None, 3, 1, -2, None)


def test_the_fields_that_tell_most_come_first():
    evenly = [part(value, 50, 60, field=1) for value in "ab"]
    by_one = [part("x", 10, 30, field=2), part("y", 90, 90, field=2)]
    alone = [part("z", 100, 120, field=3)]
    fields = ("data.even", "data.one", "data.alone")

    found = explained(*evenly, *by_one, *alone, fields=fields)

    # one value alone says nothing; half of the change for half of all neither, and is told last
    assert [(each.field, round(each.moved, 3)) for each in found.fields] == [("data.one", 18), ("data.even", 0)]
    asked = rules.explain(SPANS, ["data.alone"], [whole(*evenly), part("z", 100, 120)], is_quotient=False)
    assert [each.field for each in asked.fields] == ["data.alone"]  # but is told to whoever asks for it


def test_what_cancels_out_is_told_by_how_much_it_moved():
    """Nothing changed, but forms took over from mails; and of a small change what moved most stands first, not what is rarest."""
    channels = [part("email", 50, 10), part("form", 10, 50), part("api", 40, 40)]
    rare = [part(value, before, after, field=2) for value, before, after in (("zh", 1, 3), ("en", 99, 97))]

    even = explained(*channels, *rare, fields=("data.channel", "data.area"))
    grown = explained(
        *channels[:2], part("api", 40, 41), *rare[:1], part("en", 99, 98, field=2), fields=("data.channel", "data.area")
    )

    for found in (even, grown):
        assert [each.field for each in found.fields] == ["data.channel", "data.area"]
    by_channel = even.fields[0]
    assert (even.change, by_channel.net, by_channel.gross, by_channel.moved) == (0, 0, 80, 40)
    assert [(row.value, row.change, row.share) for row in by_channel.rows] == [
        ("email", -40, None),
        ("form", 40, None),
        ("api", 0, None),
    ]


NUMBERS = st.integers(0, 1_000)
SOME = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=40)


@given(SOME, st.booleans())
def test_rows_and_others_are_the_change(numbers, is_quotient):
    parts = [part(f"v{place}", *map(float, each)) for place, each in enumerate(numbers)]
    found = explained(*parts, is_quotient=is_quotient)
    assume(found.change is not None)

    [divided] = found.fields
    rows = [*divided.rows, *([divided.other] if divided.other else [])]
    assert len(divided.rows) <= rules.ROWS_SHOWN
    assert isclose(sum(row.change for row in rows), found.change, rel_tol=1e-9, abs_tol=1e-6)
    assert isclose(divided.net, found.change, rel_tol=1e-9, abs_tol=1e-6)
    assert divided.gross >= abs(divided.net) - 1e-6
    if is_quotient:
        assert all(isclose(row.mix + row.rate, row.change, rel_tol=1e-9, abs_tol=1e-9) for row in rows)
        assert isclose(sum(row.weight_after for row in rows), 1.0, rel_tol=1e-9)
    if found.change:
        assert isclose(sum(row.share for row in rows), 1.0, rel_tol=1e-6, abs_tol=1e-6)


@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(1, 1_000)), min_size=2, max_size=20))
def test_where_rates_stay_only_the_mix_counts(weights):
    parts = [part(f"v{rate}", rate * a, rate * b, a, b) for rate, (a, b) in enumerate(weights)]

    [divided] = explained(*parts, is_quotient=True).fields

    assert all(abs(row.rate) < 1e-6 for row in divided.rows)


def test_sides_of_a_ratio_are_joined_by_value():
    over = [part("a", 1, 2, 9, 9), part("b", 3, 4, 9, 9), part(None, 4, 6, field=0)]
    under = [part("a", 10, 20, 9, 9), part("c", 30, 40, 9, 9), part(None, 40, 60, field=0)]

    assert sorted(rules.joined(over, under, most=200), key=str) == [
        Part(0, None, 4, 6, 40, 60),
        Part(1, "a", 1, 2, 10, 20),
        Part(1, "b", 3, 4, 0, 0),
        Part(1, "c", 0, 0, 30, 40),
    ]
    # where each side names only two, what one of them does not name may be there all the same
    assert {each.value for each in rules.joined(over, under, most=2)} == {None, "a"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((NOON, NOON + HOUR), (NOON - HOUR, NOON, NOON, NOON + HOUR)),
        ((NOON, NOON + HOUR, NOON - 9 * HOUR, NOON - 2 * HOUR), (NOON - 9 * HOUR, NOON - 2 * HOUR, NOON, NOON + HOUR)),
    ],
)
def test_times_are_compared_with_as_long_before_unless_said(given, wanted):
    assert tuple(vars(rules.spans_of(*given)).values()) == wanted


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ((NOON, NOON), "/query/to"),
        ((NOON, NOON + timedelta(days=367)), "/query/to"),
        ((NOON, NOON + HOUR, NOON - HOUR, None), "/query/compare_to"),
        ((NOON, NOON + HOUR, None, NOON), "/query/compare_from"),
        ((NOON, NOON + HOUR, NOON, NOON), "/query/compare_to"),
        ((NOON, NOON + HOUR, NOON - HOUR, NOON + HOUR / 2), "/query/compare_to"),
    ],
)
def test_times_that_cannot_be_compared_are_named(given, pointer):
    with pytest.raises(Invalid) as refused:
        rules.spans_of(*given)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def selection(aggregate, event="feedback.received"):
    return Selection(event, Aggregate(aggregate), "data.rating", WHERE)


@pytest.mark.parametrize(
    ("measure", "why", "is_quotient"),
    [
        (Measure(), "reported", False),
        (Measure(formula=Formula("A", {"A": "k"})), "formula", False),
        (Measure(insight=Asked(UUID(int=1))), None, False),
        *((Measure((selection(each),)), None, False) for each in ("count", "users", "sum")),
        *((Measure((selection(each),)), None, True) for each in ("share", "avg")),
        *((Measure((selection(each),)), None, False) for each in ("median", "p95")),
        (Measure((selection("median"), selection("count"))), "aggregate", True),
        (Measure((selection("sum"), selection("users"))), None, True),
        (Measure((selection("count"), selection("avg"))), "aggregate", True),
    ],
)
def test_which_measures_have_parts_that_add_up(measure, why, is_quotient):
    assert (rules.undivided(measure), rules.is_quotient(measure)) == (why, is_quotient)


def test_a_median_is_explained_by_the_part_of_its_numbers_above_the_middle_of_its_way():
    found = explained(part("a", 1, 0, 3, 4), part("b", 2, 2, 2, 2), is_quotient=True)

    told = rules.ranked(found, 5.0, 1.0, rules.midway(5.0, 1.0))

    assert (told.before, told.after, told.change, told.fields) == (5, 1, -4, found.fields)
    assert told.above == Above(3.0, 0.6, 2 / 6)
    nothing = rules.ranked(explained(part("a", 0, 0, 0, 4), is_quotient=True), None, 1.0, 0.0)
    assert (nothing.undivided, nothing.change, nothing.fields) == ("no_value", None, [])


@pytest.mark.parametrize(
    ("before", "after", "value"), [(5.0, 1.0, 3.0), (1.0, 1.0, 1.0), (None, 1.0, None), (1.7e308, 1.7e308, 1.7e308)]
)
def test_what_lies_midway(before, after, value):
    assert rules.midway(before, after) == value


def test_whatever_is_not_divided_has_a_reason_in_both_languages():
    assert rules.REASONS.keys() == set(get_args(rules.Undivided))
    for words in rules.REASONS.values():
        assert words.keys() == {"en", "zh"}
        assert [words[language].isascii() for language in ("en", "zh")] == [True, False]


def test_fields_of_fixed_values_are_tried_first_and_ids_times_and_names_never():
    known = ["author.user_id", "author.verified", "area", "channel", "feedback_id", "kind", "locale", "number", "occurred_at",
             "rating", "severity", "source", "tags"]  # fmt: skip

    found = rules.fields_of([Selection("feedback.received", Aggregate.COUNT)], [f"data.{name}" for name in known])

    closed = ["data.author.verified", "data.channel", "data.kind", "data.severity"]
    assert found == [*closed, "data.area", "data.locale", "data.source"]


@pytest.mark.parametrize(
    ("asked", "is_tried"),
    [
        (Selection("feedback.received", Aggregate.COUNT), True),
        (Selection("feedback.received", Aggregate.AVG, "data.rating"), True),  # people give it, no triage finds it
        (Selection("feedback.received", Aggregate.AVG, "data.sentiment"), False),
        (Selection("feedback.received", Aggregate.SHARE, None, WHERE), False),
        (Selection("kpi.breached", Aggregate.COUNT, None, WHERE), True),  # its severity is another
    ],
)
def test_what_one_triage_found_is_no_cause_of_itself(asked, is_tried):
    fields = ["data.channel", "data.kind", "data.severity"] if asked.event == "feedback.received" else ["data.severity"]

    found = rules.fields_of([asked], fields)

    assert (found == fields, "data.kind" in found or "data.severity" in found) == (is_tried, is_tried)


def test_of_one_triage_the_most_telling_is_shown():
    fields = ("data.kind", "data.severity", "data.channel")
    kinds = [part("bug", 10, 30), part("idea", 90, 90)]
    severities = [part("s1", 5, 30, field=2), part("s4", 95, 90, field=2)]
    channels = [part("form", 50, 65, field=3), part("api", 50, 55, field=3)]

    found = explained(*kinds, *severities, *channels, fields=fields)

    assert [each.field for each in found.fields] == ["data.severity", "data.channel"]


@pytest.mark.parametrize(
    ("path", "aggregate", "is_found"),
    [
        (None, "count", True),
        ("series.0.total", "users", True),
        ("series.0.total", "sum", True),
        ("series.0.total", "avg", True),
        *(("series.0.total", each, True) for each in ("median", "p90", "p95", "p99")),
        ("series.0.total", "max", False),
        ("series.1.total", "count", False),  # a formula's
        ("series.-1.total", "count", False),
        ("series.0.values.last", "count", False),
        ("intervals.0", "count", False),
    ],
)
def test_an_insights_total_is_divided_where_its_parts_add_up(path, aggregate, is_found):
    series = Series(EventFilter("Paid"), TrendAggregate(aggregate), "properties.amount")
    trend = Trend((series,), formulas=("A",))

    assert rules.series_of(trend, path) is (series if is_found else None)
    assert rules.series_of(Trend((series,), breakdown="country"), path) is None
    assert rules.is_average(series) is (aggregate == "avg")


@pytest.mark.parametrize(
    ("require", "field"),
    [
        (lambda field: rules.require_data_field(field, ["feedback.received"]), "data.colour"),
        (lambda field: rules.require_data_field(field, ["feedback.received"]), "country"),
        (rules.require_product_field, "data.channel"),
    ],
)
def test_a_field_that_there_is_not_is_named(require, field):
    with pytest.raises(Invalid) as refused:
        require(field)
    assert [error.pointer for error in refused.value.errors] == ["/query/by"]
