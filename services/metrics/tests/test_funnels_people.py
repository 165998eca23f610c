"""Funnels through the door: whose events count, the people behind the numbers, a table, and bounds."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from io import StringIO

import pytest

from opsloop_metrics.store.port import written


async def test_bots_personless_and_other_workspaces_are_left_out(funnels):
    await funnels.happened(*funnels.story("A0 B1", "bot"), is_bot=1)
    await funnels.happened(*funnels.story("A0 B1", "nobody"), is_personless=1)
    await funnels.happened(*funnels.story("A0 B1", "theirs"), workspace="other")
    await funnels.happened(*funnels.story("A0 B1", "known"), kind="identify")

    for order in ("ordered", "strict"):
        assert await funnels.counts("A", "B", order=order) == [0, 0]
        assert await funnels.counts("A", "B", order=order, include_filtered=True) == [1, 1]
    assert await funnels.persons(0, "A", "B") == []


async def test_people_who_turned_out_to_be_one_are_one(funnels):
    await funnels.happened(*funnels.story("A0", "anonymous"), *funnels.story("B1", "known"))
    assert await funnels.counts("A", "B") == [1, 0]

    row = ["acme", funnels.person("anonymous"), funnels.person("known"), 1]
    await funnels.store.insert("opsloop.person_override", ["workspace", "person", "into", "version"], [row])

    for order in ("ordered", "strict", "unordered"):
        assert await funnels.counts("A", "B", order=order) == [1, 1]
    assert await funnels.persons(1, "A", "B") == [{"person": funnels.person("known"), "distinct_id": "known"}]


async def test_filters_of_steps_and_of_all(funnels):
    paid, free = {"properties": {"plan": "paid"}}, {"properties": {"plan": "free"}}
    await funnels.happened(("p", "A", 0, free), ("p", "A", 1, paid), ("q", "A", 0, paid), ("q", "A", 1, free))
    steps = [
        {"event": "A", "where": [{"field": "properties.plan", "op": "eq", "value": plan}]} for plan in ("free", "paid")
    ]

    assert await funnels.counts(*steps) == [2, 1]
    assert await funnels.counts({"event": None}, {"event": None}) == [2, 2]
    assert await funnels.counts("A", "A", where=[{"field": "properties.plan", "op": "eq", "value": "paid"}]) == [2, 0]


@pytest.mark.parametrize("order", ["ordered", "strict"])
async def test_the_people_behind_each_number(funnels, order):
    await funnels.happened(
        *(event for n in range(5) for event in funnels.story("A0 B1", f"done{n}")),
        *(event for n in range(5) for event in funnels.story("A0", f"out{n}")),
        *funnels.story("A100", "waits"),
    )
    funnels.world.api.clock.set(funnels.NOON + timedelta(minutes=100))
    names = {}
    for what, step, dropped in (("did A", 0, False), ("did B", 1, False), ("out", 1, True), ("nobody", 0, True)):
        found = await funnels.persons(step, "A", "B", dropped=dropped, limit=2, order=order, window="PT1H")
        assert [each["person"] for each in found] == sorted(funnels.person(each["distinct_id"]) for each in found)
        names[what] = {each["distinct_id"] for each in found}

    done, out = {f"done{n}" for n in range(5)}, {f"out{n}" for n in range(5)}
    assert names == {"did A": done | out | {"waits"}, "did B": done, "out": out, "nobody": set()}


async def test_as_csv(funnels):
    await funnels.happened(*funnels.story("A0 B1"), utm_source="=1+1")
    body = funnels.RANGE | {
        "steps": [{"event": "A"}, {"event": "B", "label": "激活, 了"}],
        "breakdown": {"field": "utm_source"},
    }
    headers = funnels.world.headers | {"Accept": "text/csv"}

    answer = await funnels.world.send("POST", "/v1/insights/funnel", json=body, headers=headers)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["value"], row["label"], row["count"], row["median_seconds"]) for row in rows] == [
        ("", "A", "1", ""),
        ("", "激活, 了", "1", "60"),
        ("'=1+1", "A", "1", ""),
        ("'=1+1", "激活, 了", "1", "60"),
    ]


async def test_whoever_did_more_than_can_be_looked_at_is_told_so_and_the_store_alone_still_answers(funnels):
    many = [("p", "A" if number % 2 else "B", number / 60_000) for number in range(10_001)]
    await funnels.happened(*many)

    refused = await funnels.ask("A", "B", count_by="totals", expect=422)
    assert refused["type"].endswith("query_too_heavy")
    assert "10,000 of one person" in refused["detail"]

    assert await funnels.counts("A", "B", order="unordered") == [1, 1]
    for order in ("ordered", "strict"):
        assert await funnels.counts("A", "B", "A", "B", order=order) == [1] * 4


async def test_identify_alias_and_group_messages_are_never_steps_and_other_services_events_only_where_named(funnels):
    await funnels.happened(("p", "A", 0), ("p", "$identify", 1), ("p", "B", 3))
    await funnels.happened(("p", "feedback.received", 2), kind="domain")
    await funnels.happened(("p", "$identify", 1), kind="identify")

    assert await funnels.counts("A", "feedback.received") == [1, 1]
    assert await funnels.counts("A", {"event": None}, {"event": None}, {"event": None}) == [1, 1, 1, 0]
    assert await funnels.counts("A", "$identify", "B", order="strict") == [1, 1, 1]
    assert await funnels.counts("A", "$identify", "feedback.received", "B", order="strict") == [1, 1, 1, 1]
    assert await funnels.counts("feedback.received", "B", count_by="sessions") == [0, 0]


async def test_traits_of_people_filter_and_divide(funnels):
    await funnels.happened(
        *funnels.story("A0 B1", "paying"), *funnels.story("A0", "trying"), *funnels.story("A0", "unknown")
    )
    rows = [
        ["acme", funnels.person(name), written(funnels.NOON), json.dumps({"plan": plan}), 1]
        for name, plan in (("paying", "pro"), ("trying", "free"))
    ]
    await funnels.store.insert("opsloop.person", ["workspace", "id", "first_seen", "traits", "version"], rows)
    is_pro = {"field": "person.plan", "op": "eq", "value": "pro"}

    for order in ("ordered", "unordered"):
        found = await funnels.ask("A", "B", order=order, breakdown={"field": "person.plan"})
        by_value = {each["value"]: [step["count"] for step in each["steps"]] for each in found["breakdown"]}
        assert by_value == {"pro": [1, 1], "free": [1, 0], "$none": [1, 0]}
        assert await funnels.counts("A", "B", order=order, where=[is_pro]) == [1, 1]
        assert await funnels.counts({"event": "A", "where": [is_pro]}, "B", order=order)


async def test_sessions_at_the_edge_of_the_range_are_seen_whole(funnels):
    # from midnight (minute -720) to midnight (720): the first session began before and is cut nowhere
    await funnels.happened(
        *funnels.story("A-730 A-719 B-718", "p"), *funnels.story("A719 B740", "q"), *funnels.story("A-721 B-719", "r")
    )

    assert await funnels.counts("A", "B", count_by="sessions") == [2, 2]
    assert await funnels.counts("A", "B", count_by="sessions", mode="range") == [2, 1]


async def test_people_who_skipped_an_optional_step_are_behind_its_number(funnels):
    await funnels.happened(
        *funnels.story("A0 O1 C2", "with"), *funnels.story("A0 C2", "without"), *funnels.story("A0", "gone")
    )
    body = {"query": funnels.RANGE | {"steps": [{"event": "A"}, {"event": "O", "optional": True}, {"event": "C"}]}}

    async def names(step: int, dropped: bool) -> set[str]:
        path = "/v1/insights/funnel/persons"
        found = await funnels.world.post(path, body | {"step": step, "dropped": dropped}, expect=200)
        return {each["distinct_id"] for each in found["items"]}

    assert await names(1, False) == {"with"}
    assert await names(1, True) == {"without", "gone"}
    assert await names(2, True) == {"gone"}


async def test_a_cursor_of_another_list_is_refused(funnels):
    body = {"query": funnels.RANGE | {"steps": [{"event": "A"}, {"event": "B"}]}, "step": 0}

    for query in ("cursor=made-up", "limit=0", "limit=201"):
        await funnels.world.post(f"/v1/insights/funnel/persons?{query}", body, expect=422)


async def test_twenty_steps(funnels):
    names = [chr(ord("A") + number) for number in range(20)]
    await funnels.happened(*funnels.story(" ".join(f"{name}{number}" for number, name in enumerate(names))))

    for order in ("ordered", "strict", "unordered"):
        found = await funnels.ask(*names, order=order)
        assert [step["count"] for step in found["steps"]] == [1] * 20
        assert found["time_to_convert"]["average_seconds"] == 19 * 60
    assert await funnels.counts(*["A"] * 20) == [1] + [0] * 19


async def test_the_newest_id_of_a_person_is_told(funnels):
    await funnels.happened(*funnels.story("A0 B5", "p"))
    row = ["acme", funnels.person("former"), funnels.person("p"), 1]
    await funnels.store.insert("opsloop.person_override", ["workspace", "person", "into", "version"], [row])
    await funnels.happened(*funnels.story("A3", "former"))
    expected = [{"person": funnels.person("p"), "distinct_id": "p"}]

    assert await funnels.persons(0, "A", "B") == expected
    await funnels.happened(*funnels.story("A6", "former"))
    assert await funnels.persons(0, "A", "B") == [expected[0] | {"distinct_id": "former"}]


async def test_a_page_ends_at_its_limit_and_the_last_has_no_next(funnels):
    await funnels.happened(*(event for n in range(4) for event in funnels.story("A0", f"p{n}")))
    body = {"query": funnels.RANGE | {"steps": [{"event": "A"}, {"event": "B"}]}, "step": 0}
    path = "/v1/insights/funnel/persons?limit=2"

    first = await funnels.world.post(path, body, expect=200)
    second = await funnels.world.post(f"{path}&cursor={first['next_cursor']}", body, expect=200)

    assert [len(first["items"]), len(second["items"]), second["next_cursor"]] == [2, 2, None]
    assert len({each["person"] for each in first["items"] + second["items"]}) == 4


async def test_the_order_in_which_events_came_does_not_matter(funnels):
    await funnels.happened(*reversed(funnels.story("A0 B1 C2", "p")), *funnels.story("C2 A0 B1", "q"))

    for order in ("ordered", "strict"):
        assert await funnels.counts("A", "B", "C", order=order) == [2, 2, 2]


@pytest.mark.parametrize("order", ["ordered", "strict", "unordered"])
async def test_a_workspace_without_events_has_an_answer(funnels, order):
    found = await funnels.ask("A", "B", "C", order=order, breakdown={"field": "utm_source"})

    assert [step["count"] for step in found["steps"]] == [0, 0, 0]
    assert [step["dropped"] for step in found["steps"]] == [0, 0, 0]
    assert found["breakdown"] == []
    for step in range(3):
        assert await funnels.persons(step, "A", "B", "C", order=order) == []
