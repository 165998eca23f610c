"""What must be so in any world: identities between the numbers of one answer, and between answers."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.insights.questions import QUESTIONS, question
from tests.insights.reference import answer
from tests.insights.worlds import World, world

seeds = st.integers(1, 10**6)
few = settings(max_examples=40, deadline=None)


def ask(made: World, insight: str, query: dict[str, Any], **more: Any) -> dict[str, Any]:
    return answer(insight, made.events, {**query, **more}, now=made.now)


def users(made: World, query: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the trend of distinct people of a filter."""
    series = {"event": query.get("event"), "where": query.get("event_where", []), "aggregate": "users", **more}
    rest = {name: query[name] for name in ("from", "to", "time_zone", "week_start", "interval")}
    return ask(made, "trends", rest, series=[series])["series"][0]


def plain(insight: str, made: World, seed: int) -> dict[str, Any]:
    """Return a random question without conditions."""
    return {name: value for name, value in question(insight, made, Random(seed)).items() if name != "where"}


@pytest.mark.parametrize("insight", QUESTIONS)
@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_the_order_of_arrival_changes_nothing(insight, seed):
    made = world(seed)
    asked = question(insight, made, Random(seed))
    events = list(made.events)
    Random(seed + 1).shuffle(events)

    assert answer(insight, events, asked, now=made.now) == ask(made, insight, asked)


@given(seed=seeds)
@few
def test_the_parts_of_a_lifecycle_are_everybody(seed):
    made = world(seed)
    asked = plain("lifecycle", made, seed)
    found = ask(made, "lifecycle", asked)
    active = users(made, asked)["values"]

    together = [sum(row) for row in zip(found["new"], found["returning"], found["resurrecting"], strict=True)]
    assert together == active
    for place, (before, _) in enumerate(pairwise(active)):
        assert -found["dormant"][place + 1] == before - found["returning"][place + 1]


@given(seed=seeds)
@few
def test_stickiness_counts_everybody_once_and_every_interval(seed):
    made = world(seed)
    asked = plain("stickiness", made, seed)
    people, trend = ask(made, "stickiness", asked)["people"], users(made, asked)

    assert sum(people) == trend["total"]
    assert sum(place * count for place, count in enumerate(people, start=1)) == sum(trend["values"])


@given(seed=seeds)
@few
def test_days_lie_in_weeks_and_weeks_in_months(seed):
    made = world(seed)
    asked = {**plain("active-users", made, seed), "interval": "day"}
    found = ask(made, "active-users", asked)

    assert found["dau"] == users(made, asked)["values"]
    for dau, wau, mau in zip(found["dau"], found["wau"], found["mau"], strict=True):
        assert dau <= wau <= mau
    for (before, after), today in zip(pairwise(found["wau"]), found["dau"][1:], strict=True):
        assert after <= before + today


@given(seed=seeds)
@few
def test_a_funnel_loses_nobody_between_its_numbers(seed):
    made = world(seed)
    asked = question("funnel", made, Random(seed))
    now = made.events[-1]["time"] + timedelta(days=Random(seed).choice((0, 3)))
    found = answer("funnel", made.events, asked, now=now)
    before = 0

    for place, row in enumerate(found["steps"]):
        if place:
            assert row["count"] + row["dropped"] + row["in_progress"] <= found["steps"][before]["count"]
            if not asked["steps"][place].get("optional"):
                assert row["count"] + row["dropped"] + row["in_progress"] == found["steps"][before]["count"]
                before = place
    converted = found["steps"][-1]["count"]
    assert sum(each["count"] for each in found["time_to_convert"]["bins"]) == converted
    if asked.get("breakdown", {}).get("attribution") in ("first", "last"):
        parts = [[row["count"] for row in part["steps"]] for part in found["breakdown"]]
        assert [sum(column) for column in zip(*parts, strict=True)] in ([], [row["count"] for row in found["steps"]])


