"""What a question is refused for says what to write instead; what it would not look at is not taken."""

import pytest
from pydantic import ValidationError

from opsloop_common.http.refusals import field_error
from opsloop_metrics.app import INSIGHTS
from opsloop_metrics.shapes import InsightIn

pytestmark = pytest.mark.quick
NEEDED = {
    "trends": {"series": [{"event": "A"}]},
    "funnel": {"steps": [{"event": "A"}, {"event": "B"}]},
    "retention": {"start": {}, "return": {}},
    "breakdown": {"by": ["path"]},
    "attribution": {"conversion": {"event": "A"}},
}
WITHOUT_INTERVALS = {"funnel", "paths", "attribution", "breakdown", "churn", "next-best"}
DAY = "a plain day such as 2026-11-02 is taken too"


def refused(insight, **query):
    """Return pointer and words of what is wrong with a question."""
    body = NEEDED.get(insight, {}) | query
    with pytest.raises(ValidationError) as found:
        INSIGHTS[insight].schema.model_validate(body)
    errors = [field_error(item | {"loc": ("body", *item["loc"])}, body) for item in found.value.errors()]
    return [(each.pointer, each.detail) for each in errors]


def test_intervals_are_taken_where_there_are_any():
    assert {name for name, each in INSIGHTS.items() if not issubclass(each.schema, InsightIn)} == WITHOUT_INTERVALS


@pytest.mark.parametrize("insight", sorted(WITHOUT_INTERVALS))
def test_what_has_no_intervals_takes_none(insight):
    [(pointer, detail)] = refused(insight, interval="day")

    assert (pointer, detail.startswith("This field is not known here")) == ("/interval", True)


@pytest.mark.parametrize("insight", ["lifecycle", "stickiness", "breakdown"])
def test_what_is_told_nowhere_has_no_label(insight):
    assert [pointer for pointer, _ in refused(insight, label="Paid")] == ["/label"]


@pytest.mark.parametrize("insight", INSIGHTS)
def test_every_question_says_whose_calendar_it_means(insight):
    asked = {"time_zone": "Asia/Shanghai", "week_start": "sunday"}

    assert INSIGHTS[insight].schema.model_validate(NEEDED.get(insight, {}) | asked).week_start == "sunday"


@pytest.mark.parametrize("value", ["11/02/2026", "2026-11-20T00:00:00", "today", 20261102])
@pytest.mark.parametrize("field", ["from", "to"])
def test_a_plain_day_is_named_to_whoever_writes_no_time(field, value):
    said = "must be an RFC 3339 time with its offset, such as 2026-11-22T08:00:00Z"

    assert refused("trends", **{field: value}) == [(f"/{field}", f"{said}; {DAY}")]


def test_a_day_has_to_exist():
    assert refused("trends", **{"from": "2026-02-30"}) == [("/from", "must be a day that exists")]


@pytest.mark.parametrize(
    ("insight", "query", "pointer"),
    [
        ("trends", {"series": [{"event": "A", "aggregate": "sum", "property": "revenue"}]}, "/series/0/property"),
        ("attribution", {"revenue": "revenue"}, "/revenue"),
        ("usage", {"by": "revenue"}, "/by"),
    ],
)
def test_a_property_is_told_by_its_whole_name(insight, query, pointer):
    said = "a property is called properties.revenue, a person's trait person.revenue"

    assert refused(insight, **query) == [(pointer, f"revenue is no field of an event; {said}")]


@pytest.mark.parametrize(("by", "near"), [("utm_sorce", "utm_source"), ("Channel", "channel"), ("browzer", "browser")])
def test_a_field_that_is_spelt_nearly_so_is_told(by, near):
    [(_, detail)] = refused("usage", by=by)

    assert detail.startswith(
        f"{by} is no field of an event; did you mean {near}?; a property is called properties.{by}"
    )


PAID, CHANNEL = ('must be an object such as {"event": "Paid"}', 'must be an object such as {"field": "channel"}')


@pytest.mark.parametrize(
    ("insight", "query", "expected"),
    [
        ("funnel", {"steps": ["A", "B"]}, ("/steps/0", PAID)),
        ("funnel", {"steps": [{"event": "A"}, 5]}, ("/steps/1", PAID)),
        ("funnel", {"breakdown": "channel"}, ("/breakdown", CHANNEL)),
        ("trends", {"series": ["A"]}, ("/series/0", PAID)),
        ("trends", {"breakdown": ["channel"]}, ("/breakdown", CHANNEL)),
        ("retention", {"breakdown": "channel"}, ("/breakdown", CHANNEL)),
        ("attribution", {"conversion": "Paid"}, ("/conversion", PAID)),
        ("attribution", {"conversion": None}, ("/conversion", PAID)),
        ("churn", {"answers": ["kind"]}, ("/answers/0", "must be an object")),
        ("trends", {"where": ["path"]}, ("/where/0", "must be an object")),
        ("trends", {"series": {"event": "A"}}, ("/series", "must be a list")),
    ],
)
def test_what_has_to_be_an_object_says_how_one_looks(insight, query, expected):
    assert refused(insight, **query)[0] == expected
