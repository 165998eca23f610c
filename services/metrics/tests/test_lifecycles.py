"""Lifecycle: who is new, returns, comes back or stays away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.lifecycles.rules import as_table, lifecycle_of
from services.metrics.tests.analyst import BOT, Analyst, did, is_known


@pytest.fixture
def analyst(world_with_store):
    return Analyst(world_with_store, "lifecycle")


def rows(answer):
    return [answer[name] for name in ("new", "returning", "resurrecting", "dormant")]


def found_in(first_seen, days):
    """Return what the store would find of one person: days of activity, the day before the first being 0."""
    return [(day, day == first_seen, day - 1 in days, 1) for day in sorted(days)]


person = st.tuples(st.integers(-1, 3), st.sets(st.integers(0, 8))).map(
    lambda made: (made[0], {day for day in made[1] if day >= made[0]})
)


@given(st.lists(person, max_size=20))
def test_the_parts_are_all_who_are_active_and_nobody_is_lost(people):
    answer = lifecycle_of(list("abcdefgh"), [row for one in people for row in found_in(*one)], incomplete_from=None)
    active = [sum(day in days for _, days in people) for day in range(9)]

    for place in range(8):
        there = answer.new[place] + answer.returning[place] + answer.resurrecting[place]
        assert there == active[place + 1]
        assert -answer.dormant[place] == active[place] - answer.returning[place]
    assert min([*answer.new, *answer.returning, *answer.resurrecting]) >= 0 >= max(answer.dormant)


def test_nobody_is_nothing_in_every_interval():
    answer = lifecycle_of(["x", "y"], [], incomplete_from=None)

    assert (answer.new, answer.returning, answer.resurrecting, answer.dormant) == ([0, 0],) * 4


def test_the_interval_before_the_first_is_not_told():
    answer = lifecycle_of(
        ["x", "y"], [(0, True, False, 5), (1, False, True, 3), (2, True, False, 1)], incomplete_from=1
    )

    assert as_table(answer) == (
        ["interval", "new", "returning", "resurrecting", "dormant"],
        [["x", 0, 3, 0, -2], ["y", 1, 0, 0, -3]],
    )


async def test_a_world_worked_by_hand(analyst):
    # day    28 01 02 03 04      new       returning  resurrecting  dormant
    # u1      x  x  .  x  .      28        01         03            02, 04
    # u2      .  x  x  .  .      01        02                       03
    # u3      x  .  .  .  x      28                   04            01
    for who, days in {"u1": ("02-28", "01", "03"), "u2": ("01", "02"), "u3": ("02-28", "04")}.items():
        await analyst.tell(*(did(who, "open", day) for day in days))

    answer = await analyst.ask("01", "04")

    assert answer["intervals"] == [f"2026-03-0{day}T00:00:00Z" for day in (1, 2, 3, 4)]
    assert rows(answer) == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [-1, -1, -1, -1]]
    assert answer["incomplete_from"] is None


async def test_first_seen_is_with_any_message_whatever_the_filters_say(analyst):
    await analyst.tell(
        is_known("u1", "01"), did("u1", "buy", "02"),
        did("u2", "open", "02T01:00"), did("u2", "buy", "02T02:00"),
        did("u3", "open", "01", **BOT), did("u3", "buy", "02"),
    )  # fmt: skip

    assert rows(await analyst.ask("02", "02", event="buy")) == [[1], [0], [2], [0]]


async def test_a_merge_makes_one_who_was_seen_earlier(analyst):
    await analyst.tell(did("", "open", "01", userId=None, anonymousId="a1"), did("u1", "open", "02"))
    assert rows(await analyst.ask("01", "02")) == [[1, 1], [0, 0], [0, 0], [0, -1]]

    await analyst.tell(is_known("u1", "03", anonymous="a1"))

    assert rows(await analyst.ask("01", "02")) == [[1, 0], [0, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("zone", "new"),
    [
        # 2 March 15:59:59.999 and 16:00 in UTC are two days in Shanghai, and one in California
        ("Asia/Shanghai", [0, 1, 1]),
        ("US/Pacific", [0, 2, 0]),
    ],
)
async def test_days_are_those_of_the_zone(analyst, zone, new):
    await analyst.tell(did("u1", "open", "02T15:59:59.999"), did("u2", "open", "02T16:00"))

    assert (await analyst.ask(time_zone=zone))["new"] == new


async def test_the_day_on_which_clocks_go_on_has_23_hours(analyst):
    # in California 8 March is from 08:00 in UTC to 07:00 of the 9th
    await analyst.tell(did("u1", "open", "08T07:59"), did("u2", "open", "09T06:59"), did("u3", "open", "09T07:00"))

    answer = await analyst.ask("07", "09", time_zone="US/Pacific")

    assert answer["intervals"] == ["2026-03-07T08:00:00Z", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"]
    assert answer["new"] == [1, 1, 1]


@pytest.mark.parametrize(("week_start", "returning"), [("monday", [0, 1]), ("sunday", [0, 0]), ("saturday", [0, 0])])
async def test_a_week_begins_when_it_is_said_to(analyst, week_start, returning):
    # 1 March is a Sunday: of the week before Monday the 2nd, and of one with it otherwise
    await analyst.tell(did("u1", "open", "01"), did("u1", "open", "02"))

    answer = await analyst.ask("01", "03", interval="week", week_start=week_start)

    assert answer["returning"] == returning[2 - len(answer["intervals"]) :]


async def test_what_is_not_over_is_told_and_nobody_else_sees_it(analyst):
    await analyst.tell(did("u1", "open", "05-31"))
    query = {"from": "2026-05-31", "to": "2026-06-02", "event": "open"}

    assert (await analyst.ask(**query))["incomplete_from"] == 1
    assert (await analyst.ask(**query | {"to": "2026-05-31T18:00:00Z"}))["incomplete_from"] == 0
    theirs = await analyst.world.api.key("metrics:read", workspace="other")
    assert rows((await analyst.answer(headers=theirs, **query)).json()) == [[0, 0, 0]] * 4
    table = await analyst.answer(headers={"Accept": "text/csv"}, **query | {"to": "2026-05-31"})
    assert table.text.splitlines()[1] == "2026-05-31T00:00:00Z,1,0,0,0"


async def test_months_and_hours(analyst):
    await analyst.tell(
        did("u1", "open", "01-31T23:30"), did("u1", "open", "02-01T00:10"), did("u1", "open", "03-31"),
        did("u2", "open", "01-05"), did("u2", "open", "03-05"),
    )  # fmt: skip

    months = await analyst.ask(**{"from": "2026-01-01"}, last="31", interval="month")
    hours = await analyst.ask(**{"from": "2026-01-31T23:00:00Z", "to": "2026-02-01T02:00:00Z"}, interval="hour")

    assert months["intervals"] == ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]
    assert rows(months) == [[2, 0, 0], [0, 1, 1], [0, 0, 1], [0, -1, 0]]
    assert rows(hours) == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, -1]]


async def test_who_counts(analyst):
    await analyst.tell(
        did("u1", "open", "01", {"plan": "专业版"}), did("u2", "open", "01", {"plan": 1}),
        did("robot", "open", "01", **BOT), did("tester", "open", "01", {"is_test": True}),
    )  # fmt: skip
    await analyst.tell_of_nobody("open", "01")
    where = [{"field": "properties.plan", "op": "eq", "value": "专业版"}]

    assert (await analyst.ask("01", "01"))["new"] == [2]
    assert (await analyst.ask("01", "01", include_filtered=True))["new"] == [4]
    assert (await analyst.ask("01", "01", where=where))["new"] == [1]
    assert (await analyst.ask("01", "01", event="$identify"))["new"] == [0]