@given(seed=seeds)
@few
def test_freer_funnels_count_more(seed):
    made = world(seed)
    asked = plain("funnel", made, seed)
    asked = {name: asked[name] for name in asked if name not in ("exclusions", "breakdown")}
    asked["steps"] = [{**step, "optional": False} for step in asked["steps"]]

    def counts(**more: Any) -> list[int]:
        found = ask(made, "funnel", asked, **{"order": "ordered", "mode": "entry", "count_by": "users", **more})
        return [row["count"] for row in found["steps"]]

    ordered = counts()
    for less, more in (
        (counts(order="strict"), ordered),
        (ordered, counts(order="unordered")),
        (counts(mode="range"), ordered),
        (counts(window="PT5M"), counts(window="P30D")),
        (counts(count_by="sessions", window="PT5M"), counts(count_by="totals", window="PT5M")),
        (ordered, counts(count_by="totals")),
    ):
        assert all(one <= other for one, other in zip(less, more, strict=True))


@given(seed=seeds)
@few
def test_retention_rows_begin_full_and_rolling_ones_never_rise(seed):
    made = world(seed)
    asked = question("retention", made, Random(seed))
    once = ask(made, "retention", asked, rolling=False)["cohorts"]
    rolling = ask(made, "retention", asked, rolling=True)["cohorts"]

    for row, rolled in zip(once, rolling, strict=True):
        counts, rolled_counts = ([cell["count"] for cell in each["values"]] for each in (row, rolled))
        assert counts[0] == rolled_counts[0] == row["size"]
        assert all(one <= other for one, other in zip(counts, rolled_counts, strict=True))
        assert rolled_counts == sorted(rolled_counts, reverse=True)
    if asked["mode"] != "recurring":
        recurring = ask(made, "retention", asked, mode="recurring", breakdown=None)["cohorts"]
        assert sum(row["size"] for row in once) <= sum(row["size"] for row in recurring)


@given(seed=seeds)
@few
def test_the_parts_of_a_trend_are_its_whole(seed):
    made = world(seed)
    asked = {**plain("trends", made, seed), "series": [{"event": None, "aggregate": "count"}], "formulas": ["A-A"]}
    field = Random(seed).choice(("properties.source", "path", "person.plan"))
    whole = ask(made, "trends", asked, breakdown=None)["series"]
    parts = ask(made, "trends", asked, breakdown={"field": field, "limit": 2})["series"]

    assert sum(whole[0]["values"]) == whole[0]["total"]
    assert set(whole[1]["values"]) <= {0}
    values = [row["values"] for row in parts if row["name"] == "A"]
    assert [sum(column) for column in zip(*values, strict=True)] in ([], whole[0]["values"])
    assert [row["breakdown"] for row in parts].count("$other") in (0, 2)


@given(seed=seeds)
@few
def test_what_leads_to_a_node_is_at_most_what_is_there(seed):
    made = world(seed)
    asked = {**question("paths", made, Random(seed)), "limit": 1000}
    found = ask(made, "paths", asked)
    nodes = {node["name"]: node["count"] for node in found["nodes"]}

    for name, count in nodes.items():
        into = sum(edge["count"] for edge in found["edges"] if edge["target"] == name)
        out = sum(edge["count"] for edge in found["edges"] if edge["source"] == name)
        assert into == count or name.startswith("1_")
        assert out <= count
    assert [edge["count"] for edge in found["edges"]] == sorted((e["count"] for e in found["edges"]), reverse=True)


@given(seed=seeds)
@few
def test_sessions_are_counted_once_by_any_interval(seed):
    made = world(seed)
    asked = {**question("sessions", made, Random(seed)), "from": f"{made.first_day.replace(day=1)}"}
    asked["to"] = (made.first_day + timedelta(days=made.days)).isoformat()
    by_day, by_month = (ask(made, "sessions", asked, interval=each) for each in ("day", "month"))

    assert sum(by_day["sessions"]) == sum(by_month["sessions"])
    for sessions, people in zip(by_day["sessions"], by_day["people"], strict=True):
        assert people <= sessions


@given(seed=seeds)
@few
def test_a_merge_is_as_if_they_had_always_been_one(seed):
    """Joining two people never adds people, and leaves the number of events alone."""
    made = world(seed)
    one, other = sorted({event["person"] or "" for event in made.events})[:2]
    asked = plain("trends", made, seed) | {"breakdown": None, "formulas": None}
    asked["series"] = [{"event": None, "aggregate": each} for each in ("users", "count")]
    before = ask(made, "trends", asked)["series"]
    for event in made.events:
        if event["person"] == other:
            event["person"] = one
    after = ask(made, "trends", asked)["series"]

    assert before[0]["total"] - 1 <= after[0]["total"] <= before[0]["total"]
    assert after[1] == before[1]
