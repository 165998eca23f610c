"""Next best: what goes with what somebody uses, from what people use together."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import combinations
from math import sqrt
from random import Random

import pytest

from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.next_bests.rules import (
    ITEMS_A_PERSON,
    MOST_ITEMS,
    Begun,
    Compared,
    Found,
    NextBest,
    as_table,
    begun,
    proposals,
)
from services.metrics.tests.analyst import BOT, Analyst, did, is_known
from services.metrics.tests.asked import Insights
from tests.insights.compare import differences
from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import NONE, chosen, field, matches, text
from tests.insights.worlds import NAMES
from tests.insights.worlds import world as world_of

COMPARED = Compared(("A", "B", "丙", "D"), (9, 5, 4, 1))
ANY = EventFilter()


@pytest.fixture
def analyst(world_with_store):
    return Analyst(world_with_store, "next-best")


def shown(answer):
    """Return (item, what it goes with, people, together) of each row."""
    return [(row["item"], row["goes_with"], row["people"], row["together"]) for row in answer["rows"]]


@pytest.mark.parametrize(
    ("asked", "used", "start"),
    [
        (NextBest(ANY), [], Begun(None, [])),
        (NextBest(ANY, exclude=frozenset({"B", "x"})), [], Begun(None, [2])),
        (NextBest(ANY, item="丙"), [], Begun([3], [3])),
        (NextBest(ANY, item="丙", exclude=frozenset({"A"})), [], Begun([3], [1, 3])),
        (NextBest(ANY, item="unknown"), [], Begun([], [])),
        (NextBest(ANY, user_id="u"), [("D", True), ("A", True)], Begun([1, 4], [1, 4])),
        # what was used before the range is not begun with, and not proposed either
        (NextBest(ANY, user_id="u"), [("D", True), ("B", False)], Begun([4], [2, 4])),
        (NextBest(ANY, user_id="u", exclude=frozenset({"丙"})), [], Begun([], [3])),
    ],
)
def test_where_a_question_begins(asked, used, start):
    assert begun(COMPARED, asked, used) == start


def test_a_person_begins_with_what_they_used_last():
    compared = Compared(tuple(map(str, range(300))), (1,) * 300)
    used = [(str(place), True) for place in reversed(range(300))]

    start = begun(compared, NextBest(ANY, user_id="u"), used)

    assert (start.seeds, len(start.left_out)) == (list(range(301 - ITEMS_A_PERSON, 301)), 300)


def test_an_answer_has_names_for_numbers():
    answer = proposals(COMPARED, Begun([1], [1]), [Found(3, 1, 0.5, 3), Found(4, 0, 0.25, 1)])

    assert (answer.items_compared, answer.begins_with) == (4, 1)
    assert as_table(answer) == (
        ["item", "goes_with", "score", "people", "together"],
        [["丙", "A", 0.5, 4, 3], ["D", None, 0.25, 1, 1]],
    )
    assert proposals(COMPARED, Begun(None, []), []).begins_with is None


# who     A B C D      A: 4 people, B: 3, C: 2, D: 5 (popular, with everybody)
# u1      x x . x      A and B: u1 u2 u3   3 / sqrt(4 * 3) = 0.866
# u2      x x . x      A and D: all four   4 / sqrt(4 * 5) = 0.894
# u3      x x x x      B and D: all three  3 / sqrt(3 * 5) = 0.775
# u4      x . x x      A and C: u3 u4      2 / sqrt(4 * 2) = 0.707
# u5      . . . x      C and D: u3 u4      2 / sqrt(2 * 5) = 0.632;  B and C: u3, 1 / sqrt(3 * 2) = 0.408
WORLD = {"u1": "ABD", "u2": "ABD", "u3": "ABCD", "u4": "ACD", "u5": "D"}


async def tell_world(analyst):
    for who, items in WORLD.items():
        await analyst.tell(*(did(who, item, "01") for item in items), did(who, items[0], "02"))


async def test_pairs_worked_by_hand(analyst):
    await tell_world(analyst)

    answer = await analyst.ask(min_people=2)

    assert shown(answer) == [
        ("A", "D", 4, 4), ("B", "A", 3, 3), ("B", "D", 3, 3), ("C", "A", 2, 2), ("C", "D", 2, 2),
    ]  # fmt: skip
    expected = [4 / sqrt(20), 3 / sqrt(12), 3 / sqrt(15), 2 / sqrt(8), 2 / sqrt(10)]
    assert [row["score"] for row in answer["rows"]] == pytest.approx(expected)
    assert (answer["items_compared"], answer["begins_with"]) == (4, None)
    assert shown(await analyst.ask()) == shown(answer)[:3]  # three people at least
    assert shown(await analyst.ask(min_people=1, exclude=["D", "A"])) == [("C", "B", 2, 1)]


async def test_what_goes_with_an_item(analyst):
    await tell_world(analyst)

    answer = await analyst.ask(item="C", min_people=1)

    assert shown(answer) == [("A", "C", 4, 2), ("D", "C", 5, 2), ("B", "C", 3, 1)]
    assert [row["score"] for row in answer["rows"]] == pytest.approx([2 / sqrt(8), 2 / sqrt(10), 1 / sqrt(6)])
    assert shown(await analyst.ask(item="C", min_people=1, exclude=["A"], limit=1)) == [("D", "C", 5, 2)]
    unknown = await analyst.ask(item="没有")
    assert (unknown["rows"], unknown["begins_with"], unknown["items_compared"]) == ([], 0, 4)


async def test_what_somebody_may_want_next(analyst):
    await tell_world(analyst)

    answer = await analyst.ask(user_id="u1", min_people=1)
    # u1 has A, B, D: C goes with them 0.707 + 0.408 + 0.632, and two people have C and any of these
    assert shown(answer) == [("C", None, 2, 2)]
    assert answer["rows"][0]["score"] == pytest.approx(2 / sqrt(8) + 1 / sqrt(6) + 2 / sqrt(10))
    assert answer["begins_with"] == 3

    # pairs of fewer people than that add nothing: without B
    few = await analyst.ask(user_id="u1", min_people=2)
    assert few["rows"][0]["score"] == pytest.approx(2 / sqrt(8) + 2 / sqrt(10))
    # u5 has D alone: A 0.894 before B 0.775 before C 0.632
    assert [row[0] for row in shown(await analyst.ask(user_id="u5", min_people=1))] == ["A", "B", "C"]
    assert [row[0] for row in shown(await analyst.ask(user_id="u3", min_people=1))] == []


async def test_what_was_ever_used_is_not_proposed(analyst):
    await tell_world(analyst)
    await analyst.tell(did("u5", "A", "02-10"), did("u5", "C", "04-10"))

    answer = await analyst.ask(user_id="u5", min_people=1)

    # A before the range, C after it: both are seen, and neither is begun with
    assert (shown(answer), answer["begins_with"]) == ([("B", None, 3, 3)], 1)


async def test_somebody_goes_by_any_of_their_ids(analyst):
    await tell_world(analyst)
    await analyst.tell(did("", "B", "02", userId=None, anonymousId="a5"))
    assert [row[0] for row in shown(await analyst.ask(user_id="a5", min_people=1))] == ["A", "D", "C"]

    await analyst.tell(is_known("u5", "03", anonymous="a5"))

    for name in ("u5", "a5"):
        answer = await analyst.ask(user_id=name, min_people=1)
        assert ([row[0] for row in shown(answer)], answer["begins_with"]) == (["A", "C"], 2)


@pytest.mark.parametrize("user_id", ["nobody", "u1/u2", "用户"])
async def test_who_is_unknown_is_not_found(analyst, user_id):
    await tell_world(analyst)

    assert (await analyst.ask(user_id=user_id, expect=404))["detail"] == "There is no user with this user_id."


async def test_another_workspace_sees_nothing_and_knows_nobody(analyst):
    await tell_world(analyst)
    theirs = await analyst.world.api.key("metrics:read", workspace="other")

    answer = (await analyst.answer(headers=theirs)).json()
    assert answer == {"items_compared": 0, "begins_with": None, "rows": []}
    await analyst.answer(headers=theirs, user_id="u1", expect=404)


async def test_items_are_what_is_asked_for(analyst):
    for who in ("u1", "u2", "u3"):
        await analyst.tell(
            did(who, "watched", "01", {"content_id": "课程一"}), did(who, "watched", "01", {"content_id": 2}),
            did(who, "listed", "01", {"content_id": "3"}), did(who, "watched", "01"),
        )  # fmt: skip
    await analyst.tell(*(did("robot", "watched", "01", {"content_id": item}, **BOT) for item in ("课程一", "4")))
    await analyst.tell_of_nobody("watched", "01")

    answer = await analyst.ask(of={"event": "watched"}, by="properties.content_id")

    assert (shown(answer), answer["items_compared"]) == ([("课程一", "2", 3, 3)], 2)
    table = await analyst.answer(of={"event": "watched"}, by="properties.content_id", headers={"Accept": "text/csv"})
    assert table.text.splitlines() == ["item,goes_with,score,people,together", "课程一,2,1.0,3,3"]


async def test_a_thousand_items_with_long_names_are_compared_and_no_more(analyst):
    def item(number):
        return f"{number:04}" + "长" * 196

    for start in range(0, 1_050, 350):
        await analyst.tell(
            *(
                did(f"u{who}", "A", "01", {"id": item(n)})
                for n in range(start, start + 350)
                for who in (1, 2)[: 1 + (n < 1_000)]
            )
        )

    answer = await analyst.ask(by="properties.id", min_people=1, item=item(999), limit=50)

    # those of one person come after those of two; 200 of each person are compared: of one time those with the first names
    assert (answer["items_compared"], answer["begins_with"], answer["rows"]) == (MOST_ITEMS, 1, [])
    answer = await analyst.ask(by="properties.id", min_people=2, item=item(199), limit=50)
    assert [(row["item"], row["people"], row["together"]) for row in answer["rows"]] == [
        (item(number), 2, 2) for number in range(50)
    ]
    assert len((await analyst.ask(by="properties.id", min_people=2))["rows"]) == 10


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ([{"field": "properties.n", "op": "ge", "value": 2}], [("B", "A", 2, 2)]),
        ([{"field": "event", "op": "ne", "value": "A"}], [("C", "B", 2, 2)]),
        (
            [{"field": "person.plan", "op": "eq", "value": "企业"}],
            [("B", "A", 1, 1), ("C", "A", 1, 1), ("C", "B", 1, 1)],
        ),
    ],
)
async def test_conditions_come_first(analyst, where, rows):
    for who in ("u1", "u2"):
        await analyst.tell(did(who, "A", "01", {"n": 3}), did(who, "B", "01", {"n": 2}), did(who, "C", "01", {"n": 1}))
    await analyst.tell(is_known("u1", "01", plan="企业"))

    assert shown(await analyst.ask(where=where, min_people=1)) == rows


async def test_an_item_is_one_by_its_first_two_hundred_characters(analyst):
    for who, end in (("u1", "甲"), ("u2", "乙")):
        await analyst.tell(did(who, "A", "01", {"id": "长" * 200 + end}), did(who, "A", "01", {"id": "短"}))

    answer = await analyst.ask(by="properties.id", min_people=2)

    assert shown(answer) == [("长" * 200, "短", 2, 2)]
    assert shown(await analyst.ask(by="properties.id", min_people=2, item="长" * 200)) == [("短", "长" * 200, 2, 2)]


async def test_what_is_popular_does_not_win_by_itself(analyst):
    # everybody has P (10 people); X and Y are had by the same 3: 3 / 3 before 3 / sqrt(3 * 10)
    for number in range(10):
        who = f"u{number}"
        await analyst.tell(did(who, "P", "01"), *(did(who, item, "01") for item in "XY" if number < 3))

    assert shown(await analyst.ask(item="X")) == [("Y", "X", 3, 3), ("P", "X", 10, 3)]


async def test_nobody_did_anything(analyst):
    assert await analyst.ask() == {"items_compared": 0, "begins_with": None, "rows": []}
    assert await analyst.ask(item="A") == {"items_compared": 0, "begins_with": 0, "rows": []}
    await analyst.tell(did("u1", "A", "02-01"))
    assert await analyst.ask(user_id="u1") == {"items_compared": 0, "begins_with": 0, "rows": []}


SENSELESS = [
    ({"limit": 51}, "/limit"),
    ({"limit": 0}, "/limit"),
    ({"by": "content"}, "/by"),
    ({"min_people": 0}, "/min_people"),
    ({"user_id": ""}, "/user_id"),
    ({"item": "x" * 201}, "/item"),
    ({"exclude": ["x"] * 1_001}, "/exclude"),
    ({"user_id": "u1", "item": "A"}, "/item"),
    ({"of": {"event": ""}}, "/of/event"),
]


async def test_what_cannot_be_meant(analyst, subtests):
    for wrong, pointer in SENSELESS:
        with subtests.test(wrong=wrong):
            assert (await analyst.refused(**wrong))[0][0] == pointer


def question(world, random):
    """Return any question about a world, and whom it is about."""
    first = world.first_day + timedelta(days=random.randrange(-1, 2))
    asked = {
        "from": first.isoformat(),
        "to": (first + timedelta(days=world.days)).isoformat(),
        "time_zone": world.zone,
        "by": random.choice(("event", "properties.source", "path")),
        "min_people": random.choice((1, 2)),
        "exclude": random.sample([*NAMES, "微信", "/pricing"], k=random.randrange(3)),
        "limit": 50,
    }
    person = None
    match random.choice(("pairs", "item", "person")):
        case "item":
            asked["item"] = {"event": "view", "path": "/", "properties.source": "ad"}[asked["by"]]
        case "person":
            person = random.choice(sorted({one["person"] for one in world.events if one["person"]}))
    return asked, person


def plain(events, asked, person):
    """Return the answer, found set by set."""
    span = span_of(asked | {"interval": "day"})
    users, seen = defaultdict(set), set()
    for one in chosen(events, asked):
        item = text(field(one, asked["by"]))
        if one["person"] and item != NONE and matches(one, {}):
            if one["person"] == person:
                seen.add(item)
            if span.since <= one["time"] < span.until:
                users[item].add(one["person"])
    seen &= set(users)

    def score(one, other):
        both = len(users[one] & users[other])
        return both / sqrt(len(users[one]) * len(users[other])) if both >= asked["min_people"] else 0

    rows = []
    free = [item for item in users if item not in asked["exclude"]]
    if person is not None:
        mine = [item for item in users if person in users[item]]
        for item in set(free) - seen:
            together = set().union(*(users[item] & users[each] for each in mine))
            rows.append((item, None, sum(score(item, each) for each in mine), len(together)))
    elif given := asked.get("item"):
        rows = [
            (item, given, score(item, given), len(users[item] & users[given]))
            for item in free
            if item != given and given in users
        ]
    else:
        for pair in combinations(free, 2):
            more, less = sorted(pair, key=lambda item: (-len(users[item]), item))
            rows.append((less, more, score(less, more), len(users[less] & users[more])))
    ranked = sorted(
        (row for row in rows if row[2]), key=lambda row: (-round(row[2], 12), -row[3], row[0], row[1] or "")
    )
    return {
        "items_compared": len(users),
        "rows": [
            {"item": item, "goes_with": other, "score": found, "people": len(users[item]), "together": together}
            for item, other, found, together in ranked[:50]
        ],
    }


@pytest.mark.parametrize("seed", [*range(1, 7), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(7, 21))])
async def test_the_product_counts_as_plain_python_does(world_with_store, seed):
    insights, world = Insights(world_with_store), world_of(seed)
    world_with_store.api.clock.set(world.now)
    await insights.happened(*world.messages)
    listed = await world_with_store.get("/v1/users", limit=100)
    known = {user["user_id"] for user in listed["items"]}

    for number in range(3):
        asked, person = question(world, Random(f"{seed} {number}"))
        ids = [f"user-{person[1:]}", f"用户{person[1:]}", f"anonymous-{person[1:]}-0"] if person else []
        named = {"user_id": next(id for id in ids if id in known)} if person else {}
        found = await insights.ask("next-best", **asked, **named)
        assert list(differences(found, plain(world.events, asked, person))) == [], (asked, named)
