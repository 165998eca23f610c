"""Funnels through the door: worlds worked by hand, what is refused, and one way of the store held against another."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

HOUR = {"window": "PT1H"}
BY_HAND = {
    # what happened, steps, counts, what else is asked
    "equal times serve in any order": ("A0 B1 B1 B2", "ABB", [1, 1, 1], {}),
    "one event serves one step": ("A0", "AA", [1, 0], {}),
    "all at once": ("C0 B0 A0", "ABC", [1, 1, 1], {}),
    "out of order": ("B0 A1", "AB", [1, 0], {}),
    "others in between": ("A0 X1 B2", "AB", [1, 1], {}),
    "the window's last moment counts": ("A0 B60", "AB", [1, 1], HOUR),
    "a moment later does not": ("A0 B61", "AB", [1, 0], HOUR),
    "a later start has a window of its own": ("A0 A30 B80", "AB", [1, 1], HOUR),
    "the window is of the whole chain": ("A0 B40 C80", "ABC", [1, 1, 0], HOUR),
    "a chain begins anew": ("A0 B1 A50 B70 C100", "ABC", [1, 1, 1], HOUR),
    "strict: nothing in between": ("A0 X1 B2", "AB", [1, 0], {"order": "strict"}),
    "strict: in a row": ("A0 B1 C2", "ABC", [1, 1, 1], {"order": "strict"}),
    "strict: what comes before and after does not matter": ("X0 A1 B2 X3", "AB", [1, 1], {"order": "strict"}),
    "strict: at the same time as the last": ("A0 B1 X1", "AB", [1, 1], {"order": "strict"}),
    "strict: at the same time as one between": ("A0 B1 X1 C2", "ABC", [1, 1, 0], {"order": "strict"}),
    "strict: begins anew": ("A0 X1 A2 B3", "AB", [1, 1], {"order": "strict"}),
    "unordered: any order": ("C0 A1 B2", "ABC", [1, 1, 1], {"order": "unordered"}),
    "unordered: within one window": ("C0 A50 B110", "ABC", [1, 1, 0], {"order": "unordered"} | HOUR),
    "excluded between": ("A0 X1 B2", "AB", [0, 0], {"exclusions": [{"event": "X", "from": 0, "to": 1}]}),
    "excluded before": ("X0 A1 B2", "AB", [1, 1], {"exclusions": [{"event": "X", "from": 0, "to": 1}]}),
    "excluded after": ("A0 B1 X2", "AB", [1, 1], {"exclusions": [{"event": "X", "from": 0, "to": 1}]}),
    "excluded at the same time": (
        "A0 X0 X1 B1",
        "AB",
        [1, 1],
        {"exclusions": [{"event": "X", "from": 0, "to": 1}]} | HOUR,
    ),
    "excluded, and never there": ("A0 X60", "AB", [0, 0], {"exclusions": [{"event": "X", "from": 0, "to": 1}]} | HOUR),
    "excluded once it is over": ("A0 X61", "AB", [1, 0], {"exclusions": [{"event": "X", "from": 0, "to": 1}]} | HOUR),
    "a clean way beside": ("A0 X1 B2 A3 B4", "AB", [1, 1], {"exclusions": [{"event": "X", "from": 0, "to": 1}]}),
    "excluded later only": ("A0 X1 B2 C3", "ABC", [1, 1, 1], {"exclusions": [{"event": "X", "from": 1, "to": 2}]}),
    "not so far": ("A0 X1", "ABC", [1, 0, 0], {"exclusions": [{"event": "X", "from": 1, "to": 2}]}),
    "optional, done": ("A0 O1 C2", "AoC", [1, 1, 1], {}),
    "optional, not done": ("A0 C2", "AoC", [1, 0, 1], {}),
    "optional, too late": ("A0 C2 O3", "AoC", [1, 0, 1], {}),
    "optional, behind the deepest": ("A0 O3", "AoC", [1, 1, 0], {}),
    "totals": ("A0 B1 A2 B3 A4", "AB", [3, 2], {"count_by": "totals"}),
    "totals of the same event": ("A0 A1 A2", "AA", [2, 1], {"count_by": "totals"}),
    "sessions": ("A0 B10 A100 A200 B231", "AB", [3, 1], {"count_by": "sessions"}),
    "a break of 30 minutes is none": ("A0 X30 B60", "AB", [1, 1], {"count_by": "sessions"}),
}


async def test_by_hand(funnels, subtests):
    found = await funnels.counts_of(
        {
            name: (
                funnels.story(happened),
                [{"event": step.upper(), "optional": step.islower()} for step in steps],
                query,
            )
            for name, (happened, steps, _, query) in BY_HAND.items()
        }
    )

    for name, (_, _, counts, _) in BY_HAND.items():
        with subtests.test(name=name):
            assert found[name] == counts


async def test_shares_times_and_bins(funnels):
    # seconds to B: 60, 120, 240; to C: 600 after A
    await funnels.happened(
        *funnels.story("A0 B1 C10", "p1"),
        *funnels.story("A0 B2", "p2"),
        *funnels.story("A0 B4", "p3"),
        *funnels.story("A5", "p4"),
    )

    found = await funnels.ask("A", {"event": "B", "label": "Activated"}, "C")

    assert found["steps"] == [
        {
            "label": "A",
            "count": 4,
            "from_first": 1,
            "from_previous": 1,
            "dropped": 0,
            "average_seconds": None,
            "median_seconds": None,
            "in_progress": 0,
        },
        {
            "label": "Activated",
            "count": 3,
            "from_first": 0.75,
            "from_previous": 0.75,
            "dropped": 1,
            "average_seconds": 140,
            "median_seconds": 120,
            "in_progress": 0,
        },
        {
            "label": "C",
            "count": 1,
            "from_first": 0.25,
            "from_previous": 1 / 3,
            "dropped": 2,
            "average_seconds": 540,
            "median_seconds": 540,
            "in_progress": 0,
        },
    ]
    bins = [{"from_seconds": 600, "to_seconds": 660, "count": 1}, {"from_seconds": 660, "to_seconds": 720, "count": 0}]
    assert found["time_to_convert"] == {"average_seconds": 600, "median_seconds": 600, "bins": bins}
    assert found["breakdown"] is None


@pytest.mark.parametrize("order", ["ordered", "strict"])
async def test_bins_are_as_wide_as_the_cube_root_of_the_count_says(funnels, order):
    # 9 people, 60 … 540 s: 3 bins of ⌈480 / 3⌉ = 160 s from 60 on, and one more
    await funnels.happened(*(event for n in range(1, 10) for event in funnels.story(f"A0 B{n}", f"p{n}")))

    found = (await funnels.ask("A", "B", order=order))["time_to_convert"]

    assert [(each["from_seconds"], each["count"]) for each in found["bins"]] == [(60, 3), (220, 3), (380, 2), (540, 1)]
    assert (found["average_seconds"], found["median_seconds"]) == (300, 300)


async def test_nobody(funnels):
    for order in ("ordered", "unordered"):
        found = await funnels.ask("A", "B", order=order)
        assert [(step["count"], step["from_first"], step["from_previous"]) for step in found["steps"]] == [
            (0, None, None)
        ] * 2
        assert found["time_to_convert"] == {"average_seconds": None, "median_seconds": None, "bins": []}


@pytest.mark.parametrize("order", ["ordered", "strict"])
async def test_the_range_says_who_enters_or_all_that_counts(funnels, order):
    # until midnight there are 720 minutes; the first entered before the range
    await funnels.happened(
        *funnels.story("A-721 B0", "early"),
        *funnels.story("A719 B730", "late"),
        *funnels.story("A720 B730", "next"),
        *funnels.story("A0 B719", "within"),
    )

    assert await funnels.counts("A", "B", order=order) == [2, 2]
    assert await funnels.counts("A", "B", order=order, mode="range") == [2, 1]


@pytest.mark.parametrize("order", ["ordered", "strict"])
async def test_whose_window_is_open_is_in_progress_and_has_not_dropped_out(funnels, order):
    await funnels.happened(
        *funnels.story("A0", "gone"),
        *funnels.story("A10", "waits"),
        *funnels.story("A0 A10", "tries again"),
        *funnels.story("A5 B6", "done"),
    )
    funnels.world.api.clock.set(
        funnels.NOON + timedelta(minutes=70)
    )  # the window that began at minute 10 is open until now

    found = (await funnels.ask("A", "B", order=order, window="PT1H"))["steps"][1]
    assert (found["count"], found["dropped"], found["in_progress"]) == (1, 1, 2)

    funnels.world.api.clock.set(funnels.NOON + timedelta(minutes=70, milliseconds=1))
    found = (await funnels.ask("A", "B", order=order, window="PT1H"))["steps"][1]
    assert (found["count"], found["dropped"], found["in_progress"]) == (1, 3, 0)


BROKEN_DOWN = [
    ({"attribution": "first"}, {"x": [2, 1], "y": [1, 1], "$none": [1, 0]}),
    ({"attribution": "last"}, {"x": [1, 0], "y": [2, 2], "$none": [1, 0]}),
    ({"attribution": "step", "step": 1}, {"y": [2, 2]}),
    ({"attribution": "step", "step": 0}, {"x": [2, 1], "$none": [2, 1]}),
    ({"attribution": "all"}, {"$none": [2, 0], "x": [2, 0]}),
]


async def test_breakdown(funnels, subtests):
    x, y = {"utm_source": "x"}, {"utm_source": "y"}
    await funnels.happened(
        ("p1", "A", 0, x),
        ("p1", "B", 1, y),
        ("p2", "A", 0),
        ("p2", "B", 1, y),
        ("p3", "A", 0, x),
        ("p4", "A", 0),
    )
    for order in ["ordered", "strict"]:
        for attribution, expected in BROKEN_DOWN:
            with subtests.test(order=order, attribution=attribution):
                found = await funnels.ask("A", "B", order=order, breakdown={"field": "utm_source"} | attribution)

                assert {
                    each["value"]: [step["count"] for step in each["steps"]] for each in found["breakdown"]
                } == expected
                assert [step["count"] for step in found["steps"]] == [4, 2]


@pytest.mark.parametrize("order", ["ordered", "strict"])
@pytest.mark.parametrize("attribution", ["first", "all"])
async def test_values_beyond_the_limit_are_one(funnels, order, attribution):
    told = {"a": 3, "b": 2, "c": 2, "d": 1}
    for value, people in told.items():
        await funnels.happened(
            *(e for n in range(people) for e in funnels.story("A0 B2", f"{value}{n}")), properties={"plan": value}
        )

    breakdown = {"field": "properties.plan", "limit": 2, "attribution": attribution}
    found = (await funnels.ask("A", "B", order=order, breakdown=breakdown))["breakdown"]

    rows = [(each["value"], each["steps"][1]["count"], each["steps"][1]["median_seconds"]) for each in found]
    assert rows == [("a", 3, 120), ("b", 2, 120), ("$other", 3, 120)]


EXCLUDED = {"event": "X", "from": 0, "to": 1}
REFUSED = {
    "one step": ({"steps": [{"event": "A"}]}, "/steps"),
    "too many steps": ({"steps": [{"event": "A"}] * 21}, "/steps"),
    "no window": ({"window": "PT0S"}, "/window"),
    "too long": ({"window": "P367D"}, "/window"),
    "too long in years": ({"window": "P1Y2D"}, "/window"),
    "no duration": ({"window": "soon"}, "/window"),
    "exclusion from the last": ({"exclusions": [EXCLUDED | {"from": 1}]}, "/exclusions/0/from"),
    "exclusion backwards": ({"exclusions": [EXCLUDED, EXCLUDED | {"to": 0}]}, "/exclusions/1/to"),
    "exclusion beyond": ({"exclusions": [EXCLUDED | {"to": 2}]}, "/exclusions/0/to"),
    "unordered, excluded in part": (
        {"steps": [{"event": "A"}] * 3, "order": "unordered", "exclusions": [EXCLUDED]},
        "/exclusions/0/from",
    ),
    "optional first": ({"steps": [{"event": "A", "optional": True}, {"event": "B"}]}, "/steps/0/optional"),
    "optional last": ({"steps": [{"event": "A"}, {"event": "B", "optional": True}]}, "/steps/1/optional"),
    "strict and optional": (
        {"order": "strict", "steps": [{"event": "A"}, {"event": "B", "optional": True}, {"event": "C"}]},
        "/steps/1/optional",
    ),
    "excluded from an optional step": (
        {
            "steps": [{"event": "A"}, {"event": "B", "optional": True}, {"event": "C"}],
            "exclusions": [{"event": "X", "from": 1, "to": 2}],
        },
        "/exclusions/0/from",
    ),
    "step of no funnel": ({"breakdown": {"field": "os", "attribution": "step", "step": 2}}, "/breakdown/step"),
    "step of an unordered one": (
        {"order": "unordered", "breakdown": {"field": "os", "attribution": "step", "step": 1}},
        "/breakdown/step",
    ),
    "unknown field": ({"breakdown": {"field": "plan"}}, "/breakdown/field"),
    "backwards": ({"from": "2026-03-04"}, "/to"),
}


async def test_what_cannot_be_meant_is_refused_with_the_place(funnels, subtests):
    for name in sorted(REFUSED):
        with subtests.test(name=name):
            query, pointer = REFUSED[name]
            body = funnels.RANGE | {"steps": [{"event": "A"}, {"event": "B"}]} | query

            answer = await funnels.world.post("/v1/insights/funnel", body, expect=422)
            assert answer["errors"][0]["pointer"] == pointer

            if pointer != "/to":
                answer = await funnels.world.post("/v1/insights/funnel/persons", {"query": body, "step": 0}, expect=422)
                assert answer["errors"][0]["pointer"] == f"/query{pointer}"


async def test_a_step_that_is_not_there_has_nobody_behind_it(funnels):
    body = {"query": funnels.RANGE | {"steps": [{"event": "A"}, {"event": "B"}]}, "step": 2}

    answer = await funnels.world.post("/v1/insights/funnel/persons", body, expect=422)
    assert answer["errors"][0]["pointer"] == "/step"


async def test_months_and_years_are_elapsed_days(funnels):
    await funnels.happened(
        *funnels.story(f"A0 B{30 * 24 * 60}", "in a month"), *funnels.story(f"A0 B{30 * 24 * 60 + 1}", "later")
    )

    assert await funnels.counts("A", "B", window="P1M") == [2, 1]
    assert await funnels.counts("A", "B", window="P1Y") == [2, 2]
    assert await funnels.counts("A", "B", window="P1MT1M") == [2, 2]


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 12))])
async def test_two_ways_of_the_store_say_the_same(funnels, seed):
    """The same funnel with an exclusion that never happens, and that could be a step: event by event, and time by time."""
    draw = random.Random(seed)
    people = [f"p{n}" for n in range(12)]
    told = [
        (
            draw.choice(people),
            draw.choice("ABCX"),
            draw.randrange(0, 1500, 10),
            {"utm_source": draw.choice(["", "x", "y"])},
        )
        for _ in range(150)
    ]
    await funnels.happened(*told)
    funnels.world.api.clock.set(funnels.NOON + timedelta(minutes=draw.choice([300, 700, 1000])))
    query = {
        "window": draw.choice(["PT30M", "PT2H", "PT10H"]),
        "mode": draw.choice(["entry", "range"]),
        "breakdown": {
            "field": "utm_source",
            "attribution": draw.choice(["first", "last", "all"]),
            "limit": draw.choice([1, 5]),
        },
        "exclusions": [EXCLUDED | {"from": draw.choice([0, 1]), "to": 2}] if draw.random() < 0.6 else [],
    }
    never = {"event": "A", "where": [{"field": "os", "op": "eq", "value": "none"}]}

    by_event = await funnels.ask("A", "B", "C", **query)
    by_time = await funnels.ask(
        "A", "B", "C", **query | {"exclusions": [*query["exclusions"], never | {"from": 0, "to": 1}]}
    )

    assert by_event == by_time
    assert by_event["steps"][0]["count"] > 0
