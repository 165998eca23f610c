"""Each condition of a definition, asked of a world that is worked by hand. The day is 10 March 2026, noon, of UTC, a Tuesday."""

from __future__ import annotations

import pytest

from services.metrics.tests.analyst import BOT, did, is_known
from services.metrics.tests.segmenting import Marketer, event, prop
from services.metrics.tests.shop import Shop

NOW = "10T12:00"


@pytest.fixture
def marketer(world_with_store):
    return Marketer(world_with_store)


# u1 bought for 10, 20 and 30 on the 1st, the 5th and the 9th; u2 for 100 on the 9th; u3 only looked; u4 is there by what they are.
SHOP = (
    did("u1", "buy", "01", {"amount": 10, "plan": "free"}),
    did("u1", "buy", "05", {"amount": 20, "plan": "专业版"}),
    did("u1", "buy", "09", {"amount": 30, "plan": "free"}),
    did("u2", "buy", "09", {"amount": 100, "plan": "专业版"}),
    did("u3", "look", "09", {"amount": "1000"}),
    is_known("u4", "09", city="上海", age=30, vip=True, seats={"paid": 3}),
)


HAVE = [
    # how often
    (event("buy"), "u1 u2"),
    (event("buy", "ge", 3), "u1"),
    (event("buy", "ge", 3, "P7D"), ""),
    (event("buy", "ge", 2, "P7D"), "u1"),
    (event("buy", "le", 1, "P7D"), "u2 u3 u4"),
    (event("buy", "eq", 1), "u2"),
    (event("buy", "eq", 0), "u3 u4"),
    (event("buy", "eq", 0, "P1D"), "u1 u2 u3 u4"),
    (event("buy", "ge", 1, "PT24H1S"), "u1 u2"),
    (event(None), "u1 u2 u3"),
    (event(None, "eq", 0), "u4"),
    (event("buy", "ge", 0), "u1 u2 u3 u4"),
    (event("买"), ""),
    (event("buy", where=[{"field": "properties.plan", "op": "eq", "value": "专业版"}]), "u1 u2"),
    (event("buy", "ge", 2, where=[{"field": "properties.amount", "op": "ge", "value": 20}]), "u1"),
    # what a property came to: u1 10 + 20 + 30, u2 100, of u3 and u4 nothing
    (prop("sum", "ge", 60), "u1 u2"),
    (prop("sum", "eq", 60), "u1"),
    (prop("sum", "gt", 60), "u2"),
    (prop("sum", "eq", 0), "u3 u4"),
    (prop("sum", "lt", 60, within="P7D"), "u1 u3 u4"),  # 20 + 30
    (prop("avg", "eq", 20), "u1"),
    (prop("avg", "lt", 1000), "u1 u2"),
    (prop("avg", "ne", 20), "u2 u3 u4"),
    (prop("min", "eq", 10), "u1"),
    (prop("min", "eq", 20, within="P7D"), "u1"),
    (prop("max", "ge", 30), "u1 u2"),
    (prop("max", "exists", True), "u1 u2"),
    (prop("max", "exists", False), "u3 u4"),
    (prop("max", "in", [30, 31]), "u1"),
    (prop("last", "eq", 30), "u1"),
    (prop("last", "eq", "专业版", property="properties.plan"), "u2"),
    (prop("last", "ne", "专业版", property="properties.plan"), "u1 u3 u4"),
    (prop("last", "contains", "专业", property="properties.plan"), "u2"),
    (prop("last", "exists", False, property="properties.plan"), "u3 u4"),
    (prop("last", "eq", "1000", event="look"), "u3"),
    (prop("sum", "eq", 0, event="look"), "u1 u2 u3 u4"),  # a text of digits is a text
    # what is known of them
    ({"type": "trait", "trait": "city", "op": "eq", "value": "上海"}, "u4"),
    ({"type": "trait", "trait": "city", "op": "ne", "value": "上海"}, "u1 u2 u3"),
    ({"type": "trait", "trait": "age", "op": "ge", "value": 30}, "u4"),
    ({"type": "trait", "trait": "age", "op": "gt", "value": 30}, ""),
    ({"type": "trait", "trait": "vip", "op": "exists", "value": False}, "u1 u2 u3"),
    ({"type": "trait", "trait": "seats.paid", "op": "in", "value": [2, 3]}, "u4"),
    ({"type": "trait", "trait": "age", "op": "not_in", "value": [30]}, "u1 u2 u3"),
    # groups
    ({"type": "group", "match": "any", "conditions": [event("look"), prop("sum", "gt", 60)]}, "u2 u3"),
    ({"type": "group", "match": "all", "conditions": [event("buy"), prop("sum", "gt", 60)]}, "u2"),
    ({"type": "group", "match": "any", "conditions": []}, ""),
    ({"type": "group", "match": "all", "conditions": []}, "u1 u2 u3 u4"),
]


