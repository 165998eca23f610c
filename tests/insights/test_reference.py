"""The reference is held to worlds worked by hand, and to what must be so in any world."""

from __future__ import annotations

import pytest

from tests.insights.by_hand import WORLDS
from tests.insights.by_hand.worked import LATE, at, counts, days, steps
from tests.insights.reference import answer
from tests.insights.reference.events import holds, text


@pytest.mark.parametrize(
    ("world", "asked"),
    [
        pytest.param(world, asked, id=f"{world.name} {number}")
        for world in WORLDS
        for number, asked in enumerate(world.asked)
    ],
)
def test_a_world_worked_by_hand(world, asked):
    found = answer(world.insight, reversed(world.events), asked.query, now=asked.now)

    assert asked.see(found) == asked.expected, world.why


def events(*rows):
    """Return events of (kind, event, person, more) at noon, a minute apart."""
    return [
        {
            "id": f"m{number}",
            "event": event,
            "time": at(f"01T12:{number:02}"),
            "person": person,
            "properties": {},
            "kind": kind,
            **more,
        }
        for number, (kind, event, person, more) in enumerate(rows)
    ]


def total(found_in, **series):
    query = days("01", "01") | {"series": [{"aggregate": "count", **series}]}
    return answer("trends", found_in, query, now=LATE)["series"][0]["total"]


@pytest.mark.parametrize(
    ("name", "aggregate", "expected"),
    [
        (None, "count", 4),
        (None, "users", 2),
        ("feedback.received", "count", 2),
        ("feedback.received", "users", 1),
        ("$identify", "count", 0),
        ("$group", "count", 0),
    ],
)
def test_activity_is_what_people_do_and_other_services_where_they_are_named(name, aggregate, expected):
    found_in = events(
        *(("track", "A", "p1", {}), ("page", "$pageview", "p2", {}), ("screen", "$screen", "p2", {})),
        *(("track", "A", None, {}), ("identify", "$identify", "p1", {}), ("alias", "$alias", "p1", {})),
        *(("group", "$group", "p1", {}), ("domain", "feedback.received", "p1", {})),
        ("domain", "feedback.received", None, {}),
    )

    assert total(found_in, event=name, aggregate=aggregate) == expected


@pytest.mark.parametrize("insight", ["lifecycle", "stickiness", "active-users", "sessions", "funnel", "retention"])
def test_events_without_a_person_are_in_no_count_of_people(insight):
    query = days("01", "01") | {"steps": steps("A", "A"), "start": {"event": "A"}, "return": {"event": "A"}}
    nobody = events(("track", "A", None, {}), ("track", "A", None, {}))

    assert answer(insight, nobody, query, now=LATE) == answer(insight, [], query, now=LATE)


def test_bots_and_tests_are_there_where_they_are_asked_for():
    found_in = events(("track", "A", "p1", {"filtered": True}), ("track", "A", "p2", {}))
    query = days("01", "01") | {"series": [{"event": "A"}]}

    assert total(found_in, event="A") == 1
    assert answer("trends", found_in, query | {"include_filtered": True}, now=LATE)["series"][0]["total"] == 2


def test_a_domain_event_disturbs_a_strict_funnel_only_where_it_is_named():
    found_in = events(("track", "A", "p1", {}), ("domain", "link.clicked", "p1", {}), ("track", "B", "p1", {}))
    query = days("01", "01") | {"order": "strict"}

    unnamed = answer("funnel", found_in, query | {"steps": steps("A", "B")}, now=LATE)
    named = answer("funnel", found_in, query | {"steps": steps("A", "B", "link.clicked")}, now=LATE)

    assert (counts(unnamed), counts(named)) == ([1, 1], [1, 0, 0])
    through = answer("funnel", found_in, query | {"steps": steps("A", "link.clicked", "B")}, now=LATE)
    assert counts(through) == [1, 1, 1]


@pytest.mark.parametrize(
    ("op", "value", "holds_for"),
    [
        ("eq", 5, {"5", "5.0"}),
        ("eq", None, {"null", "absent"}),
        ("eq", True, {"true"}),
        ("ne", 5, {"null", "absent", "true", "text", "empty", "list"}),
        ("in", [5, "5"], {"5", "5.0", "text"}),
        ("not_in", [5, "5"], {"null", "absent", "true", "empty", "list"}),
        ("exists", True, {"5", "5.0", "true", "text", "empty", "list"}),
        ("exists", False, {"null", "absent"}),
        ("contains", "5", {"text"}),
        ("contains", 5, {"list"}),
        ("ge", 5, {"5", "5.0"}),
        ("gt", "", {"text"}),
        ("lt", 6, {"5", "5.0"}),
    ],
)
def test_conditions_keep_the_kinds_of_json_apart(op, value, holds_for):
    values = {"5": 5, "5.0": 5.0, "null": None, "true": True, "text": "5", "empty": "", "list": [5, "a"]}
    found_in = events(*(("track", name, "p1", {"properties": {"x": each}}) for name, each in values.items()))
    found_in += events(("track", "absent", "p1", {}))
    condition = {"field": "properties.x", "op": op, "value": value}

    assert {one["event"] for one in found_in if holds(condition, one)} == holds_for


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *(
            (5, "5"),
            (5.0, "5"),
            (2.5, "2.5"),
            (-0.0, "0"),
            (True, "true"),
            ("微信", "微信"),
            ("", "$none"),
            (None, "$none"),
        ),
        *(([1, "蓝"], '[1,"蓝"]'), ({"a": None}, '{"a":null}')),
    ],
)
def test_a_breakdown_value_is_a_text(value, shown):
    assert text(value) == shown
