"""Stickiness: in how many intervals people were there."""

from __future__ import annotations

import pytest

from opsloop_metrics.stickiness.rules import as_table, stickiness_of
from services.metrics.tests.analyst import BOT, Analyst, did, is_known


@pytest.fixture
def analyst(world_with_store):
    return Analyst(world_with_store, "stickiness")


@pytest.mark.parametrize(
    ("periods", "found", "people"),
    [
        (3, [], [0, 0, 0]),
        (3, [(1, 5), (3, 2)], [5, 0, 2]),
        (1, [(1, 7)], [7]),
        (1, [], [0]),
        (2, [(2, 7)], [0, 7]),
        (5, [(5, 1), (2, 3)], [0, 3, 0, 0, 1]),
        (4, [(1, 1), (2, 2), (3, 3), (4, 4)], [1, 2, 3, 4]),
    ],
)
def test_each_number_of_intervals_has_its_people(periods, found, people):
    answer = stickiness_of(periods, found)

    assert (answer.periods, answer.people) == (periods, people)
    assert as_table(answer) == (["intervals", "people"], [[n, m] for n, m in enumerate(people, start=1)])


async def test_several_events_of_an_interval_are_one(analyst):
    await analyst.tell(
        did("u1", "open", "01T08:00"), did("u1", "open", "01T09:00"), did("u1", "view", "02"),
        did("u2", "open", "01"), did("u2", "open", "02"), did("u2", "open", "03T23:59:59.999"),
        did("u3", "open", "04"),
    )  # fmt: skip

    assert await analyst.ask() == {"periods": 3, "people": [0, 1, 1]}
    assert await analyst.ask(event="open") == {"periods": 3, "people": [1, 0, 1]}
    assert (await analyst.ask(event="open", interval="week"))["people"] == [1, 1]  # 23 February to 3 March are two
    assert await analyst.ask(event="nothing") == {"periods": 3, "people": [0, 0, 0]}


async def test_merged_people_are_one_and_what_is_no_activity_is_none(analyst):
    await analyst.tell(did("", "open", "01", userId=None, anonymousId="a1"), did("u1", "open", "02"))
    assert (await analyst.ask())["people"] == [2, 0, 0]

    await analyst.tell(is_known("u1", "03", anonymous="a1"))

    assert (await analyst.ask())["people"] == [0, 1, 0]
    assert (await analyst.ask(event="$identify"))["people"] == [0, 0, 0]


async def test_filters_leave_out(analyst):
    await analyst.tell(
        did("u1", "open", "01", {"plan": "专业版"}), did("u2", "open", "01", {"plan": "free"}),
        did("robot", "open", "01", **BOT), did("tester", "open", "02", {"is_test": True}),
    )  # fmt: skip
    await analyst.tell_of_nobody("open", "01")
    where = [{"field": "properties.plan", "op": "eq", "value": "专业版"}]

    assert (await analyst.ask())["people"] == [2, 0, 0]
    assert (await analyst.ask(include_filtered=True))["people"] == [4, 0, 0]
    assert (await analyst.ask(where=where))["people"] == [1, 0, 0]


async def test_as_csv_and_for_others_nothing(analyst):
    await analyst.tell(did("u1", "open", "01"))

    answer = await analyst.answer(headers={"Accept": "text/csv"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.split() == ["intervals,people", "1,1", "2,0", "3,0"]
    theirs = await analyst.world.api.key("metrics:read", workspace="other")
    assert (await analyst.answer(headers=theirs)).json()["people"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("zone", "people"),
    [
        # 1 March 15:59 and 16:00 in UTC are two days in Shanghai, and one elsewhere
        ("UTC", [1, 0, 0]),
        ("Asia/Shanghai", [0, 1, 0]),
        ("US/Pacific", [1, 0, 0]),
    ],
)
async def test_days_are_those_of_the_zone(analyst, zone, people):
    await analyst.tell(did("u1", "open", "01T15:59"), did("u1", "open", "01T16:00"))

    assert (await analyst.ask(time_zone=zone))["people"] == people


async def test_hours_of_a_day_that_lacks_one_and_more_than_a_word_of_them(analyst):
    # in California 8 March has 23 hours; three days have 71
    await analyst.tell(*(did("u1", "open", f"{day:02}T{hour:02}:30") for day in (7, 8, 9) for hour in range(10, 20)))

    answer = await analyst.ask("07", "09", time_zone="US/Pacific", interval="hour")

    assert answer["periods"] == 71
    assert [times for times, people in enumerate(answer["people"], start=1) if people] == [30]


async def test_a_time_that_is_none_and_an_unknown_field_are_named(analyst):
    assert await analyst.refused(**{"from": "2026-03-09"}) == [("/to", "has to be after from")]
    assert [pointer for pointer, _ in await analyst.refused(series=[])] == ["/series"]
    unknown = {"field": "propertees.x", "op": "exists"}
    assert [pointer for pointer, _ in await analyst.refused(where=[unknown])] == ["/where/0/field"]