async def test_a_condition_has_these_people(marketer, subtests):
    await marketer.tell(*SHOP)
    marketer.at(NOW)
    for condition, expected in HAVE:
        with subtests.test(condition=condition):
            assert await marketer.preview(condition) == expected.split()


STAGES = [
    # day        8    9   10      week of 2nd   of 9th
    # u1              x    x           .          x       first seen on the 9th
    # u2         x         x           x          x       first seen on the 8th
    # u3                   x           .          x       new on the 10th
    # u4              x                .          x       first seen on the 9th
    # u5         x                     x          .       first seen on the 8th
    ("new", "day", "u3"),
    ("returning", "day", "u1"),
    ("resurrecting", "day", "u2"),
    ("dormant", "day", "u4"),
    ("new", "week", "u1 u3 u4"),
    ("returning", "week", "u2"),
    ("resurrecting", "week", ""),
    ("dormant", "week", "u5"),
    ("new", "month", "u1 u2 u3 u4 u5"),
    ("dormant", "month", ""),
]


async def test_stages_are_those_of_lifecycles_in_the_interval_that_runs(marketer, subtests):
    days = {"u1": "09 10", "u2": "08 10", "u3": "10", "u4": "09", "u5": "08"}
    await marketer.tell(*(did(who, "open", f"{day}T09:00") for who, some in days.items() for day in some.split()))
    marketer.at(NOW)
    for stage, interval, expected in STAGES:
        with subtests.test(stage=stage):
            assert (
                await marketer.preview({"type": "lifecycle", "stage": stage, "interval": interval}) == expected.split()
            )


async def test_a_day_is_the_workspaces(marketer):
    await marketer.zone("Asia/Shanghai")
    # in Shanghai the 10th begins at 16:00 of the 9th
    await marketer.tell(did("u1", "open", "09T15:59"), did("u2", "open", "09T16:00"))
    marketer.at(NOW)

    assert await marketer.preview({"type": "lifecycle", "stage": "new", "interval": "day"}) == ["u2"]
    assert await marketer.preview({"type": "lifecycle", "stage": "dormant", "interval": "day"}) == ["u1"]


async def test_who_was_first_seen_by_a_message_that_is_no_activity_is_not_new(marketer):
    await marketer.tell(is_known("u1", "08", city="x"), did("u1", "open", "10T09:00"))
    marketer.at(NOW)

    assert await marketer.preview({"type": "lifecycle", "stage": "new", "interval": "day"}) == []
    assert await marketer.preview({"type": "lifecycle", "stage": "resurrecting", "interval": "day"}) == ["u1"]


async def test_the_window_is_open_at_its_beginning_and_closed_at_its_end(marketer):
    await marketer.tell(did("u1", "buy", "09T12:00"), did("u2", "buy", "09T12:00:00.001"), did("u3", "buy", "10T12:00"))
    marketer.at(NOW)

    assert await marketer.preview(event("buy", within="P1D")) == ["u2", "u3"]


async def test_what_happens_later_does_not_count_yet(marketer):
    await marketer.tell(did("u1", "buy", "10T11:00"))
    marketer.at("10T10:00")

    assert await marketer.preview(event("buy")) == []
    assert await marketer.preview(event("buy", "eq", 0)) == []  # nor are they there


async def test_bots_tests_and_nobody_are_in_no_segment(marketer):
    await marketer.tell(
        did("u1", "buy", "09"),
        did("bot", "buy", "09", **BOT),
        did("test", "buy", "09", {"$test": True}),
        did("both", "buy", "08", **BOT),
        did("both", "look", "09"),
    )
    await marketer.tell_of_nobody("buy", "09")
    marketer.at(NOW)

    assert await marketer.preview(event("buy", "ge", 0)) == ["both", "u1"]
    assert await marketer.preview(event("buy")) == ["u1"]
    assert await marketer.preview(event("buy", "eq", 0)) == ["both"]  # what a bot did under their id is none of theirs


