"""The people behind a lifecycle, worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from opsloop_metrics.lifecycles.rules import lifecycle_of
from services.metrics.tests.asked import Insights, did, identified
from services.metrics.tests.behind import behind, refused

QUERY = {"from": "2026-03-01", "to": "2026-03-04", "time_zone": "UTC", "event": "open"}


@pytest_asyncio.fixture
async def insights(world_with_store):
    """Return a world of opens; u4 was seen on 28 February, and opened nothing then.

    day    28 01 02 03 04      new       returning  resurrecting  dormant
    u1      x  x  .  x  .      28        01         03            02, 04
    u2      .  x  x  .  .      01        02                       03
    u3      x  .  .  .  x      28                   04            01
    u4      .  .  x  .  .                           02            03
    """
    insights = Insights(world_with_store)
    days = {"u1": ("02-28", "03-01", "03-03"), "u2": ("03-01", "03-02"), "u3": ("02-28", "03-04"), "u4": ("03-02",)}
    await insights.happened(
        identified("u4", "02-28T10:00"),
        *(did(who, "open", f"{day}T12:00") for who, own in days.items() for day in own),
    )
    return insights


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("new", [{"u2"}, set(), set(), set()]),
        ("returning", [{"u1"}, {"u2"}, set(), set()]),
        ("resurrecting", [set(), {"u4"}, {"u1"}, {"u3"}]),
        ("dormant", [{"u3"}, {"u1"}, {"u2", "u4"}, {"u1"}]),
    ],
)
async def test_what_people_are_in_each_interval(insights, status, expected):
    counts = (await insights.ask("lifecycle", **QUERY))[status]
    for interval, people in enumerate(expected):
        found = await behind(insights.world, "lifecycle", QUERY, interval=interval, status=status)

        assert (set(found), len(found)) == (people, abs(counts[interval]))


async def test_weeks(insights):
    # from Monday 23 February: u1, u2 and u3 are new in it (u4 was only seen); from Monday 2 March all but u4 return
    query = QUERY | {"from": "2026-02-23", "interval": "week", "week_start": "monday"}

    weeks = [
        {
            status: set(await behind(insights.world, "lifecycle", query, interval=interval, status=status))
            for status in ("new", "returning", "resurrecting", "dormant")
        }
        for interval in range(2)
    ]

    assert weeks == [
        {"new": {"u1", "u2", "u3"}, "returning": set(), "resurrecting": set(), "dormant": set()},
        {"new": set(), "returning": {"u1", "u2", "u3"}, "resurrecting": {"u4"}, "dormant": set()},
    ]


@pytest.mark.parametrize(
    ("query", "number", "expected"),
    [
        (QUERY, {"interval": 4, "status": "new"}, ["/interval"]),
        (QUERY, {"interval": -1, "status": "new"}, ["/interval"]),
        (QUERY, {"interval": 0, "status": "gone"}, ["/status"]),
        (QUERY, {"interval": 0}, ["/status"]),
        (QUERY | {"from": "2026-03-09"}, {"interval": 0, "status": "new"}, ["/query/to"]),
        (QUERY | {"time_zone": "Mars"}, {"interval": 0, "status": "new"}, ["/query/time_zone"]),
    ],
)
async def test_what_is_no_number_of_the_answer_is_named(insights, query, number, expected):
    assert await refused(insights.world, "lifecycle", query, **number) == expected


def test_who_is_new_and_returns_by_what_others_told_makes_nobody_fewer():
    # one was active before by another service's event, and is first seen now; two come back
    answer = lifecycle_of(["a"], [(0, False, False, 1), (1, True, True, 1), (1, False, False, 2)], incomplete_from=None)

    assert (answer.new, answer.returning, answer.resurrecting, answer.dormant) == ([1], [1], [2], [0])
