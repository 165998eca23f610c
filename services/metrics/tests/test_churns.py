"""Churn: what those who left had answered, against those who stayed."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from services.metrics.tests.analyst import BOT, NOW, Analyst, did, is_known
from services.metrics.tests.asked import Insights
from tests.insights.compare import differences
from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import NONE, chosen, field, matches, text
from tests.insights.worlds import world as world_of

WHY = {"event": "answered", "field": "properties.why"}
COUNTS = ("people", "left", "stayed", "undecided")


@pytest.fixture
def analyst(world_with_store):
    return Analyst(world_with_store, "churn")


def shown(answer):
    """Return (value, left, stayed) of each row."""
    return [(row["value"], row["left"], row["stayed"]) for row in answer["rows"]]


def counts(answer):
    return [answer[name] for name in COUNTS]


async def test_who_left_who_stayed_and_who_may_be_either(analyst):
    # asked at noon of 15 April about March, with 30 days of silence
    # u1 last on 10 March, never again: left. u2 last on the 10th, again 30 days later to the millisecond: stayed.
    # u3 as u2, a millisecond later: left. u4 last on 16 March at noon, 30 days before now: left; u5 a millisecond later: undecided.
    # u6 on the 31st and on 2 April: stayed. u7 only in February: not asked about.
    for who, *times in (
        ("u1", "10"), ("u2", "10T10:00", "04-09T10:00"), ("u3", "10T10:00", "04-09T10:00:00.001"), ("u4", "16T12:00"),
        ("u5", "16T12:00:00.001"), ("u6", "31", "04-02"), ("u7", "02-27"),
    ):  # fmt: skip
        await analyst.tell(*(did(who, "open", time) for time in times))
    analyst.world.api.clock.set(datetime(2026, 4, 15, 12, tzinfo=UTC))

    answer = await analyst.ask("01", "31")

    assert counts(answer) == [6, 3, 2, 1]
    assert (answer["churn_rate"], answer["silent"], answer["rows"]) == (3 / 5, 1.0, [])


async def test_who_cancels_has_left_whatever_they_do_after(analyst):
    await analyst.tell(
        did("u1", "open", "10"), did("u1", "cancel", "11"), did("u1", "open", "20"), did("u1", "open", "04-05"),
        did("u2", "open", "10"), did("u2", "cancel", "04-02"), did("u2", "open", "04-05"),
        did("u3", "cancel", "02-20"), did("u3", "open", "10"), did("u3", "open", "04-05"),
        did("u4", "cancel", "11", {"trial": True}), did("u4", "open", "12"), did("u4", "open", "04-05"),
    )  # fmt: skip
    left = {"event": "cancel", "where": [{"field": "properties.trial", "op": "exists", "value": False}]}

    assert counts(await analyst.ask("01", "31", left=left)) == [4, 1, 3, 0]
    # whoever is active by the filter alone is asked about, and their silence is of this activity
    assert counts(await analyst.ask("01", "31", activity={"event": "cancel"})) == [2, 2, 0, 0]


async def test_each_person_counts_once_for_an_answer(analyst):
    # u1 u2 leave; u3 u4 u5 stay. slow: both who left (u1 twice), u3. dear: u1, u4, u5
    for who in ("u1", "u2", "u3", "u4", "u5"):
        await analyst.tell(did(who, "open", "10"), *([did(who, "open", "04-05")] if who > "u2" else []))
    await analyst.tell(
        did("u1", "answered", "05", {"why": ["slow", "dear", "slow", "", None]}),
        did("u1", "answered", "06", {"why": "slow"}),
        did("u2", "answered", "04-01", {"why": "slow"}, type="identify"),
        did("u2", "answered", "09", {"why": "slow"}),
        did("u3", "answered", "04-29T23:00", {"why": ["slow"]}),
        did("u4", "answered", "05", {"why": "dear"}), did("u5", "answered", "05", {"why": "dear"}),
        did("u5", "answered", "02-28", {"why": "slow"}), did("u4", "answered", "06-01", {"why": "slow"}),
    )  # fmt: skip

    answer = await analyst.ask("01", "31", activity={"event": "open"}, answers=[WHY], min_people=3)

    # slow: 2 of 2 against 1 of 3; dear: 1 of 2 against 2 of 3
    assert shown(answer) == [("slow", 2, 1), ("dear", 1, 2)]
    assert [row["difference"] for row in answer["rows"]] == pytest.approx([1 - 1 / 3, 1 / 2 - 2 / 3])
    assert (answer["rows"][0]["lift"], answer["silent"], answer["left_out"]) == (pytest.approx(3), 0.0, 0)


async def test_what_few_said_is_left_out_and_counted(analyst):
    for number in range(6):
        who = f"u{number}"
        await analyst.tell(did(who, "open", "10"), did(who, "answered", "10", {"why": ["慢", f"我是{who}"]}))

    answer = await analyst.ask("01", "31", answers=[WHY])
    assert (shown(answer), answer["left_out"]) == ([("慢", 6, 0)], 6)
    answer = await analyst.ask("01", "31", answers=[WHY], min_people=1, limit=3)
    assert (shown(answer), answer["left_out"]) == ([("慢", 6, 0), ("我是u0", 1, 0), ("我是u1", 1, 0)], 0)


async def test_numbers_objects_and_columns_are_answers_too(analyst):
    page = {"url": "https://shop.example/账单", "path": "/账单"}
    await analyst.tell(
        did("u1", "answered", "10", {"why": [5, 5.0, True, {"a": 1}, [2]]}), did("u1", "", "10", page, type="page")
    )
    answers = [WHY | {"label": "all"}, {"event": "$pageview", "field": "path"}]

    answer = await analyst.ask("01", "31", answers=answers, min_people=1)

    assert [(row["label"], row["value"]) for row in answer["rows"]] == [
        ("path", "/账单"), ("all", "5"), ("all", "[2]"), ("all", "true"), ("all", '{"a":1}'),
    ]  # fmt: skip


async def test_answers_that_look_like_a_row_of_a_table_are_told_apart(analyst):
    """u1 answers `$none` and `$$other`, u2 (of a list) `$none`, `$5` and an empty text: one more `$` where it would be mistaken.

    All left: two gave `$$none`, one each `$$$other` and `$5`; the empty text is no answer.
    """
    await analyst.tell(
        did("u1", "answered", "10", {"why": ["$none", "$$other"]}),
        did("u2", "answered", "10", {"why": ["$none", "$5", ""]}),
    )

    answer = await analyst.ask("01", "31", answers=[WHY], min_people=1)

    assert shown(answer) == [("$$none", 2, 0), ("$$$other", 1, 0), ("$5", 1, 0)]


async def test_feedback_is_what_people_answered_unless_something_else_is_named(analyst):
    world = analyst.world
    world.api.clock.set(datetime(2026, 3, 10, 12, tzinfo=UTC))
    await analyst.tell(did("u1", "open", "10"), did("u2", "open", "10"))
    await world.hear_now(world.received(at=datetime(2026, 3, 10, 9, tzinfo=UTC), user="u1", tags=["支付", "slow"]))
    await world.recur()
    world.api.clock.set(NOW)
    await analyst.tell(did("u2", "open", "04-05"))

    answer = await analyst.ask("01", "31", min_people=1)

    assert counts(answer) == [2, 1, 1, 0]
    assert {(row["label"], row["value"]) for row in answer["rows"]} == {
        ("kind", "bug"), ("severity", "s1"), ("tags", "slow"), ("tags", "支付"),
    }  # fmt: skip
    assert answer["silent"] == 0.0


async def test_merged_people_are_one_and_robots_and_nobody_are_none(analyst):
    await analyst.tell(
        did("", "open", "10", userId=None, anonymousId="a1"), did("u1", "open", "04-01"),
        did("", "answered", "10", {"why": "slow"}, userId=None, anonymousId="a1"), did("robot", "open", "10", **BOT),
    )  # fmt: skip
    await analyst.tell_of_nobody("open", "10")
    assert counts(await analyst.ask("01", "31")) == [1, 1, 0, 0]

    await analyst.tell(is_known("u1", "04-02", anonymous="a1"))

    answer = await analyst.ask("01", "31", answers=[WHY], min_people=1)
    assert (counts(answer), shown(answer)) == ([1, 0, 1, 0], [("slow", 0, 1)])


async def test_as_csv_and_another_workspace_sees_nothing(analyst):
    await analyst.tell(did("u1", "answered", "10", {"why": "=1+1"}))
    asked = {"answers": [WHY], "min_people": 1}
    table = await analyst.answer("01", "31", headers={"Accept": "text/csv"}, **asked)
    assert table.text.splitlines() == [
        "label,value,left,stayed,left_share,stayed_share,difference,difference_low,difference_high,lift",
        "why,'=1+1,1,0,1.0,,,,,",
    ]

    theirs = await analyst.world.api.key("metrics:read", workspace="other")
    assert counts((await analyst.answer("01", "31", headers=theirs, **asked)).json()) == [0, 0, 0, 0]


async def test_a_long_list_is_heard_as_far_as_a_hundred_elements(analyst):
    await analyst.tell(did("u1", "answered", "10", {"why": [f"{number:03}" for number in range(150)] + ["x" * 2_000]}))
    await analyst.tell(did("u1", "answered", "11", {"why": "长" * 1_500}))

    answer = await analyst.ask("01", "31", answers=[WHY], min_people=1, limit=1_000)

    assert [row["value"] for row in answer["rows"]] == [*(f"{number:03}" for number in range(100)), "长" * 1_000]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([], [2, 2, 0, 0]),
        ([{"field": "person.plan", "op": "eq", "value": "企业"}], [1, 1, 0, 0]),
        ([{"field": "properties.why", "op": "exists", "value": True}], [2, 2, 0, 0]),
        ([{"field": "country", "op": "eq", "value": "CN"}], [0, 0, 0, 0]),
    ],
)
async def test_conditions_come_first(analyst, where, expected):
    for who in ("u1", "u2"):
        await analyst.tell(did(who, "open", "10"), did(who, "answered", "10", {"why": "slow"}))
    await analyst.tell(is_known("u1", "10", plan="企业"))

    answer = await analyst.ask("01", "31", answers=[WHY], min_people=1, where=where)

    assert counts(answer) == expected
    assert shown(answer) == ([("slow", expected[1], 0)] if expected[1] else [])


async def test_an_answer_may_have_conditions_of_its_own(analyst):
    for who in ("u1", "u2"):
        await analyst.tell(did(who, "answered", "10", {"why": "慢", "survey": who}))
    only = WHY | {"where": [{"field": "properties.survey", "op": "eq", "value": "u1"}]}

    answer = await analyst.ask("01", "31", answers=[only], min_people=1)

    assert (shown(answer), answer["silent"]) == ([("慢", 1, 0)], 0.5)


SENSELESS = [
    ({"inactive_for": "PT59M"}, "/inactive_for"),
    ({"inactive_for": "P366D"}, "/inactive_for"),
    ({"inactive_for": 30}, "/inactive_for"),
    ({"answers": []}, "/answers"),
    ({"answers": [WHY] * 11}, "/answers"),
    ({"answers": [{"event": "x"}]}, "/answers/0/field"),
    ({"answers": [{"field": "path"}]}, "/answers/0/event"),
    ({"answers": [{"event": "x", "field": "why"}]}, "/answers/0/field"),
    ({"min_people": 0}, "/min_people"),
    ({"left": {"event": ""}}, "/left/event"),
    ({"from": "2200-12-01T00:00:00Z", "to": "2201-12-31T00:00:00Z"}, "/to"),
]


async def test_what_cannot_be_meant(analyst, subtests):
    for wrong, pointer in SENSELESS:
        with subtests.test(wrong=wrong):
            assert (await analyst.refused(**wrong))[0][0] == pointer


def question(world, random):
    """Return any question about a world, and when it is asked."""
    first = world.first_day + timedelta(days=random.randrange(-1, 2))
    fields = random.sample(("properties.source", "properties.tags", "properties.amount", "path"), k=2)
    asked = {
        "from": first.isoformat(),
        "to": (first + timedelta(days=random.randrange(world.days + 1))).isoformat(),
        "time_zone": world.zone,
        "inactive_for": random.choice(("PT1H", "P1D", "P10D")),
        "activity": {"event": random.choice((None, None, "view"))},
        "left": random.choice((None, {"event": "refund"})),
        "answers": [
            {"event": "signup", "field": fields[0], "label": "one"},
            {"event": random.choice(("支付", "$pageview")), "field": fields[1], "label": "two"},
        ],
        "min_people": random.choice((1, 2)),
    }
    return asked, datetime.fromisoformat(first.isoformat()).replace(tzinfo=UTC) + timedelta(
        days=random.randrange(3, 90)
    )


def plain(events, asked, now):
    """Return the answer, found person by person."""
    span = span_of(asked | {"interval": "day"})
    since, until = span.since, span.until
    silence = {"PT1H": timedelta(hours=1), "P1D": timedelta(days=1), "P10D": timedelta(days=10)}[asked["inactive_for"]]
    own = defaultdict(list)
    for one in chosen(events, asked):
        if one["person"] and since <= one["time"] < until + silence:
            own[one["person"]].append(one)
    states, said = {}, defaultdict(set)
    for person, all_ in own.items():
        times = [one["time"] for one in all_ if matches(one, asked["activity"])]
        inside = [time for time in times if time < until]
        if not inside:
            continue
        last, later = max(inside), [time for time in times if time >= until]
        if asked["left"] and any(matches(one, asked["left"]) and one["time"] < until for one in all_):
            states[person] = "left"
        elif any(time <= last + silence for time in later):
            states[person] = "stayed"
        else:
            states[person] = "left" if last + silence <= now else "undecided"
        for number, each in enumerate(asked["answers"]):
            for one in all_:
                value = field(one, each["field"]) if matches(one, {"event": each["event"]}) else None
                for told in map(text, value if isinstance(value, list) else [value]):
                    if told != NONE:
                        said[number, told].add(person)
    of = {state: {who for who in states if states[who] == state} for state in ("left", "stayed", "undecided")}
    left, stayed = len(of["left"]), len(of["stayed"])
    rows, few = [], 0
    for (number, value), who in said.items():
        gone, here = len(who & of["left"]), len(who & of["stayed"])
        if gone + here >= asked["min_people"]:
            apart = gone / max(left, 1) - here / max(stayed, 1)
            rows.append((-apart, -gone, value, number, {"value": value, "left": gone, "stayed": here}))
        elif gone + here:
            few += 1
    answered = set().union(*said.values())
    labels = [each["label"] for each in asked["answers"]]
    return {
        "people": len(states), "left": left, "stayed": stayed, "undecided": len(of["undecided"]),
        "churn_rate": left / (left + stayed) if left + stayed else None,
        "silent": len(of["left"] - answered) / left if left else None,
        "rows": [row[4] | {"label": labels[row[3]]} for row in sorted(rows, key=lambda row: row[:4])][:100],
        "left_out": few,
    }  # fmt: skip


@pytest.mark.parametrize("seed", [*range(1, 7), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(7, 21))])
async def test_the_product_counts_as_plain_python_does(world_with_store, seed):
    insights, world = Insights(world_with_store), world_of(seed)
    world_with_store.api.clock.set(world.now)
    await insights.happened(*world.messages)

    for number in range(3):
        asked, now = question(world, Random(f"{seed} {number}"))
        world_with_store.api.clock.set(now)
        found = await insights.ask("churn", **asked)
        assert list(differences(found, plain(world.events, asked, now))) == [], (asked, now)