async def test_people_who_are_one_count_as_one(marketer):
    await marketer.tell(
        did("", "buy", "08", anonymousId="a1", userId=None),
        did("u1", "buy", "09"),
        did("", "look", "09", anonymousId="a2", userId=None),
        is_known("u1", "09T13:00", anonymous="a1"),
    )
    marketer.at(NOW)

    assert await marketer.preview(event("buy", "ge", 2)) == ["u1"]
    assert await marketer.preview(event("buy", "eq", 0)) == ["a2"]
    assert await marketer.preview(event(None)) == ["a2", "u1"]


async def test_other_segments_and_lists(marketer):
    await marketer.tell(*SHOP)
    marketer.at(NOW)
    buyers = await marketer.segment(event("buy"))
    friends = await marketer.listed("u2", "u3", "somebody nobody saw")

    assert await marketer.preview({"type": "segment", "segment_id": buyers}) == ["u1", "u2"]
    assert await marketer.preview({"type": "segment", "segment_id": buyers, "is_member": False}) == ["u3", "u4"]
    both = [{"type": "segment", "segment_id": each} for each in (buyers, friends)]
    assert await marketer.preview(*both) == ["u2"]
    assert await marketer.preview(*both, match="any") == ["u1", "u2", "u3"]


async def test_who_is_excluded_is_out_whatever_the_conditions_say(marketer):
    await marketer.tell(*SHOP, is_known("u1", "09T13:00", anonymous="a1"))
    marketer.at(NOW)
    friends = await marketer.listed("u2", "u3")

    assert await marketer.preview(rest={"exclude": {"segment_ids": [friends]}}) == ["u1", "u4"]
    # any id of theirs excludes them
    assert await marketer.preview(rest={"exclude": {"user_ids": ["a1", "nobody"]}}) == ["u2", "u3", "u4"]
    assert await marketer.preview(rest={"exclude": {"segment_ids": [friends], "user_ids": ["u4"]}}) == ["u1"]


# Five bought in CNY in the last 365 days, and have been seen. A score is 1 and the fifths of all that are strictly below:
#     latest   orders  net                       recency          frequency      monetary
# b1  01       1       10                        1 + 0/5·5 = 1    1 + 0 = 1      1 + 0 = 1
# b2  02       1       20                        1 + 1    = 2     1 + 0 = 1      1 + 1 = 2
# b3  03       2       15 + 15 = 30              1 + 2    = 3     1 + 3 = 4      1 + 2 = 3
# b4  04       1       100 − 60 refunded = 40    1 + 3    = 4     1 + 0 = 1      1 + 3 = 4
# b5  05       3       20 + 20 + 20 = 60         1 + 4    = 5     1 + 4 = 5      1 + 4 = 5
BOUGHT = {
    "b1": [(10, "01")],
    "b2": [(20, "02")],
    "b3": [(15, "01"), (15, "03")],
    "b4": [(100, "04")],
    "b5": [(20, "03"), (20, "04"), (20, "05")],
}


SCORED = [
    ({"recency": [1]}, "b1"),
    ({"recency": [4, 5]}, "b4 b5"),
    ({"frequency": [1]}, "b1 b2 b4"),
    ({"frequency": [2, 3]}, ""),
    ({"frequency": [4]}, "b3"),
    ({"monetary": [4]}, "b4"),
    ({"monetary": [3, 5]}, "b3 b5"),
    ({"recency": [4, 5], "frequency": [1]}, "b4"),
    ({"recency": [5], "frequency": [5], "monetary": [5]}, "b5"),
    ({}, "b1 b2 b3 b4 b5"),
    ({"currency": "USD"}, "b1"),
    ({"currency": "USD", "monetary": [1]}, "b1"),
    ({"currency": "JPY"}, ""),
]


async def test_scores_of_recency_frequency_and_money(marketer, subtests):
    shop = Shop(marketer.world)
    await marketer.tell(*(did(who, "open", "09") for who in [*BOUGHT, "u0"]))
    for who, bought in BOUGHT.items():
        for amount, day in bought:
            await shop.order(f"{who} {amount} {day}", amount, f"03-{day}T10:00", user_id=who)
    await shop.refund("b4 100 04", "r", 60)
    await shop.order("dollars", 999, "03-01T10:00", user_id="b1", currency="USD")
    marketer.at(NOW)
    for scores, expected in SCORED:
        with subtests.test(scores=scores):
            assert await marketer.preview({"type": "rfm"} | scores) == expected.split()


async def test_who_ordered_more_than_365_days_ago_or_was_never_seen_has_no_score_of_a_member(marketer):
    shop = Shop(marketer.world)
    await marketer.tell(did("b1", "open", "09"), did("b2", "open", "09"))
    await shop.order("o1", 10, "03-09T10:00", user_id="b1")
    old = {"order_id": "o2", "user_id": "b2", "total": {"amount": 5, "currency": "CNY"}}
    await marketer.world.post("/v1/orders", old | {"ordered_at": "2025-03-10T12:00:00Z"})  # 365 days ago to the second
    await shop.order("o3", 10, "03-09T10:00", user_id="never seen")
    marketer.at(NOW)

    assert await marketer.preview({"type": "rfm"}) == ["b1"]


async def test_other_services_events_count_where_they_are_named(marketer):
    await marketer.tell(did("u1", "open", "09"))
    marketer.at(NOW)
    await marketer.world.hear_now(marketer.world.received("s1", user="u1"), marketer.world.received("s1", user="f1"))
    await marketer.feed()
    marketer.at("10T13:00")

    assert await marketer.preview(event("feedback.received")) == ["f1", "u1"]
    assert await marketer.preview(event(None)) == ["u1"]


@pytest.mark.parametrize("people", [1, 3, 20_000])
async def test_a_bucket_means_the_same_people_everywhere(marketer, monkeypatch, people):
    """Ids are cut by their first 16 bits, by the database as by the event store: whoever is in two, or in none, would be missing here."""
    monkeypatch.setattr("opsloop_metrics.cohorts.rules.BUCKET_PEOPLE", people)
    shop = Shop(marketer.world)
    names = [f"用户{number:02}" for number in range(24)]
    await marketer.tell(*(did(name, "buy", "09", {"amount": 5}) for name in names))
    await marketer.tell(*(is_known(name, "09T13:00", city="上海", anonymous=f"a{name}") for name in names))
    for name in names:
        await shop.order(name, 10, "03-09T10:00", user_id=name)
    friends = await marketer.listed(*names)
    marketer.at(NOW)
    trait = {"type": "trait", "trait": "city", "op": "eq", "value": "上海"}
    conditions = [
        event("buy"),
        prop("max", "eq", 5),
        trait,
        {"type": "rfm"},
        {"type": "segment", "segment_id": friends},
    ]

    for condition in conditions:
        assert await marketer.preview(condition) == names
    assert await marketer.preview(*conditions) == names


@pytest.mark.parametrize("people", [1, 3, 20_000])
async def test_what_somebody_did_under_another_id_counts_in_whichever_bucket_that_lies(marketer, monkeypatch, people):
    monkeypatch.setattr("opsloop_metrics.cohorts.rules.BUCKET_PEOPLE", people)
    names = [f"u{number:02}" for number in range(16)]
    await marketer.tell(*(did("", "buy", "08", anonymousId=f"a{name}", userId=None) for name in names))
    await marketer.tell(*(did(name, "look", "09") for name in names))
    marketer.at(NOW)
    assert await marketer.preview(event("look"), event("buy")) == []  # nobody is joined with anybody yet

    await marketer.tell(*(is_known(name, "09T13:00", anonymous=f"a{name}") for name in names[:8]))

    assert await marketer.preview(event("look"), event("buy")) == names[:8]
    assert await marketer.preview(event("look"), event("buy", "eq", 0)) == names[8:]
    assert await marketer.preview(event("look", "eq", 0)) == [f"a{name}" for name in names[8:]]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"op": "ne", "value": "上海"}, True),
        ({"op": "exists", "value": False}, True),
        ({"op": "eq", "value": "上海"}, False),
    ],
)
async def test_of_whom_nothing_is_known_a_condition_holds_as_for_null(marketer, condition, holds):
    await marketer.tell(did("u1", "look", "09"), is_known("u2", "09", city="上海"), is_known("u3", "09", city="北京"))
    marketer.at(NOW)

    found = await marketer.preview({"type": "trait", "trait": "city"} | condition)

    assert ("u1" in found) is holds
    assert ("u2" in found) is (condition["op"] == "eq")
